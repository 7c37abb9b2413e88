"""The cost of cycles through real `rlaunch` processes on a real mongod."""

from __future__ import annotations

import pytest

from al_workflows.benchmark.cycle import CycleCost, RunCost, benchmark_run
from al_workflows.errors import EnvironmentProblem
from al_workflows.preflight import PreparedRun, prepare_structure
from al_workflows.spec import TerminationSpec
from launchpad import benchmark_cycle

pytestmark = pytest.mark.workflow


def short_run(seed: int, name: str) -> PreparedRun:
    """One cycle behind the start."""
    prepared = benchmark_run(seed, name)
    spec = prepared.spec.model_copy(update={"termination": TerminationSpec(max_cycles=1)})
    return prepare_structure(spec, prepared.start)


def test_cycles_and_runs_are_timed_with_their_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_cycle, "benchmark_run", short_run)
    told: list[CycleCost | RunCost] = []
    cycles, runs = benchmark_cycle.through_rlaunch([0], told.append)
    assert told == [*cycles, *runs]
    (cost,), (run,) = cycles, runs
    assert (cost.way, cost.seed, cost.cycle) == (benchmark_cycle.STEP_BY_STEP, 0, 1)
    assert set(cost.seconds) == {"train", "simulate", "query", "dft", "check"}
    assert min(cost.seconds.values()) > 0.2  # no process imports FireWorks in less
    assert run.cycles == 2
    assert run.seconds < cost.overhead + 2 * cost.seconds["dft"] + 5  # it imports once


def test_a_worker_that_does_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_cycle, "rlaunch_program", lambda: "/bin/true")
    with pytest.raises(EnvironmentProblem, match="did nothing before the run ended; it said: nothing"):
        benchmark_cycle.through_rlaunch([0])
