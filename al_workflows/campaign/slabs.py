"""Slabs: a crystal cut along a plane, one of each that are equal by the crystal's symmetry. Lengths are Å."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.constraints import FixAtoms

from al_workflows.campaign.crystal import Crystal
from al_workflows.campaign.facet import facet_name
from al_workflows.campaign.spec import SlabsSpec
from al_workflows.errors import InputError
from al_workflows.records import FloatArray

#: atoms whose heights differ by less are of one layer
LAYER_GAP = 0.2
#: places to cut at that are nearer than this are the same
SAME_CUT = 0.02
#: lattice vectors of a supercell among which the shortest is
_AROUND = tuple((i, j) for i in range(4) for j in range(-3, 4) if (i, j) > (0, 0))
#: larger Miller indices make slabs that nobody computes
LARGEST_INDEX = 9


@dataclass(frozen=True, eq=False)
class Cut:
    """A crystal cut along ``miller``, all of it below ``height`` (Å along the normal) kept; ``termination`` counts."""

    miller: tuple[int, int, int]
    termination: int
    height: float


@dataclass(frozen=True, eq=False)
class Slab:
    """A clean slab: ``unit`` has the primitive surface cell, ``atoms`` is ``repeats`` of it, with fixed atoms.

    Atoms are tagged by layer, 1 the highest; z is along the facet's outward normal.
    """

    unit: Atoms
    atoms: Atoms
    repeats: tuple[int, int]
    layers: int


def miller_indices(given: Sequence[int], crystal: Crystal) -> tuple[int, int, int]:
    """Three indices without a common divisor.

    Raises
    ------
    InputError
        There is no such plane: all are zero, too large, or of four that do not fit together.
    """
    name = f"Miller indices {list(given)}"
    if len(given) == 4:
        if not crystal.hexagonal:
            raise InputError(f"{name}: four indices are of hexagonal cells, which this is not; give three")
        if given[0] + given[1] + given[2] != 0:
            raise InputError(f"{name}: the first three must add up to 0; correct the third")
        given = (given[0], given[1], given[3])
    if len(given) != 3:
        raise InputError(f"{name}: there are {len(given)} but must be three, or four of a hexagonal cell")
    if not any(given):
        raise InputError(f"{name}: all are 0 but one must not be; no plane has these")
    divisor = math.gcd(*given)
    h, k, l = (index // divisor for index in given)  # noqa: E741  # their names
    if max(abs(h), abs(k), abs(l)) > LARGEST_INDEX:
        raise InputError(f"{name}: none may be larger than {LARGEST_INDEX}; take a facet near to it")
    return h, k, l


class Cuts:
    """The different places to cut a crystal at; remembers those that it has given, to give none twice."""

    def __init__(self, crystal: Crystal) -> None:
        self._crystal = crystal
        self._given: dict[tuple[int, int, int], list[float]] = {}
        self.equal = 0

    def along(self, miller: tuple[int, int, int]) -> list[Cut]:
        """Those along ``miller`` that no earlier one is equal to; ``equal`` counts the others."""
        crystal, found = self._crystal, list[Cut]()
        period = _spacing(_primitive_indices(crystal, miller), crystal)
        normal = _normal(crystal, miller)
        for number, height in enumerate(_heights(crystal, miller)):
            if any(
                any(_apart(height, other, period) < SAME_CUT for other in self._given.get(facet, []))
                for facet, height in self._images(normal, height)
            ):
                self.equal += 1
                continue
            self._given.setdefault(miller, []).append(height)
            found.append(Cut(miller, number, height))
        return found

    def _images(self, normal: FloatArray, height: float) -> list[tuple[tuple[int, int, int], float]]:
        """Facet and height of the cut that each operation of the crystal makes of one."""
        images = []
        for rotation, translation in zip(self._crystal.rotations, self._crystal.translations, strict=True):
            turned = rotation @ normal
            indices = self._crystal.cell.cell.array @ turned  # proportional to h, k and l
            scaled = indices / np.abs(indices)[np.abs(indices) > 1e-6].min()
            images.append((_smallest(scaled), height + float(turned @ translation)))
        return images


def build_slab(crystal: Crystal, cut: Cut, spec: SlabsSpec, magmoms: dict[str, float]) -> Slab:
    """The clean slab below a cut.

    Raises
    ------
    InputError
        It is larger than ``max_atoms``, or all of its layers would be fixed.
    """
    primitive = crystal.primitive
    indices = _primitive_indices(crystal, cut.miller)
    u, v, w = _basis(indices, primitive.cell.array)
    period = _spacing(indices, crystal)
    scaled = np.linalg.solve(np.array([u, v, w]).T, primitive.positions.T).T  # [N, 3]
    scaled[:, 2] -= cut.height / period
    scaled -= np.floor(scaled + 1e-9)
    copies = math.ceil(spec.thickness / period - 1e-6)
    positions = np.concatenate([(scaled + np.array([0, 0, n])) @ np.array([u, v, w]) for n in range(copies)])
    normal = np.cross(u, v) / np.linalg.norm(np.cross(u, v))
    x = u / np.linalg.norm(u)
    axes = np.array([x, np.cross(normal, x), normal])  # rows
    positions = positions @ axes.T
    height = float(np.ptp(positions[:, 2]))
    cell = np.zeros((3, 3))
    cell[:2] = np.array([u, v]) @ axes.T
    cell[2, 2] = height + spec.vacuum
    positions[:, 2] += spec.vacuum / 2 - positions[:, 2].min()
    unit = Atoms(np.tile(primitive.numbers, copies), positions, cell=cell, pbc=(True, True, spec.periodic_normal))
    unit.wrap(pbc=(True, True, False), eps=1e-6)
    unit = unit[np.lexsort((*unit.positions.round(3).T[:2], unit.positions[:, 2].round(3)))]
    unit.set_tags(layers_of(unit))
    if magmoms:
        unit.set_initial_magnetic_moments([magmoms.get(symbol, 0.0) for symbol in unit.symbols])
    layers = int(unit.get_tags().max())
    name = f"slab ({facet_name(cut.miller)}), termination {cut.termination}"
    if spec.fixed_layers >= layers:
        raise InputError(
            f"{name}: `slabs.fixed_layers` is {spec.fixed_layers} but must be less than its {layers} layers; raise "
            "`slabs.thickness` or fix fewer"
        )
    repeats = spec.supercell or _repeats(cell, spec.min_lateral)
    atoms = unit.repeat((*repeats, 1))
    if len(atoms) > spec.max_atoms:
        raise InputError(
            f"{name}: it has {len(atoms)} atoms but `slabs.max_atoms` is {spec.max_atoms}; raise that, or lower "
            "`slabs.min_lateral` or `slabs.thickness`"
        )
    if spec.fixed_layers:
        atoms.set_constraint(FixAtoms(mask=atoms.get_tags() > layers - spec.fixed_layers))
    return Slab(unit, atoms, repeats, layers)


def layers_of(atoms: Atoms) -> npt.NDArray[np.int64]:
    """The layer of each atom by height, 1 the highest, [N]."""
    order = np.argsort(-atoms.positions[:, 2], kind="stable")
    steps = -np.diff(atoms.positions[order, 2], prepend=atoms.positions[order[0], 2]) > LAYER_GAP
    found = np.empty(len(atoms), dtype=np.int64)
    found[order] = 1 + np.cumsum(steps)
    return found


def _repeats(cell: FloatArray, min_lateral: float) -> tuple[int, int]:
    """The smallest supercell of a reduced cell in which no lattice vector is shorter than ``min_lateral``."""
    most = [math.ceil(2 * min_lateral / float(np.linalg.norm(vector))) for vector in cell[:2]]
    candidates = sorted(
        ((n, m) for n in range(1, most[0] + 1) for m in range(1, most[1] + 1)),
        key=lambda pair: (pair[0] * pair[1], pair),
    )
    for n, m in candidates:
        shortest = min(np.linalg.norm(i * n * cell[0] + j * m * cell[1]) for i, j in _AROUND)
        if shortest > min_lateral - 1e-6:
            return n, m
    return most[0], most[1]


def _normal(crystal: Crystal, miller: Sequence[int]) -> FloatArray:
    normal = np.asarray(miller) @ crystal.cell.cell.reciprocal().array
    return np.asarray(normal / np.linalg.norm(normal))


def _primitive_indices(crystal: Crystal, miller: Sequence[int]) -> tuple[int, int, int]:
    """The same plane's indices in the primitive cell, without a common divisor."""
    along = np.asarray(miller) @ crystal.cell.cell.reciprocal().array
    return _smallest(crystal.primitive.cell.array @ along)


def _smallest(values: FloatArray) -> tuple[int, int, int]:
    """Whole numbers without a common divisor in the ratio of ``values``."""
    for factor in range(1, 61):  # the primitive cell's vectors are rational in the conventional one's
        whole = np.round(values * factor)
        if whole.any() and np.abs(values * factor - whole).max() < 1e-3 * factor:
            divisor = math.gcd(*(int(one) for one in whole))
            h, k, l = (int(one) // divisor for one in whole)  # noqa: E741
            return h, k, l
    raise ValueError(f"{values} are in no ratio of small whole numbers")


def _spacing(indices: Sequence[int], crystal: Crystal) -> float:
    """Distance of lattice planes, after which the crystal repeats along the normal."""
    return 1.0 / float(np.linalg.norm(np.asarray(indices) @ crystal.primitive.cell.reciprocal().array))


def _heights(crystal: Crystal, miller: tuple[int, int, int]) -> list[float]:
    """Heights in the middle between layers, within one period, lowest first."""
    period = _spacing(_primitive_indices(crystal, miller), crystal)
    along = np.sort((crystal.primitive.positions @ _normal(crystal, miller) + 1e-9) % period)  # [N]
    above = np.append(along[1:], along[0] + period)
    cuts = [(low + high) / 2 for low, high in zip(along, above, strict=True) if high - low > LAYER_GAP]
    return sorted(float(cut % period) for cut in cuts)


def _apart(one: float, other: float, period: float) -> float:
    rest = (one - other) % period
    return min(rest, period - rest)


def _basis(indices: tuple[int, int, int], cell: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Two short lattice vectors in the plane and one to the next plane, right-handed."""
    h, k, l = indices  # noqa: E741
    divisor, s, t = _bezout(h, k)
    if divisor == 0:
        rows = np.array([(1, 0, 0), (0, 1, 0), (0, 0, l)])
    else:
        _, p, q = _bezout(divisor, l)
        rows = np.array([(k // divisor, -h // divisor, 0), (-l * s, -l * t, divisor), (p * s, p * t, q)])
    u, v, w = rows @ cell
    while True:  # Gauss' reduction
        if np.linalg.norm(v) < np.linalg.norm(u) - 1e-9:
            u, v = v, u
        times = round(float(u @ v / (u @ u)) - 1e-9)
        if times == 0:
            break
        v = v - times * u
    if u @ v < -1e-9:  # an angle of 60 or 90 degrees rather than 120
        v = -v
    if np.cross(u, v) @ w < 0:
        u, v = v, u
    return u, v, w


def _bezout(a: int, b: int) -> tuple[int, int, int]:
    """(g, x, y) with a x + b y = g, the largest common divisor, which is not negative."""
    x, y, next_x, next_y = 1, 0, 0, 1
    while b:
        quotient = a // b
        a, b = b, a - quotient * b
        x, y, next_x, next_y = next_x, next_y, x - quotient * next_x, y - quotient * next_y
    return (a, x, y) if a >= 0 else (-a, -x, -y)
