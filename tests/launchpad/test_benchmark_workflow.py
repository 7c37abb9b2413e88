"""What FireWorks and the store take, on a real mongod of the benchmark's own."""

from __future__ import annotations

import logging

import pytest

from al_workflows import steps
from launchpad import benchmark_workflow
from launchpad.benchmark_workflow import TIMED, measure


@pytest.mark.workflow
def test_a_short_run_and_a_small_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_workflow, "PROBES", 1)
    monkeypatch.setattr(benchmark_workflow, "PROBE_CYCLES", 1)
    functions, told = [getattr(steps, name) for name in TIMED], list[str]()
    found = measure(1, [3, 1], told.append)
    assert [getattr(steps, name) for name in TIMED] == functions
    assert not logging.root.manager.disable
    assert [(cost.cycle, cost.step) for cost in found.fireworks] == [
        *((0, step) for step in ("dft", "check")),
        *((1, step) for step in ("train", "simulate", "query", "dft", "check")),
    ]
    for cost in found.fireworks:
        assert 0 < cost.step_cpu < cost.cpu
        assert 0 < cost.step_wall < cost.wall
    calls = [(cost.runs, cost.what) for cost in found.calls]
    for what in ("submit a run", "FireWorks and store of a cycle"):
        assert [runs for runs, name in calls if name == what] == [1, 3]
    for what in ("check out any single point", "`alflow status`", "`alflow status RUN`"):
        assert [runs for runs, name in calls if name == what] == [1] * 5 + [3] * 5
    assert found.server >= 0
    assert len(told) == 3
