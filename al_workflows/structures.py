"""Structures: reading and judging them, and the canonical name of one. Lengths are Å, forces eV/Å."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.data import covalent_radii

from al_workflows.errors import InputError

#: two atoms closer than this times the sum of their covalent radii are a mistake in the input
OVERLAP = 0.5
#: decimals of positions, cells (Å), magnetic moments (μB) and charges (e) in :func:`structure_key`
KEY_DECIMALS = 6
#: what ASE's readers raise for a file that is not what its name says
_READ_PROBLEMS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    StopIteration,
    RuntimeError,
    SyntaxError,
    EOFError,
    ImportError,  # a reader of another package
    sqlite3.Error,
)


class Closest(NamedTuple):
    """The closest pair: d_ij over the sum of covalent radii, the atoms' indices, and d_ij in Å."""

    ratio: float
    i: int
    j: int
    distance: float


def read_structure(path: Path) -> Atoms:
    """The last image of ``path``, in any format that ASE reads, with its constraints and without results.

    Raises
    ------
    InputError
        The file cannot be read, or :func:`validate_structure` refuses what it holds.
    """
    from ase.io import read
    from ase.io.formats import UnknownFileTypeError

    if not path.is_file() or path.stat().st_size == 0:
        reason = "is a directory" if path.is_dir() else "is empty" if path.is_file() else "does not exist"
        raise InputError(f"structure file {path} {reason}; give the path of a file that ASE can read")
    try:
        refuse_pickle(path)
        atoms = read(path, index=-1, do_not_split_by_at_sign=True)
    except UnknownFileTypeError as error:
        raise InputError(
            f"structure file {path} has no format that ASE knows; name it e.g. .extxyz, .traj, .cif or POSCAR"
        ) from error
    except _READ_PROBLEMS as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:120] or "it holds no structure"
        raise InputError(
            f"structure file {path} cannot be read ({type(error).__name__}: {reason}); check it with `ase gui`"
        ) from error
    atoms.calc = None
    validate_structure(atoms, str(path))
    return atoms


def refuse_pickle(path: Path) -> None:
    """Raise an :class:`InputError` if ``path`` is a pickle, whose reading would run whatever is in it.

    ASE's own readers of today load none; what reads a name like these, or will, is another package's.
    """
    with path.open("rb") as stream:
        head = stream.read(64)
    named = path.suffix.lower() in (".pckl", ".pkl", ".pickle", ".p", ".py", ".npy", ".npz")
    # protocol 2 and later begin so; old trajectories of ASE are pickles behind this word
    if named or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05") or b"PickleTrajectory" in head:
        raise InputError(
            f"{path} is, or is named like, a file that can hold code (pickle, Python, numpy), which is never read; "
            "write the structure as .extxyz or .traj"
        )


def validate_structure(atoms: Atoms, name: str) -> None:
    """Refuse a structure that no run can start from.

    Parameters
    ----------
    atoms
        The structure.
    name
        What the user knows it by; begins the message.

    Raises
    ------
    InputError
        No atoms, positions or cell not finite, a degenerate periodic cell, an unknown element, overlapping atoms, or
        no atom that may move.
    """
    problem = structure_problem(atoms)
    if problem is not None:
        raise InputError(f"{name}: {problem}; correct the structure")
    closest = min_distance_ratio(atoms)
    if closest.ratio < OVERLAP:
        raise InputError(
            f"{name}: {describe_closest(atoms, closest)} but must be at least {OVERLAP:g}; separate the atoms or "
            "enlarge the cell"
        )
    # any vector without symmetry: a constraint that leaves a direction free leaves a part of it
    probe = np.random.default_rng(0).normal(size=(len(atoms), 3))
    if max_force(atoms, probe) < 1e-12:
        raise InputError(f"{name}: all {len(atoms)} atoms are fixed but one at least must move; free some atoms")


def structure_problem(atoms: Atoms) -> str | None:
    """Why ``atoms`` is no structure at all (nothing said of distances); None if it is one."""
    if len(atoms) == 0:
        return "there are 0 atoms but there must be one at least"
    finite = np.isfinite(atoms.positions).all(axis=1)  # [N]
    if not finite.all():
        i = int(np.flatnonzero(~finite)[0])
        return f"the position of atom {i} ({atoms.symbols[i]}) is {atoms.positions[i].tolist()} but must be finite"
    if not np.isfinite(atoms.cell.array).all():
        return f"the cell is {atoms.cell.array.tolist()} but must be finite"
    if (atoms.numbers < 1).any():
        i = int(np.flatnonzero(atoms.numbers < 1)[0])
        return f"atom {i} is '{atoms.symbols[i]}' but must be a chemical element"
    periodic = atoms.cell.array[atoms.pbc]  # [periodic directions, 3]
    if len(periodic):
        lengths = np.linalg.norm(periodic, axis=1)
        # the volume, area or length that the periodic vectors span, as a share of that of a right-angled cell
        span = math.sqrt(max(float(np.linalg.det(periodic @ periodic.T)), 0.0))
        if lengths.min() < 1e-6 or span < 1e-6 * lengths.prod():
            return f"the periodic cell vectors {periodic.tolist()} span no volume but must be linearly independent"
    return None


def min_distance_ratio(atoms: Atoms) -> Closest:
    """The smallest d_ij / (r_cov,i + r_cov,j) over all pairs, periodic images included.

    An atom and its own image are a pair too (i = j). Infinite, with i = j = 0, for one atom without periodicity. The
    structure must pass :func:`structure_problem`.
    """
    from ase.neighborlist import neighbor_list

    radii = covalent_radii[atoms.numbers]  # [N], Å
    periodic = np.linalg.norm(atoms.cell.array[atoms.pbc], axis=1)
    if len(atoms) == 1 and len(periodic) == 0:
        return Closest(math.inf, 0, 0, math.inf)
    # the largest atom and its nearest image along a cell vector bound the answer: a tiny cell needs a tiny cutoff
    scale = 1.0 if len(periodic) == 0 else min(1.0, 1.001 * float(periodic.min() / (2 * radii.max())))
    while True:
        i, j, d = neighbor_list("ijd", atoms, cutoff=scale * radii)
        if len(d):
            ratio = d / (radii[i] + radii[j])  # [pairs]
            k = int(ratio.argmin())
            return Closest(float(ratio[k]), int(i[k]), int(j[k]), float(d[k]))
        scale *= 2


def describe_closest(atoms: Atoms, closest: Closest) -> str:
    """A clause with the pair's numbers, e.g. ``C 12 and Cu 3 are 0.800 Å apart, 0.384 times …``."""
    i, j = closest.i, closest.j
    pair = f"{atoms.symbols[i]} {i} and {'its own image' if i == j else f'{atoms.symbols[j]} {j}'}"
    return f"{pair} are {closest.distance:.3f} Å apart, {closest.ratio:.3f} times the sum of their covalent radii,"


def in_its_cell(atoms: Atoms) -> str:
    """E.g. ``Cu8CO in the cell [[5.1, 0.0, 0.0], …]`` (Å)."""
    return f"{atoms.symbols} in the cell {atoms.cell.array.round(3).tolist()}"


def structure_key(atoms: Atoms) -> str:
    """SHA-256 (hexadecimal) of all that a single point's numbers depend on.

    Species in their order, positions, cell, periodicity, initial magnetic moments and charges, rounded to
    ``KEY_DECIMALS`` decimals. Constraints and tags do not enter: forces are stored without constraints.
    """
    content = {
        "numbers": atoms.numbers.tolist(),
        "positions": _rounded(atoms.positions),
        "cell": _rounded(atoms.cell.array),
        "pbc": atoms.pbc.tolist(),
        "magmoms": _rounded(atoms.get_initial_magnetic_moments()),
        "charges": _rounded(atoms.get_initial_charges()),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _rounded(values: npt.NDArray[np.float64]) -> list[object]:
    # + 0.0 turns -0.0, which is written differently, into 0.0
    rounded: list[object] = (np.round(np.asarray(values, dtype=float), KEY_DECIMALS) + 0.0).tolist()
    return rounded


def max_force(atoms: Atoms, forces: npt.NDArray[np.float64]) -> float:
    """Largest norm (eV/Å) of a force that the constraints of ``atoms`` leave; NaN if a force is.

    Parameters
    ----------
    atoms
        The structure; not changed.
    forces
        eV/Å, [N, 3], constraints not applied; not changed.
    """
    copy = atoms.copy()
    left = np.array(forces, dtype=float)
    for constraint in copy.constraints:
        constraint.adjust_forces(copy, left)
    return float(np.sqrt((left**2).sum(axis=1)).max(initial=0.0))


def free_atoms(atoms: Atoms) -> npt.NDArray[np.bool_]:
    """Which atoms the constraints of ``atoms`` leave a direction to move in, [N]."""
    copy, ones = atoms.copy(), np.ones((len(atoms), 3))
    for constraint in copy.constraints:
        constraint.adjust_forces(copy, ones)
    return np.asarray((np.abs(ones) > 1e-12).any(axis=1))
