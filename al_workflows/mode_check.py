"""What DFT says of a mode at a stationary point, from single points beside it, and what the point is then."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from al_workflows.curvature import TOLERANCE, energy_and_forces
from al_workflows.errors import InputError
from al_workflows.records import Label, Record


class PointKind(enum.StrEnum):
    """What a stationary point is."""

    MINIMUM = "minimum"
    SADDLE = "saddle"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class ModeCheck(Record):
    """What two DFT single points say of the curvature along the line between them.

    ``distance`` (Å) is the norm of the displacement of all atoms, d; ``slope`` (eV/Å) what is left of the gradient
    along it at the stationary point. ``by_forces`` and ``by_energy`` (eV/Å²) are the curvatures of the parabolas
    through both slopes and through slope and both energies; ``curvature`` (eV/Å²) is that of the cubic through all
    four. With E = g s + k s²/2 + t s³/6 + q s⁴/24 they are k + t d/2 + q d²/6, k + t d/3 + q d²/12 and k - q d²/12:
    the cubic alone is free of the asymmetry t, with which a parabola of one side calls a soft minimum a saddle, and
    the reverse. ``energy_change`` (eV) is the displaced structure's energy less the stationary point's.
    """

    distance: float
    slope: float
    by_forces: float
    by_energy: float
    curvature: float
    energy_change: float

    def negative(self, tolerance: float = TOLERANCE) -> bool:
        """Whether DFT finds a curvature below ``-tolerance`` (eV/Å²)."""
        return self.curvature < -tolerance


@dataclass(frozen=True)
class Judgement(Record):
    """What a stationary point is: ``kind``, the model's ``order`` (its negative modes), and in words who says what."""

    kind: PointKind
    order: int
    reason: str


def check_mode(point: Label, moved: Label) -> ModeCheck:
    """What the labels of a stationary point and of a structure beside it say of the curvature between them.

    Raises
    ------
    InputError
        One of them has no energy and forces, or they are one structure.
    """
    energy, forces = energy_and_forces(point)
    energy_there, forces_there = energy_and_forces(moved)
    shift = moved.atoms.positions - point.atoms.positions  # [N, 3]
    distance = float(np.linalg.norm(shift))
    if distance == 0.0:
        raise InputError(f"{moved.key} is the structure of {point.key} but must be displaced from it")
    slope, slope_there = (-float(np.vdot(force, shift)) / distance for force in (forces, forces_there))
    rise = energy_there - energy
    by_forces = (slope_there - slope) / distance
    by_energy = 2 * (rise - slope * distance) / distance**2
    return ModeCheck(distance, slope, by_forces, by_energy, 3 * by_energy - 2 * by_forces, rise)


def judge(order: int, unchecked: bool, checks: Sequence[ModeCheck], tolerance: float = TOLERANCE) -> Judgement:
    """What a stationary point is.

    Parameters
    ----------
    order
        How many modes the model, trained on all of the checks' labels, holds for negative.
    unchecked
        Whether one of these is a direction that DFT has not judged (:func:`next_mode`).
    checks
        What DFT said of single directions.
    tolerance
        eV/Å².
    """
    if not checks:
        return Judgement(PointKind.UNDECIDED, order, f"{order} negative modes on the model, none checked by DFT")
    lowest = min(check.curvature for check in checks)
    where = "one direction" if len(checks) == 1 else f"{len(checks)} directions"
    dft = f"the lowest curvature that DFT finds in {where} is {lowest:.2f} eV/Å²"
    if lowest < -tolerance:
        order = max(order, 1)
        return Judgement(PointKind.SADDLE, order, f"{dft}; that the saddle is of order {order} is the model's word")
    if unchecked:
        return Judgement(PointKind.UNDECIDED, order, f"{dft}, but the model holds another direction for negative")
    return Judgement(PointKind.MINIMUM, 0, f"{dft}; that no other direction is negative is the model's word")
