"""Off the saddles of the model: an optimizer stops on one, from a symmetric start, as if it were a minimum."""

from __future__ import annotations

from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.curvature import displaced, modes
from al_workflows.free_directions import can_have_modes

#: eV/Å²: a curvature above minus this may be the noise of a model with few labels
DOWNHILL = 0.05


def both_sides(atoms: Atoms, calculator: Calculator) -> list[Atoms]:
    """Both sides of a saddle along its lowest mode on ``calculator``; nothing where it curves upwards everywhere.

    Nothing as well where modes cannot be told (:func:`~al_workflows.free_directions.can_have_modes`).
    """
    if not can_have_modes(atoms):
        return []
    found = modes(atoms, calculator)
    if len(found.curvatures) == 0 or found.curvatures[0] > -DOWNHILL:
        return []
    return [displaced(atoms, sign * found.directions[0]) for sign in (1.0, -1.0)]
