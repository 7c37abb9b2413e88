"""Which structures may go to DFT, and which of its answers count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from al_workflows.dft.backend import Computed
from al_workflows.records import FloatArray, LabelStatus
from al_workflows.spec import SinglePointSpec
from al_workflows.structures import describe_closest, min_distance_ratio, structure_problem


@dataclass(frozen=True)
class Judged:
    """A status with, if it is OK, energy (eV) and forces (eV/Å, [N, 3]), else a cause of one line."""

    status: LabelStatus
    cause: str = ""
    energy: float | None = None
    forces: FloatArray | None = None


def geometry_gate(atoms: Atoms, limits: SinglePointSpec) -> str | None:
    """Why ``atoms`` must not go to DFT; None if it may."""
    problem = structure_problem(atoms)
    if problem is not None or limits.min_distance == 0:
        return problem
    closest = min_distance_ratio(atoms)
    if closest.ratio < limits.min_distance:
        return f"{describe_closest(atoms, closest)} but must be at least {limits.min_distance:g} (`min_distance`)"
    return None


def judge(computed: Computed, atoms: Atoms, limits: SinglePointSpec) -> Judged:
    """Accept a code's answer or say what is wrong with it.

    Numbers that are missing, of the wrong shape or not finite are ``UNREADABLE``: another attempt may give them. A
    force above the cap is a sound answer about an absurd structure: ``GEOMETRY_REJECTED``, which no other attempt can
    change and which keeps the query away from there.
    """
    energy, forces = _numbers(computed.energy), _numbers(computed.forces)
    if energy is None or energy.shape != ():
        return Judged(LabelStatus.UNREADABLE, f"energy is {_shown(computed.energy)} but must be a number (eV)")
    expected = (len(atoms), 3)
    if forces is None or forces.shape != expected:
        got = "not an array of numbers" if forces is None else f"of shape {forces.shape}"
        return Judged(LabelStatus.UNREADABLE, f"forces are {got} but must have shape {expected}")
    if not np.isfinite(energy):
        return Judged(LabelStatus.UNREADABLE, f"energy is {float(energy)} but must be finite")
    bad = np.flatnonzero(~np.isfinite(forces).all(axis=1))
    if len(bad):
        i = int(bad[0])
        return Judged(
            LabelStatus.UNREADABLE,
            f"the force on atom {i} ({atoms.symbols[i]}) is {forces[i].tolist()} but must be finite",
        )
    norms = np.linalg.norm(forces, axis=1)
    i = int(norms.argmax())
    if norms[i] > limits.max_force:
        return Judged(
            LabelStatus.GEOMETRY_REJECTED,
            f"the force on atom {i} ({atoms.symbols[i]}) is {norms[i]:.1f} eV/Å but must be at most "
            f"{limits.max_force:g} (`max_force`)",
        )
    return Judged(LabelStatus.OK, energy=float(energy), forces=forces)


def _numbers(value: Any) -> FloatArray | None:
    if value is None:
        return None
    try:
        return np.array(value, dtype=float)
    except (TypeError, ValueError):
        return None


def _shown(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 40 else repr(value)[:39] + "…"
