"""What DFT says of a mode at a stationary point, from single points beside it, and what the point is then."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from al_workflows.curvature import TOLERANCE, energy_and_forces
from al_workflows.errors import InputError
from al_workflows.records import Label, Record

#: eV/Å²: where one side says less, DFT is asked about the other side as well before it is believed
UNSURE = 0.1
#: Å: structures nearer than this are one
SAME_PLACE = 1e-6


class PointKind(enum.StrEnum):
    """What a stationary point is."""

    MINIMUM = "minimum"
    SADDLE = "saddle"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class ModeCheck(Record):
    """What DFT single points beside a stationary point say of the curvature along the line through them.

    ``distance`` (Å) is the norm of the displacement of all atoms, d; ``slope`` (eV/Å) what is left of the gradient
    along it at the stationary point; ``energy_change`` (eV) the (lower) displaced structure's energy less the point's.
    With E = g s + k s²/2 + t s³/6 + q s⁴/24, all in eV/Å²:

    From one side, ``by_forces`` and ``by_energy`` are the curvatures of the parabolas through both slopes and through
    slope and both energies, k + t d/2 + q d²/6 and k + t d/3 + q d²/12. ``curvature`` is that of the cubic through all
    four, k - q d²/12: it alone is free of the asymmetry t, with which a parabola calls a soft minimum a saddle, and the
    reverse. An error σ of the forces makes 4.5 σ/d of it: 0.03 for 1 meV/Å over 0.15 Å.

    From ``both_sides``, they are the central differences k + q d²/6 and k + q d²/12, and ``curvature`` what both give
    without q: k, and 0.7 σ/d.
    """

    distance: float
    slope: float
    by_forces: float
    by_energy: float
    curvature: float
    energy_change: float
    both_sides: bool = False

    def negative(self, tolerance: float = TOLERANCE) -> bool:
        """Whether DFT finds a curvature below ``-tolerance`` (eV/Å²)."""
        return self.curvature < -tolerance

    def unsure(self) -> bool:
        """Whether one side alone does not tell the sign: DFT's own noise, or the fourth derivative, may make it."""
        return not self.both_sides and self.curvature < UNSURE


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
    distance, slope, slope_there, rise = _between(point, moved)
    by_forces = (slope_there - slope) / distance
    by_energy = 2 * (rise - slope * distance) / distance**2
    return ModeCheck(distance, slope, by_forces, by_energy, 3 * by_energy - 2 * by_forces, rise)


def check_both_sides(point: Label, moved: Label, mirrored: Label) -> ModeCheck:
    """As :func:`check_mode`, with the label of the structure as far on the other side of the point."""
    distance, slope, slope_there, rise = _between(point, moved)
    _, _, slope_back, rise_back = _between(point, mirrored)  # outwards, as the other
    by_forces = (slope_there + slope_back) / (2 * distance)
    by_energy = (rise + rise_back) / distance**2
    lower = min(rise, rise_back)
    return ModeCheck(distance, slope, by_forces, by_energy, 2 * by_energy - by_forces, lower, both_sides=True)


def mirrored(point: Atoms, moved: Atoms) -> Atoms:
    """The structure as far from ``point`` as ``moved``, on the other side."""
    other = point.copy()
    other.positions += point.positions - moved.positions
    return other


def checks_beside(point: Label, answered: Sequence[Label]) -> list[tuple[Label, ModeCheck]]:
    """What accepted labels beside a stationary point say, each direction once, with the first label of it."""
    left, found = list(answered), []
    while left:
        moved = left.pop(0)
        other = mirrored(point.atoms, moved.atoms).positions
        back = next((label for label in left if np.abs(label.atoms.positions - other).max() < SAME_PLACE), None)
        if back is None:
            found.append((moved, check_mode(point, moved)))
        else:
            left.remove(back)
            found.append((moved, check_both_sides(point, moved, back)))
    return found


def _between(point: Label, moved: Label) -> tuple[float, float, float, float]:
    """Distance (Å), slopes along it at the point and at the other (eV/Å), and the rise between them (eV)."""
    energy, forces = energy_and_forces(point)
    energy_there, forces_there = energy_and_forces(moved)
    shift = moved.atoms.positions - point.atoms.positions  # [N, 3]
    distance = float(np.linalg.norm(shift))
    if distance == 0.0:
        raise InputError(f"{moved.key} is the structure of {point.key} but must be displaced from it")
    slope, slope_there = (-float(np.vdot(force, shift)) / distance for force in (forces, forces_there))
    return distance, slope, slope_there, energy_there - energy


def judge(order: int, unchecked: bool, checks: Sequence[ModeCheck], tolerance: float = TOLERANCE) -> Judgement:
    """What a stationary point is.

    Parameters
    ----------
    order
        How many modes the model, trained on all of the checks' labels, holds for negative.
    unchecked
        Whether there is a direction left that DFT is to be asked about (:func:`al_workflows.curvature.next_mode`).
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
        return Judgement(PointKind.UNDECIDED, order, f"{dft}, but the model is not sure of the others")
    return Judgement(PointKind.MINIMUM, 0, f"{dft}; that no other direction is negative is the model's word")
