"""From an adsorbate of a campaign file to its atoms, and onto a site. Lengths are Å."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from al_workflows.campaign.adsorbate_spec import AdsorbateSpec
from al_workflows.errors import InputError
from al_workflows.records import FloatArray
from al_workflows.structures import min_distance_ratio, read_structure, structure_problem

#: an adsorbate binds by an atom of the first of these that it has
BINDING = ("C", "N", "O", "H")
#: atoms other than the binding one keep this share of covalent radii away from the slab
CLEARANCE = 1.2
#: atoms of two adsorbates that are nearer than this share of covalent radii, or than this in Å, touch
TOUCHING, LEAST_APART = 1.2, 1.7
#: in a skewed cell the nearest image is among these around the one of smallest coordinates, [9, 1, 3]
_STEPS = np.array([[[i, j, 0]] for i in (-1, 0, 1) for j in (-1, 0, 1)], dtype=float)
#: an adsorbate ends so far below the cell's upper end
MARGIN = 2.0


@dataclass(frozen=True, eq=False)
class Adsorbate:
    """An adsorbate turned as it is put on; ``atoms`` have the binding atom at the origin and z away from the slab."""

    name: str
    atoms: Atoms
    binding: int
    height: float | None


def species_atoms(name: str) -> Atoms:
    """An atom or molecule that ASE knows, with the moments (μB) of its ground state.

    Raises
    ------
    InputError
        ASE knows none of this name.
    """
    from ase.build import molecule
    from ase.collections import g2
    from ase.data import ground_state_magnetic_moments

    if atomic_numbers.get(name, 0) > 0:
        return Atoms(name, magmoms=[float(ground_state_magnetic_moments[atomic_numbers[name]])])
    if name in g2.names:
        return molecule(name)
    raise InputError(
        f"{name}: ASE has no atom or molecule of this name; give a name of ase.build.molecule, a `file`, or `symbols` "
        "and `positions`"
    )


def adsorbate_atoms(spec: AdsorbateSpec, directory: Path) -> Atoms:
    """Its atoms as they are given, with ground-state moments where ASE knows them, without cell.

    Raises
    ------
    InputError
        It cannot be made.
    """
    if spec.file is not None:
        found = read_structure((directory / spec.file.expanduser()).resolve())
        return Atoms(found.numbers, found.positions)
    if spec.symbols is None:
        return species_atoms(spec.molecule or spec.name)
    try:
        atoms = Atoms(spec.symbols, spec.positions)
    except (KeyError, ValueError) as error:
        raise InputError(
            f"adsorbate {spec.name}: `symbols` {spec.symbols!r} and its {len(spec.positions)} `positions` do not fit; "
            "give a formula and a position for each of its atoms"
        ) from error
    problem = structure_problem(atoms)
    if problem is not None or min_distance_ratio(atoms).ratio < 0.5:
        raise InputError(f"adsorbate {spec.name}: {problem or 'two atoms are in one place'}; correct `positions`")
    return atoms


def oriented(spec: AdsorbateSpec, atoms: Atoms) -> Adsorbate:
    """``atoms`` turned as ``spec`` says, with the moments that they are to have on slabs.

    Raises
    ------
    InputError
        There is no such binding atom.
    """
    symbols = atoms.get_chemical_symbols()
    binding = spec.binding_atom
    if binding is None:
        element = next((one for one in BINDING if one in symbols), symbols[0])
        binding = symbols.index(element)
    if binding >= len(atoms):
        raise InputError(
            f"adsorbate {spec.name}: `binding_atom` is {binding} but must be below {len(atoms)}, its number of atoms"
        )
    turned = Atoms(atoms.numbers, atoms.positions - atoms.positions[binding])
    if len(turned) > 1 and spec.orientation == "upright":
        rest = np.delete(turned.positions, binding, axis=0).mean(axis=0)
        if np.linalg.norm(rest) > 0.1:  # else the binding atom is in the middle
            turned.rotate(rest, (0, 0, 1))
    for angle, axis in zip(spec.rotation, "xyz", strict=True):
        if angle:
            turned.rotate(angle, axis)
    if spec.magmoms:
        turned.set_initial_magnetic_moments([spec.magmoms.get(symbol, 0.0) for symbol in symbols])
    return Adsorbate(spec.name, turned, binding, spec.height)


def refuse_too_large(adsorbate: Adsorbate, slab: Atoms) -> None:
    """Raise an :class:`InputError` if the adsorbate touches its own images in the plane of ``slab``."""
    closest = touching(adsorbate, slab, np.zeros((1, 3)))
    if closest is not None:
        lengths = " × ".join(f"{length:.2f}" for length in slab.cell.lengths()[:2])
        raise InputError(
            f"adsorbate {adsorbate.name}: in a cell of {lengths} Å it is {closest:.2f} Å from its own image and "
            "touches "
            "it; raise `slabs.min_lateral`"
        )


def touching(adsorbate: Adsorbate, slab: Atoms, shifts: FloatArray) -> float | None:
    """The smallest distance to itself displaced by ``shifts`` [K, 3] or their images in the plane, if these touch.

    A shift by nothing is left out. They touch below :data:`TOUCHING` times the covalent radii of two atoms, and below
    :data:`LEAST_APART`.
    """
    positions, radii = adsorbate.atoms.positions, covalent_radii[adsorbate.atoms.numbers]
    limit = np.maximum(TOUCHING * (radii[:, None] + radii), LEAST_APART)  # [n, n], Å
    span = 2 * float(np.linalg.norm(positions, axis=1).max()) + float(limit.max())
    reach = [int(np.ceil(span * np.linalg.norm(vector))) + 1 for vector in slab.cell.reciprocal().array[:2]]
    steps = [(i, j, 0) for i in range(-reach[0], reach[0] + 1) for j in range(-reach[1], reach[1] + 1)]
    images = (shifts[:, None] + np.array(steps) @ slab.cell.array).reshape(-1, 3)  # [K', 3]
    lengths = np.linalg.norm(images, axis=1)
    images = images[(lengths > 1e-3) & (lengths < span)]
    distances = np.linalg.norm(positions[:, None] + images[:, None, None] - positions, axis=-1)  # [K', n, n]
    return float(distances.min()) if (distances < limit).any() else None


def lowest_height(adsorbate: Adsorbate, slab: Atoms, place: FloatArray) -> float:
    """How high above ``place`` (Å, [3]) the binding atom is where the first atom touches the slab.

    The binding atom touches at the sum of covalent radii, others at :data:`CLEARANCE` times that.
    """
    delta, radii = _to_slab(adsorbate, slab, place), _sums(adsorbate, slab)
    factor = np.full((len(adsorbate.atoms), 1), CLEARANCE)
    factor[adsorbate.binding] = 1.0
    beside = (factor * radii) ** 2 - (delta[..., :2] ** 2).sum(axis=-1)  # [n, N], Å²
    over = beside > 0
    heights = delta[..., 2] + np.sqrt(np.where(over, beside, 0.0))
    return float(heights[over].max()) if over.any() else 0.0


def placed(adsorbate: Adsorbate, slab: Atoms, place: FloatArray) -> FloatArray:
    """Positions of the adsorbate's atoms, [n, 3], with the binding atom above ``place`` (Å, [3]).

    Raises
    ------
    InputError
        It would reach the cell's upper end.
    """
    height = adsorbate.height if adsorbate.height is not None else lowest_height(adsorbate, slab, place)
    positions = adsorbate.atoms.positions + place + [0.0, 0.0, height]
    top, end = float(positions[:, 2].max()), float(slab.cell.array[2, 2])
    if top > end - MARGIN:
        raise InputError(
            f"adsorbate {adsorbate.name}: it reaches {top - place[2]:.2f} Å above the surface, {end - top:.2f} Å from "
            "the "
            f"cell's end, but must end {MARGIN:g} Å before it; raise `slabs.vacuum`"
        )
    return np.asarray(positions)


def closest_ratio(adsorbate: Adsorbate, positions: FloatArray, slab: Atoms) -> float:
    """The smallest distance of the adsorbate's ``positions`` [n, 3] to slab atoms, in sums of covalent radii."""
    at = Adsorbate(adsorbate.name, Atoms(adsorbate.atoms.numbers, positions), adsorbate.binding, None)
    distances = np.linalg.norm(_to_slab(at, slab, np.zeros(3)), axis=-1)
    return float((distances / _sums(adsorbate, slab)).min())


def _to_slab(adsorbate: Adsorbate, slab: Atoms, foot: FloatArray) -> FloatArray:
    """Vectors from each adsorbate atom over ``foot`` to the nearest image in the plane of each slab atom, [n, N, 3]."""
    delta = slab.positions[None] - (adsorbate.atoms.positions + foot)[:, None]
    scaled = slab.cell.scaled_positions(delta.reshape(-1, 3))
    scaled[:, :2] -= np.round(scaled[:, :2])
    near = (scaled @ slab.cell.array)[None] + _STEPS @ slab.cell.array  # [9, n N, 3]
    best = (near[..., :2] ** 2).sum(axis=-1).argmin(axis=0)
    return np.asarray(near[best, np.arange(len(best))].reshape(delta.shape))


def _sums(adsorbate: Adsorbate, slab: Atoms) -> FloatArray:
    radii: FloatArray = covalent_radii[adsorbate.atoms.numbers][:, None] + covalent_radii[slab.numbers]
    return radii
