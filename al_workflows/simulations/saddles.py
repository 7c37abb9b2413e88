"""Off the saddles of the model: an optimizer stops on one, from a symmetric start, as if it were a minimum."""

from __future__ import annotations

from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.curvature import displaced, modes
from al_workflows.errors import InputError
from al_workflows.free_directions import free_directions

#: eV/Å²: a curvature above minus this may be the noise of a model with few labels
DOWNHILL = 0.05
#: the Hessian costs 6 predictions a free atom, each of them linear in the atoms: seconds at this number
MOST_FREE_DIRECTIONS = 300


def both_sides(atoms: Atoms, calculator: Calculator) -> list[Atoms]:
    """Both sides of a saddle along its lowest mode on ``calculator``; nothing where it curves upwards everywhere.

    Nothing as well for structures of more than :data:`MOST_FREE_DIRECTIONS`, and under constraints that leave no
    straight directions.
    """
    try:
        count = len(free_directions(atoms))
    except InputError:
        return []
    if count > MOST_FREE_DIRECTIONS:
        return []
    found = modes(atoms, calculator)
    if len(found.curvatures) == 0 or found.curvatures[0] > -DOWNHILL:
        return []
    return [displaced(atoms, sign * found.directions[0]) for sign in (1.0, -1.0)]
