"""What a cycle costs: the sums on numbers that are known, and one run for real."""

from __future__ import annotations

import pytest

from al_workflows.benchmark import cycle
from al_workflows.benchmark.cycle import CycleCost, RunCost, cycle_rows, in_process, run_rows

STEPS = {"train": 0.2, "simulate": 0.5, "query": 0.1, "dft": 9.0, "check": 0.05}


def test_single_points_are_no_overhead() -> None:
    costs = [CycleCost("here", seed, n, {**STEPS, "train": 0.1 * n}) for seed in (0, 1) for n in (1, 2, 3)]
    (row,) = cycle_rows([*costs, CycleCost("here", 1, 4, {"train": 0.1})])
    assert (row.way, row.runs, row.cycles) == ("here", 2, 7)
    assert row.overhead == pytest.approx(0.85)
    assert row.worst == pytest.approx(0.95)
    assert (row.train, row.single_points) == (0.2, 9.0)


def test_runs_are_counted_by_their_cycles() -> None:
    (row,) = run_rows([RunCost("there", 0, 4, 8.0), RunCost("there", 1, 5, 5.0), RunCost("there", 2, 2, 6.0)])
    assert (row.runs, row.cycles, row.each) == (3, 11, 2.0)


def test_a_run_in_this_process() -> None:
    told: list[object] = []
    costs = in_process([0], told.append)
    assert told == costs
    assert [cost.cycle for cost in costs] == list(range(1, len(costs) + 1))
    for cost in costs:
        assert set(cost.seconds) == {"train", "simulate", "query", "dft", "check"}
        assert all(spent >= 0 for spent in cost.seconds.values())
        assert 0 < cost.overhead < 10  # about 0.2
    shown = cycle.document(costs, [], [0], "alflow benchmark cycle").markdown()
    assert "in one process" in shown
    assert "Whole runs" not in shown


def test_runs_of_other_names_are_other_runs() -> None:
    one, other = (cycle.benchmark_run(0, name) for name in ("one", "other"))
    assert one.run != other.run
    assert not one.spec.dft.reuse
    assert (one.start.positions == other.start.positions).all()
