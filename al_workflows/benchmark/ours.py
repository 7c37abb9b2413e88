"""A counted relaxation by the learner: the loop in this process, on any parent."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows import offline
from al_workflows.benchmark.parent import Counting, Outcome
from al_workflows.benchmark.relaxed import Trial, lowest
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import AlWorkflowsError
from al_workflows.records import Label, LabelStatus, Request, VerdictKind
from al_workflows.results import RunResult
from al_workflows.spec import RunSpec
from al_workflows.threads import single_threaded

_OUTCOMES = {VerdictKind.CONVERGED: Outcome.CONVERGED, VerdictKind.BUDGET_SPENT: Outcome.CALLS_SPENT}


@single_threaded
def relax_by_learning(spec: RunSpec, start: Atoms, parent: Calculator) -> Trial:
    """Relax ``start`` on ``parent`` as ``spec`` says, which gives limits and gates as well; ``spec.dft`` names no code.

    A loop that cannot go on is a crash with its reason.
    """
    counted, refused, rounds = Counting(parent, start), 0, 0

    def answer(request: Request, directory: Path) -> Label:
        nonlocal refused
        label = single_point_in_process(request, counted, limit=spec.dft, directory=directory)
        refused += int(label.status is LabelStatus.GEOMETRY_REJECTED and label.attempts == 0)
        return label

    with TemporaryDirectory() as directory:
        try:
            result = offline.run(spec, start, Path(directory), answer, clock=time.process_time)
        except AlWorkflowsError as error:
            remark = f"{type(error).__name__}: {error}"
            seconds = {"parent": counted.seconds}
            rounds = counted.calls
            return Trial(counted, Outcome.CRASHED, remark, rounds, lowest(counted.energies), seconds, refused)
    outcome = _OUTCOMES.get(result.verdict.kind, Outcome.ENDED)
    remark = "" if outcome is Outcome.CONVERGED else f"{result.verdict.kind.value}: {result.verdict.reason}"
    rounds = sum(cycle.dft_calls > 0 for cycle in result.cycles)
    seconds = {step: spent for step, spent in result.seconds.items() if step != "dft"} | {"parent": counted.seconds}
    return Trial(counted, outcome, remark, rounds, _end(result, counted), seconds, refused)


def _end(result: RunResult, counted: Counting) -> int | None:
    """The place of the run's answer among the counted geometries."""
    return None if result.answer is None else counted.place_of(result.answer.atoms)
