"""Pages and tables show what the printed figure shows: the same artists, names, limits and numbers."""

from __future__ import annotations

import csv
import json
import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from ase.calculators.emt import EMT
from matplotlib.figure import Figure

from al_workflows import offline
from al_workflows.analysis.figure_table import figure_csv
from al_workflows.analysis.figures_model import energy_parity, force_parity
from al_workflows.analysis.figures_run import dft_force, relaxation_energies, step_seconds
from al_workflows.analysis.gallery import gallery_of
from al_workflows.analysis.meaning import mean
from al_workflows.analysis.metrics import predictions
from al_workflows.analysis.plotly_figure import plotly_figure
from al_workflows.analysis.plotly_traces import MOST_POINTS, split_unit
from al_workflows.analysis.style import DARK, LIGHT, Style, cycle_colours, image, legend, new_axes
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.history import RunHistory
from al_workflows.records import LabelStatus
from al_workflows.run_directory import read_run_directory
from tests.bands import hop, neb_spec
from tests.builders import label, run_spec, slab

BAR = "<colorbar>"


@pytest.fixture(scope="module")
def histories(history: RunHistory, tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunHistory]:
    """A run of each kind."""
    found, emt = {"relaxation": history}, EMT()
    dynamics = {"kind": "md", "steps": 60, "equilibration": 20, "stride": 5, "validation_frames": 4}
    initial, final = hop(seed=0)
    for kind, spec, start, end in (
        ("md", run_spec(simulation=dynamics), slab(1.0), None),
        ("neb", neb_spec(), initial, final),
    ):
        directory = tmp_path_factory.mktemp(kind)
        offline.run(
            spec, start, directory, lambda one, where: single_point_in_process(one, emt, directory=where), final=end
        )
        found[kind] = read_run_directory(directory)
    return found


def panels(figure: Figure) -> list[Any]:
    return [axes for axes in figure.axes if axes.get_label() != BAR]


def labels(figure: Figure) -> set[str]:
    found = set()
    for axes in panels(figure):
        artists = (*axes.lines, *axes.collections, *axes.containers)
        found |= {str(one.get_label()) for one in artists if not str(one.get_label()).startswith("_")}
    return found


def drawn(figure: Figure) -> list[float]:
    """All heights of lines, points and bars, in order."""
    found: list[float] = []
    for axes in panels(figure):
        found += [float(y) for line in axes.lines for y in line.get_ydata()]
        found += [float(y) for points in axes.collections for y in np.asarray(points.get_offsets())[:, 1]]
        found += [float(bar.get_height()) for bars in axes.containers for bar in bars]
    return sorted(found)


def told(page: dict[str, Any]) -> list[float]:
    found = [float(y) for trace in page["data"] if trace["x"] != [None] for y in trace["y"]]
    return sorted(found + [float(y) for shape in page["layout"]["shapes"] for y in (shape["y0"], shape["y1"])])


@pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("kind", ["relaxation", "md", "neb"])
def test_a_page_shows_what_the_printed_figure_shows(kind: str, style: Style, histories: dict[str, RunHistory]) -> None:
    count = 0
    for entry in gallery_of(histories[kind]):
        figure = entry.draw(histories[kind], style)
        if figure is None:
            continue
        count += 1
        page = plotly_figure(figure)
        go.Figure(page)  # plotly's own check of each name and value
        assert json.loads(json.dumps(page, allow_nan=False)) == page
        layout = page["layout"]
        things = [*page["data"], *layout["shapes"]]
        assert labels(figure) <= {thing["name"] for thing in things}, entry.name
        assert all(thing["name"] for thing in things if thing.get("x") != [None]), entry.name
        (axes,) = panels(figure)
        if axes.get_legend() is not None:
            listed = [thing["name"] for thing in things if thing["showlegend"]]
            assert sorted(listed) == sorted(one.get_text() for one in axes.get_legend().get_texts())
        assert told(page) == pytest.approx(drawn(figure))
        assert layout["paper_bgcolor"] == style.paper
        assert layout["font"]["color"] == style.ink
        assert plotly_figure(figure, transparent=True)["layout"]["plot_bgcolor"] == "rgba(0,0,0,0)"
        for key, title, scale, limits in (
            ("xaxis", axes.get_xlabel(), axes.get_xscale(), axes.get_xlim()),
            ("yaxis", axes.get_ylabel(), axes.get_yscale(), axes.get_ylim()),
        ):
            assert layout[key]["title"]["text"] == title
            assert layout[key]["type"] == scale
            expected = np.log10(limits) if scale == "log" else limits
            assert layout[key]["range"] == pytest.approx(list(expected))
        bars = [axes for axes in figure.axes if axes.get_label() == BAR]
        assert len(bars) == len([key for key in layout if key.startswith("coloraxis")])
        if bars:
            assert layout["coloraxis"]["colorbar"]["title"]["text"] == "cycle"
            assert any(trace["marker"].get("coloraxis") == "coloraxis" for trace in page["data"] if "marker" in trace)
    assert count >= 4


@pytest.mark.parametrize("kind", ["relaxation", "md", "neb"])
def test_a_table_holds_every_number_exactly(kind: str, histories: dict[str, RunHistory]) -> None:
    for entry in gallery_of(histories[kind]):
        figure = entry.draw(histories[kind], LIGHT)
        if figure is None:
            continue
        (axes,) = panels(figure)
        content = figure_csv(figure)
        rows = list(csv.DictReader(content.splitlines()))
        assert {"panel", "series", axes.get_xlabel(), axes.get_ylabel()} <= rows[0].keys()
        assert all(row["series"] and row["panel"] == "1" for row in rows), entry.name
        seen = {float(row[axes.get_ylabel()]) for row in rows if row[axes.get_ylabel()]}
        failures = {0.97} if entry.name == "dft_force" else set()  # crosses at the panel's top have no height
        assert seen == set(drawn(figure)) - failures
        again = entry.draw(histories[kind], DARK)
        assert again is not None
        assert figure_csv(again) == content


def test_a_series_has_the_cycle_that_its_colour_tells(history: RunHistory) -> None:
    figure = relaxation_energies(history)
    assert figure is not None
    rows = list(csv.DictReader(figure_csv(figure).splitlines()))
    model = [row for row in rows if row["series"] == "model"]
    assert {int(row["cycle"]) for row in model} == set(history.relaxations)
    for cycle, pool in history.relaxations.items():
        assert sum(row["cycle"] == str(cycle) for row in model) == len(pool)
    parity = energy_parity(history)
    assert parity is not None
    rows = [row for row in csv.DictReader(figure_csv(parity).splitlines()) if row["series"] == "point"]
    assert [int(row["cycle"]) for row in rows] == [one.cycle for one in predictions(history.labels)]
    (points,) = (trace for trace in plotly_figure(parity)["data"] if trace["name"] == "point")
    assert points["marker"]["color"] == [one.cycle for one in predictions(history.labels)]
    assert plotly_figure(parity)["layout"]["yaxis"]["scaleanchor"] == "x"


def test_a_threshold_goes_from_edge_to_edge_and_failures_stay_at_the_top(history: RunHistory) -> None:
    figure = dft_force(history)
    assert figure is not None
    page = plotly_figure(figure)
    (target,) = page["layout"]["shapes"]
    assert (target["name"], target["xref"], target["y0"], target["y1"]) == ("target 0.05 eV/Å", "x domain", 0.05, 0.05)
    assert target["showlegend"]
    assert target["line"]["dash"] == "dash"
    traces = {trace["name"]: trace for trace in page["data"]}
    assert (traces["failed"]["yaxis"], traces["failed"]["marker"]["symbol"]) == ("y2", "x")
    assert page["layout"]["yaxis2"]["range"] == [0, 1]
    assert "DFT force" not in traces["failed"]["hovertemplate"]
    assert traces["lowest so far"]["line"]["shape"] == "hv"
    hover = traces["single point"]["hovertemplate"]
    assert "largest DFT force on a free atom: %{y:.5~g} eV/Å" in hover
    assert "DFT calls: %{x:.5~g}<" in hover
    rows = [row for row in csv.DictReader(figure_csv(figure).splitlines()) if row["series"].startswith("target")]
    assert [(row["DFT calls"], row["largest DFT force on a free atom (eV/Å)"]) for row in rows] == [("", "0.05")]


def test_axes_without_a_point_of_their_own_have_a_trace_or_a_browser_draws_nowhere() -> None:
    failed = label(slab(), status=LabelStatus.CRASHED)
    figure = dft_force(RunHistory(run="run", spec=run_spec(), start=slab(), labels=(failed,)))
    assert figure is not None
    assert {(trace["xaxis"], trace["yaxis"]) for trace in plotly_figure(figure)["data"]} == {("x", "y"), ("x", "y2")}


def test_stacked_bars_keep_where_they_begin(history: RunHistory) -> None:
    figure = step_seconds(history)
    assert figure is not None
    page = plotly_figure(figure)
    dft = next(trace for trace in page["data"] if trace["name"].startswith("dft"))
    assert dft["base"] == [bar.get_y() for bar in panels(figure)[0].containers[-1]]
    assert dft["customdata"] == [[size] for size in dft["y"]]
    rows = list(csv.DictReader(figure_csv(figure).splitlines()))
    assert {row["series"] for row in rows} == {"train", "simulate", "query", "dft"}


def test_too_many_points_are_thinned_on_the_page_alone_and_said_to_be() -> None:
    figure, axes = new_axes(LIGHT, "a (eV)", "b (eV)")
    count = 2 * MOST_POINTS + 1
    cycle_colours(figure, axes, LIGHT, [1, 2]).scatter(axes, range(count), range(count), [1] * count)
    page = plotly_figure(figure)
    assert len(page["data"][0]["x"]) == math.ceil(count / 3) == len(page["data"][0]["marker"]["color"])
    assert page["layout"]["annotations"][0]["text"] == f"one in 3 of {count} points"
    assert figure_csv(figure).count("\n") == count + 1


def test_two_panels_stand_beside_each_other() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    for axes, unit in ((left, "eV"), (right, "Å")):
        axes.set_xlabel("DFT calls")
        axes.set_ylabel(f"y ({unit})")
        axes.plot([1, 2], [3.5, float("nan")], "s", mfc="none", label=f"in {unit}")
        axes.axvline(1.5, color="red")
        axes.text(0.5, 0.5, "<b>%{x}\nthere", transform=axes.transAxes)
    legend(left, LIGHT)
    page = plotly_figure(figure)
    go.Figure(page)
    layout = page["layout"]
    assert layout["xaxis"]["domain"][1] < layout["xaxis3"]["domain"][0]
    assert [trace["yaxis"] for trace in page["data"]] == ["y", "y3"]
    assert [trace["showlegend"] for trace in page["data"]] == [True, False]
    assert page["data"][0]["y"] == [3.5, None]
    assert page["data"][0]["marker"]["symbol"] == "square-open"
    assert [(shape["xref"], shape["yref"]) for shape in layout["shapes"]] == [("x", "y domain"), ("x3", "y3 domain")]
    assert layout["annotations"][0]["text"] == "&lt;b&gt;%&#123;x}<br>there"
    rows = list(csv.DictReader(figure_csv(figure).splitlines()))
    assert list(rows[0]) == ["panel", "series", "DFT calls", "y (eV)", "y (Å)"]
    assert [row["y (Å)"] for row in rows if row["panel"] == "2" and row["series"]] == ["3.5", ""]


def test_a_picture_of_values_is_a_heat_map_with_names() -> None:
    figure, axes = new_axes(LIGHT, "adsorbate", "surface")
    picture = axes.imshow([[1.0, float("nan"), 3.0], [4.0, 5.0, 6.0]], aspect="auto")
    axes.set_xticks(range(3), ["C", "N", "O"])
    axes.set_yticks(range(2), ["Cu(111)", "Pt(100)"])
    figure.colorbar(picture, ax=axes).set_label("energy (eV)")
    mean(picture, "members", quantity="energy (eV)", points=[f"m{n}" for n in range(6)])
    page = plotly_figure(figure)
    go.Figure(page)
    (trace,) = page["data"]
    assert trace["z"] == [[1.0, None, 3.0], [4.0, 5.0, 6.0]]
    assert trace["text"][1][2] == "Pt(100), O"
    assert trace["customdata"][1] == ["m3", "m4", "m5"]
    assert page["layout"]["yaxis"]["range"] == [1.5, -0.5]
    assert page["layout"]["yaxis"]["ticktext"] == ["Cu(111)", "Pt(100)"]
    rows = list(csv.DictReader(figure_csv(figure).splitlines()))
    assert len(rows) == 5
    row = next(row for row in rows if row["point"] == "m5")
    assert (row["adsorbate"], row["surface"], row["energy (eV)"]) == ("O", "Pt(100)", "6.0")


def test_an_artist_of_another_kind_is_refused_and_not_left_out() -> None:
    figure, axes = new_axes(LIGHT, "a", "b")
    axes.fill_between([0, 1], [0, 1], [1, 2])
    with pytest.raises(TypeError, match=r"neither line, points, bars, image nor text.*read_figure"):
        plotly_figure(figure)


def test_an_svg_is_the_same_file_each_time(history: RunHistory) -> None:
    files = []
    for _ in range(2):
        figure = force_parity(history)
        assert figure is not None
        files.append(image(figure, "svg"))
    assert files[0] == files[1]
    assert files[0].startswith(b"<?xml")
    assert b"dc:date" not in files[0]


@pytest.mark.parametrize(
    ("title", "split"),
    [
        ("time (ps)", ("time", "ps")),
        ("largest DFT force on a free atom (eV/Å)", ("largest DFT force on a free atom", "eV/Å")),
        ("DFT calls", ("DFT calls", "")),
        ("g(r) relative to its peak", ("g(r) relative to its peak", "")),
    ],
)
def test_units_are_told_from_quantities(title: str, split: tuple[str, str]) -> None:
    assert split_unit(title) == split
