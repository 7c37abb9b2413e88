"""What the workflow costs: the sums on numbers that are known, and a run in this process."""

from __future__ import annotations

import pytest

from al_workflows.benchmark.workflow import (
    STEPS,
    CallCost,
    FireworkCost,
    call_rows,
    cycle_rows,
    cycles_in_process,
    document,
    step_rows,
    way_rows,
)


def costs(cycles: int) -> list[FireworkCost]:
    """The start's two Fireworks, then five a cycle: 20 ms of CPU beside the step, and 1 ms more with every cycle."""
    start = [FireworkCost(0, step, 5.0, 5.0, 0.0, 0.0) for step in ("dft", "check")]
    return start + [
        FireworkCost(cycle, step, 0.020 + 0.001 * cycle + 0.3, 0.5, 0.3, 0.4)
        for cycle in range(1, cycles + 1)
        for step in STEPS
    ]


def test_the_start_is_left_out_and_the_step_is_taken_off() -> None:
    rows = step_rows(costs(3))
    assert [row.step for row in rows] == list(STEPS)
    for row in rows:
        assert row.fireworks == 3
        assert row.itself == pytest.approx(300)
        assert (row.overhead, row.worst) == (pytest.approx(22), pytest.approx(23))
        assert (row.wall, row.worst_wall) == (pytest.approx(100), pytest.approx(100))


def test_stretches_of_a_run() -> None:
    rows = cycle_rows(costs(25), 10)
    assert [(row.cycles, row.fireworks) for row in rows] == [("1 to 10", 52), ("11 to 20", 102), ("21 to 25", 127)]
    assert [row.overhead for row in rows] == [pytest.approx(5 * ms) for ms in (25.5, 35.5, 43)]
    assert rows[-1].worst == pytest.approx(5 * 45)


def test_calls_by_size() -> None:
    rows = call_rows([CallCost(what, n, n * 1e-3, 1.0) for n in (10, 100) for what in ("status", "submit", "status")])
    assert [(row.what, row.runs, row.calls) for row in rows] == [
        ("status", 10, 2),
        ("status", 100, 2),
        ("submit", 10, 1),
        ("submit", 100, 1),
    ]
    assert rows[1].cpu == pytest.approx(100)


def test_a_run_of_so_many_cycles_beside_its_fireworks() -> None:
    here = cycles_in_process(2)
    assert len(here) == 2
    in_process, by_worker = way_rows(here, costs(2))
    assert in_process.cycles == by_worker.cycles == 2
    assert 0 < in_process.cpu < 10_000
    assert by_worker.cpu == pytest.approx(5 * 321.5)
    shown = document(here, costs(2), [CallCost("submit a run", 10, 0.1, 0.2)], {"server": 1.0}, "alflow").markdown()
    assert "| submit a run | 10 | 1 | 100.0 |" in shown
