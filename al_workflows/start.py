"""Where a cycle's simulation begins."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.records import Cycle, Label
from al_workflows.simulations.displacement import beside_saddle, energy_on, off_saddle
from al_workflows.spec import RunSpec
from al_workflows.termination.curvature import saddle_at, saddle_was_found


def simulation_start(
    spec: RunSpec, start: Atoms, labels: Sequence[Label], history: Sequence[Cycle], calculator: Calculator
) -> Atoms:
    """The lowest label so far where the run asks for that or has been on a saddle, else the run's start.

    Where the lowest is a saddle by DFT, or lies beside one, the start is off the saddle (``calculator`` is the model):
    on the side that the lowest lies on, or on the one that is lower on the model.
    """
    known = [(label.energy, label) for label in labels if label.energy is not None]
    lowest_first = getattr(spec.simulation, "start_from", "start") == "lowest_energy" or saddle_was_found(history)
    if not known or not lowest_first:
        return start
    lowest = min(known, key=lambda pair: pair[0])[1]
    saddle = saddle_at(lowest, history, labels)
    if saddle is None or spec.target_fmax is None:
        return lowest.atoms
    point = saddle.point
    sides = [lowest.atoms] if lowest.key != point.key else off_saddle(point, saddle.answered, calculator)
    starts = [beside_saddle(point.atoms, side, calculator, spec.target_fmax) for side in sides]
    return min(starts, key=lambda atoms: energy_on(calculator, atoms))
