"""What the terminal's tables, bars, times and documents are made of."""

from __future__ import annotations

import io
import json
import random

import pytest
from rich.cells import cell_len
from rich.console import Console

from launchpad.cli.campaign_looks import states_bar
from launchpad.cli.output import print_document
from launchpad.cli.progress import Pace, Progress
from launchpad.cli.run_looks import Bars, sparkline
from launchpad.cli.tables import Column, cut_ids, fitted, told_apart
from launchpad.cli.watch import duration
from tests.builders import cycle


def printed(what: object, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(what)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(20))
def test_ids_that_are_cut_are_told_apart_and_are_prefixes(seed: int) -> None:
    draw = random.Random(seed)
    stems = ["".join(draw.choices("ab-", k=draw.randint(1, 50))) for _ in range(4)]
    ids = [f"{draw.choice(stems)}-{''.join(draw.choices('0123456789abcdef', k=8))}" for _ in range(30)]
    for width in range(5, 70):
        cut = cut_ids(ids, ids, width)
        assert len(set(cut)) == len(set(ids))
        for short, whole in zip(cut, ids, strict=True):
            if short != whole:
                assert len(short) <= width
                assert [one for one in set(ids) if one.startswith(short.removesuffix("…"))] == [whole]


def test_ids_of_which_one_begins_another() -> None:
    assert told_apart(["run", "run-1", "run-2"]) == 5
    assert cut_ids(["a" * 40, "a" * 41], ["a" * 40, "a" * 41], 30) == ["a" * 40, "a" * 41]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 119, 200])
def test_a_table_fits(width: int) -> None:
    ids = [f"relax-{n:08x}" for n in range(5)]
    prose = ["a reason that is far too long for a line of any terminal that is narrower than a wall " * 2] * 5
    columns = [
        Column("run", ids, right=False, ids=ids),
        Column("value", ["-12345.6789"] * 5),
        Column("spare", ["x" * 20] * 5, spare=1),
        Column("sooner", ["y" * 20] * 5, spare=2),
        Column("because", prose, spare=3 if width < 60 else 0, right=False, prose=True),
    ]
    lines = printed(fitted(columns, width), width)
    assert max(map(cell_len, lines)) <= width
    assert all(any(line.startswith(one) and "-12345.6789" in line for line in lines) for one in ids)
    assert ("yyy" in "".join(lines)) <= ("xxx" in "".join(lines))
    assert ("yyy" in "".join(lines)) == (width >= 100)


def test_bars_show_the_target_and_what_failed() -> None:
    cycles = [cycle(0, 8.0), cycle(1, 0.8), cycle(2, None, dft_calls=1), cycle(3, None, dft_calls=0), cycle(4, 0.04)]
    head, *rows = printed(Bars(cycles, 0.05, rows=12), 80)
    assert "target 0.05" in head
    lengths = [row.count("█") for row in rows]
    assert lengths[0] == 48 > lengths[1] > lengths[4] > 0
    assert [rows[2].split()[1], rows[3].split()[1:]] == ["failed", ["not", "asked"]]
    assert "┆" in rows[4]  # the bar ends before it
    assert max(map(cell_len, [head, *rows])) <= 80
    assert printed(Bars([], 0.05, rows=12), 80) == ["no DFT force yet"]
    assert len(printed(Bars([cycle(n, 1.0) for n in range(50)], None, rows=5), 80)) == 6
    same = printed(Bars([cycle(0, 0.05)], 0.05, rows=1), 80)
    assert "█" in same[1]


def test_sparkline() -> None:
    assert sparkline([10.0, 1.0, None, 0.1], 10) == "█▄·▁"
    assert sparkline([float(10 - n % 10) for n in range(1000)], 30)[-1] == "▁"
    assert len(sparkline([1.0] * 1000, 30)) <= 30
    assert sparkline([None], 5) == "·"
    assert sparkline([1.0], 0) == ""


def test_a_bar_of_states_has_a_part_of_each() -> None:
    states = {"CONVERGED": 9_990, "UNDER_WAY": 1, "FAILED": 1, "WAITING": 8}
    text = states_bar(states, 60).plain
    assert set(text) == set("█▓▒·")
    assert len(text) <= 60


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59.7, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (273_600, "3 d 4 h")],
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_time_that_is_left() -> None:
    pace = Pace(100.0)
    assert pace.left(10, 150.0) is None  # what was stored before says nothing
    pace.done(1, 110.0)
    assert pace.left(9, 110.0) == pytest.approx(90.0)
    assert pace.left(9, 114.0) == pytest.approx(86.0)
    assert pace.left(9, 200.0) == pytest.approx(80.0)  # one that takes long does not make it negative
    pace.done(4, 150.0)
    assert pace.left(5, 150.0) == pytest.approx(50.0)
    assert pace.left(0, 150.0) == 0.0


def test_a_document_is_json_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    print_document({"nan": float("nan"), "deep": [{"inf": float("inf")}, (1.5, "Å")], "none": None})
    text = capsys.readouterr().out
    assert json.loads(text, parse_constant=pytest.fail) == {
        "nan": None,
        "deep": [{"inf": None}, [1.5, "Å"]],
        "none": None,
    }


def test_progress_adds_nothing_to_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("working") as progress:
        for n in range(5):
            progress.step(n, 5)
        progress.say("a result [with brackets]")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("a result [with brackets]\n", "")
