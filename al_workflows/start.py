"""Where a cycle's simulation begins."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.records import Cycle, Label
from al_workflows.simulations.displacement import beside_saddle
from al_workflows.spec import RunSpec
from al_workflows.termination.curvature import saddle_beside, saddle_was_found


def simulation_start(
    spec: RunSpec, start: Atoms, labels: Sequence[Label], history: Sequence[Cycle], calculator: Calculator
) -> Atoms:
    """The lowest label so far where the run asks for that or has been on a saddle, else the run's start.

    Where the lowest lies beside a saddle, it is the side of the saddle that it lies on (``calculator`` is the model).
    """
    known = [(label.energy, label) for label in labels if label.energy is not None]
    lowest_first = getattr(spec.simulation, "start_from", "start") == "lowest_energy" or saddle_was_found(history)
    if not known or not lowest_first:
        return start
    lowest = min(known, key=lambda pair: pair[0])[1]
    saddle = saddle_beside(lowest, history, labels)
    if saddle is None or spec.target_fmax is None:
        return lowest.atoms
    return beside_saddle(saddle.atoms, lowest.atoms, calculator, spec.target_fmax)
