"""The directions in which a structure may move: what constraints leave, without its motions as a whole."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from scipy.linalg import null_space

from al_workflows.errors import InputError
from al_workflows.records import FloatArray

#: a Hessian costs 6 predictions a free atom, each of them linear in the atoms: seconds at this number of directions
MOST_FREE_DIRECTIONS = 300


def can_have_modes(atoms: Atoms) -> bool:
    """Whether the modes of ``atoms`` can be told: constraints leave straight directions, and not too many of them."""
    try:
        return len(free_directions(atoms)) <= MOST_FREE_DIRECTIONS
    except InputError:
        return False


def free_directions(atoms: Atoms) -> FloatArray:
    """Orthonormal directions in which the structure may move without moving as a whole, [n, N, 3].

    Rigid translations and rotations cost no energy, so they would only hide the softest mode; they are left out where
    constraints and periodicity allow them.

    Raises
    ------
    InputError
        A constraint leaves no straight directions (bond lengths, internals), so that second derivatives need more than
        a projection.
    """
    size = 3 * len(atoms)
    allowed = _projection(atoms)  # [3N, 3N]
    if np.array_equal(allowed, np.diag(np.diag(allowed))):
        basis = np.eye(size)[:, np.diag(allowed) > 0.5]  # whole coordinates
    else:
        values, vectors = np.linalg.eigh(allowed)
        basis = vectors[:, values > 0.5]
    rigid = [motion for motion in _rigid_motions(atoms) if np.abs(allowed @ motion - motion).max() < 1e-8]
    if rigid:
        basis = basis @ null_space(np.array(rigid) @ basis)
    return np.ascontiguousarray(basis.T).reshape(-1, len(atoms), 3)


def _projection(atoms: Atoms) -> FloatArray:
    """The projection onto what the constraints leave free, [3N, 3N], from what they do to forces."""
    copy, size = atoms.copy(), 3 * len(atoms)
    projection = np.eye(size)
    motion = np.random.default_rng(len(atoms)).normal(0.0, 0.1, (len(atoms), 3))  # Å: any
    still = np.zeros((len(atoms), 3))
    for constraint in copy.constraints:
        for row in projection:
            constraint.adjust_forces(copy, row.reshape(-1, 3))
        constraint.adjust_forces(copy, motion)
        constraint.adjust_forces(copy, still)
    there = atoms.positions + motion
    for constraint in copy.constraints:
        constraint.adjust_positions(copy, there)
    faults = (still, projection - projection.T, projection @ projection - projection, there - atoms.positions - motion)
    if max(np.abs(fault).max(initial=0.0) for fault in faults) > 1e-8:
        kinds = ", ".join(sorted({type(constraint).__name__ for constraint in atoms.constraints}))
        raise InputError(
            f"the constraints are {kinds} but must leave straight directions free for a Hessian, as FixAtoms and "
            "FixCartesian do; take the others off"
        )
    return projection


def _rigid_motions(atoms: Atoms) -> list[FloatArray]:
    """Translations, and the rotations that periodicity allows, as orthonormal vectors, [3N] each."""
    arms = atoms.positions - atoms.positions.mean(axis=0)  # [N, 3]
    motions = [np.tile(axis, len(atoms)) for axis in np.eye(3)]
    periodic = atoms.cell.array[atoms.pbc]
    axes = np.eye(3) if len(periodic) == 0 else periodic if len(periodic) == 1 else np.zeros((0, 3))
    motions += [np.cross(axis, arms).ravel() for axis in axes]
    independent: list[FloatArray] = []
    for motion in motions:  # Gram-Schmidt; a linear molecule has a rotation less
        left = motion - sum((np.vdot(other, motion) * other for other in independent), np.zeros_like(motion))
        norm = float(np.linalg.norm(left))
        if norm > 1e-3 * np.sqrt(len(atoms)):
            independent.append(left / norm)
    return independent
