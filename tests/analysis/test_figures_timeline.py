"""The timeline shows when each Firework waited, ran and failed."""

from __future__ import annotations

import csv
from typing import Any

import plotly.graph_objects as go
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from al_workflows.analysis.figure_table import figure_csv
from al_workflows.analysis.figures_timeline import NAMED, Span, timeline
from al_workflows.analysis.plotly_figure import plotly_figure
from al_workflows.analysis.style import DARK, LIGHT, Style, image, step_colours

T0 = 1.7e9


def span(number: int, step: str, waited: float | None, began: float | None, end: float | None, **changes: Any) -> Span:
    times = [None if time is None else T0 + time for time in (waited, began, end)]
    given: dict[str, Any] = {"cycle": 0, "worker": "node1", "state": "COMPLETED"}
    return Span(number, step, **given | changes, waited_from=times[0], started=times[1], ended=times[2])


SPANS = (
    span(5, "check", 900, None, None, state="READY"),
    span(4, "dft", 600, 630, None, state="RUNNING"),
    span(3, "dft", 600, 620, 700, state="FIZZLED"),
    span(1, "train", 0, 60, 300),
    span(2, "simulate", 300, 310, 600),
    span(6, "train", None, None, None, state="WAITING", worker=""),
)


def axes_of(spans: tuple[Span, ...], style: Style = LIGHT, now: float | None = None) -> Axes:
    figure = timeline(spans, style, now)
    assert figure is not None
    return figure.axes[0]


def bars(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    return {
        str(one.get_label()): [(round(bar.get_x(), 6), round(bar.get_width(), 6)) for bar in one.patches]  # type: ignore[attr-defined]
        for one in axes.containers
    }


def test_each_firework_waits_and_runs_in_its_row() -> None:
    axes = axes_of(SPANS, now=T0 + 1200)
    assert axes.get_xlabel() == "time since submission (min)"
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "0 train",
        "0 simulate",
        "0 dft",
        "0 dft",
        "0 check",
    ]
    found = bars(axes)
    assert found["train"] == [(1.0, 4.0)]
    assert found["simulate"] == [(round(310 / 60, 6), round(290 / 60, 6))]
    assert found["dft"] == [(round(620 / 60, 6), round(80 / 60, 6)), (10.5, 9.5)]  # the second runs still
    assert found["waiting"][-1] == (15.0, 5.0)  # and the check waits
    assert "check" not in found
    (failed,) = axes.lines
    assert (failed.get_label(), failed.get_ydata()) == ("failed", [2])
    low, high = axes.get_ylim()
    assert low > high  # the first on top


@pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])
def test_it_is_shown_on_pages_and_in_tables(style: Style) -> None:
    axes = axes_of(SPANS, style, T0 + 1200)
    assert axes.containers[1].patches[0].get_facecolor() == to_rgba(step_colours(style)["train"])  # type: ignore[attr-defined]
    page = plotly_figure(axes.figure)
    go.Figure(page)
    waiting, train = page["data"][:2]
    assert (waiting["name"], waiting["orientation"]) == ("waiting", "h")
    assert waiting["marker"]["color"][0].startswith("rgba(")
    assert train["customdata"] == [["Firework 1: train, cycle 0 on node1, COMPLETED", 1.0, 5.0]]
    assert "time since submission: %{customdata[1]:.5~g} to %{customdata[2]:.5~g} min" in train["hovertemplate"]
    rows = list(csv.DictReader(figure_csv(axes.figure).splitlines()))
    (row,) = (row for row in rows if row["series"] == "train")
    assert (row["from"], row["time since submission (min)"], row["y"]) == ("1.0", "5.0", "0 train")
    assert image(axes.figure, "svg").startswith(b"<?xml")


@pytest.mark.parametrize(("seconds", "unit"), [(90.0, "s"), (3600.0, "min"), (86400.0, "h"), (86400.0 * 20, "d")])
def test_the_unit_suits_the_run(seconds: float, unit: str) -> None:
    assert axes_of((span(1, "train", 0, 0, seconds),)).get_xlabel() == f"time since submission ({unit})"


def test_a_long_run_names_its_cycles_and_not_each_firework() -> None:
    steps = ("train", "simulate", "query", "dft", "check")
    spans = tuple(
        span(5 * cycle + n, step, 100 * cycle + 10 * n, 100 * cycle + 10 * n + 2, 100 * cycle + 10 * n + 9, cycle=cycle)
        for cycle in range(100)
        for n, step in enumerate(steps)
    )
    axes = axes_of(spans)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert 10 < len(names) <= NAMED
    assert names[0] == "cycle 0"
    assert axes.figure.get_figheight() <= 14
    assert sum(len(found) for name, found in bars(axes).items() if name != "waiting") == 500


def test_only_what_goes_on_lasts_until_now() -> None:
    assert axes_of(SPANS[2:5], now=T0 + 1e6).get_xlim()[1] < 12.1  # min: all of it has ended
    cancelled = span(7, "train", 0, None, None, state="DEFUSED")
    assert axes_of((cancelled, SPANS[3]), now=T0 + 1e6).get_xlabel() == "time since submission (min)"
    assert bars(axes_of((span(1, "query", 0, None, None, state="READY"),), now=T0 + 30))["waiting"] == [(0.0, 30.0)]


def test_nothing_has_run_yet() -> None:
    assert timeline([SPANS[-1]]) is None
    assert timeline([]) is None
