"""What the tables say of relaxations that are made up."""

from __future__ import annotations

import math
from typing import Any

import pytest

from al_workflows.benchmark.judged import judge
from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.relax_tables import ratio_table, tables
from al_workflows.benchmark.relaxed import Relaxed
from al_workflows.benchmark.tables import Table
from tests.benchmark.builders import ground, relaxed


def rows(found: list[Table], title: str) -> list[Any]:
    return list(next(table for table in found if table.title == title).rows)


def ours(*calls: int, **changes: Any) -> list[Relaxed]:
    return [relaxed("default", seed, number, **changes) for seed, number in enumerate(calls)]


def peer(name: str, *calls: int, **changes: Any) -> list[Relaxed]:
    return [relaxed(name, seed, number, **changes) for seed, number in enumerate(calls)]


STUCK = {"outcome": Outcome.CALLS_SPENT, "ground": None, "fmax": (1.0,) * 9, "remark": "BUDGET_SPENT: 9 calls"}


def test_calls_and_what_did_not_converge() -> None:
    judged = judge([*ours(4, 6, 5), relaxed("default", 3, 9, **STUCK), *peer("BFGS", 20, 30, 25, 27)])
    found = tables(judged, ["default"], ["BFGS"], ["Sella (sella)"])
    mine, theirs = rows(found, "Calls")
    assert (mine.method, mine.converged, mine.calls, mine.worst) == ("default", "3/4", 5.5, math.inf)
    assert mine.by_seed == (4, 6, 5, math.inf)
    assert (theirs.converged, theirs.calls, theirs.worst, theirs.loose) == ("4/4", 26.0, 30, 26.0)
    assert "Not installed: Sella (sella)." in found[0].footnotes
    (noted,) = rows(found, "Noted")
    assert (noted.seed, noted.method, noted.why) == (3, "default", "calls spent (BUDGET_SPENT: 9 calls)")


def test_calls_to_the_looser_force() -> None:
    one = relaxed(calls=4, fmax=(1.0, 0.049, 0.06, 0.02))
    assert judge([one])[0].calls_to_loose == 2
    assert relaxed(calls=2, fmax=(1.0, 0.06)).calls_to(0.05) is None


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 0),
        ({"closest": (0.9, 0.59, 0.6)}, 1),
        ({"fmax": (3.0, 20.1, 0.02)}, 1),
        ({"fmax": (25.0, 24.0, 0.02)}, 0),
        ({"fmax": (25.0, 25.1, 0.02), "closest": (0.5, 0.5, 0.9)}, 2),
        ({"refused": 2}, 2),
    ],
)
def test_unphysical_queries(changes: dict[str, Any], count: int) -> None:
    assert relaxed(calls=3, **changes).unphysical == count


def test_ends_are_held_against_bfgs_from_the_same_start() -> None:
    relaxations = [
        *peer("BFGS", 20, 20, 20),
        relaxed("default", 0, energy=0.0051),
        relaxed("default", 1, energy=-0.3),
        relaxed("default", 2, energy=0.3, ground=ground(0.3, negative_modes=2)),
    ]
    judged = judge(relaxations)
    assert [one.basin for one in judged] == ["B", "B", "B", "C", "A", "D*"]
    assert [one.above for one in judged[3:]] == [True, False, True]
    found = tables(judged, ["default"], ["BFGS"])
    mine = rows(found, "Ends")[0]
    assert (mine.ends, mine.saddles, mine.same, mine.above) == ("A 1, C 1, D* 1", 1, "0/3", 2)
    assert mine.most_over == pytest.approx(300)
    whys = [noted.why for noted in rows(found, "Noted")]
    assert whys[0] == "ends 5.1 meV above BFGS; another basin than BFGS's: C, +5.1 meV"
    assert whys[1] == "another basin than BFGS's: A, -300.0 meV"
    assert whys[2].endswith("2 negative modes at the end")


def test_ratios_are_to_the_best_peer_and_within_a_basin() -> None:
    far = {"energy": 0.3}
    relaxations = [
        *ours(4, 4, 8),
        *peer("BFGS", 20, 20, 40),
        *peer("GPMin", 10, 10, 10, **far),
        *(relaxed("default", seed, 5, system="other") for seed in range(2)),
        *(relaxed("BFGS", seed, 10, system="other") for seed in range(2)),
    ]
    table = ratio_table(judge(relaxations), ["default"], ["BFGS", "GPMin"])
    paper, other = table.rows
    assert (paper.best_peer, paper.best_calls, paper.ratio) == ("GPMin", 10, 0.4)
    assert (paper.basin_peer, paper.pairs, paper.basin_ratio) == ("BFGS", 3, 0.2)
    assert (other.ratio, other.basin_ratio) == (0.5, 0.5)
    assert table.footnotes[0] == (
        "default: geometric mean 0.45 over 2 systems, highest 0.50; within a basin 0.32 over 2, highest 0.50."
    )


def test_a_peer_that_does_not_converge_is_not_the_best() -> None:
    judged = judge([*ours(4), relaxed("FIRE", 0, 9, **STUCK), *peer("BFGS", 20)])
    (row,) = ratio_table(judged, ["default"], ["FIRE", "BFGS"]).rows
    assert row.best_peer == "BFGS"
    stuck = judge([relaxed("default", 0, 9, **STUCK), *peer("BFGS", 20)])
    table = ratio_table(stuck, ["default"], ["BFGS"])
    assert table.rows[0].ratio == math.inf
    assert table.rows[0].basin_ratio is None
    assert "geometric mean ∞" in table.footnotes[0]


def test_batches_are_beside_serial() -> None:
    batches = [relaxed("batch-4", seed, 10, rounds=4) for seed in range(3)]
    found = tables(judge([*ours(5, 6, 7), *batches]), ["default", "batch-4"], [])
    serial, batch = rows(found, "Batches")
    assert (serial.rounds, serial.fewer, serial.ratio) == (6, 0, 1)
    assert (batch.rounds, batch.fewer, batch.calls) == (4, 2, 10)
    assert batch.ratio == pytest.approx(10 / 6)
    assert "Against the best peer" not in [table.title for table in found]


def test_cpu_time_is_by_step_without_the_parent() -> None:
    (row,) = rows(tables(judge(ours(5, 5)), ["default"], []), "CPU time")
    assert row.total == 1.0
    assert row.steps == {"train": 1.0, "parent": 0.5}
