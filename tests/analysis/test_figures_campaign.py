"""Figures of a campaign show its members: what they took, when they ended, what they found."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from al_workflows.analysis.figure_table import figure_csv
from al_workflows.analysis.figures_campaign import WINDOW, calls_by_kind, learning_curve, progress
from al_workflows.analysis.figures_campaign_map import calls_map, energy_map, surfaces
from al_workflows.analysis.gallery import Entry
from al_workflows.analysis.gallery_campaign import CAMPAIGN_GALLERY
from al_workflows.analysis.plotly_figure import plotly_figure
from al_workflows.analysis.style import DARK, LIGHT, Style, image
from al_workflows.campaign.compared import Direct
from al_workflows.campaign.history import CampaignHistory
from al_workflows.campaign.member import Role
from al_workflows.campaign.results import Outcome, campaign_results
from al_workflows.campaign.states import MemberState

BULKS, ADSORBATES = ("Cu", "Pd", "Pt"), ("C", "N", "O")


def member(key: str, role: Role, energy: float | None, calls: int, tags: dict[str, str], **changes: Any) -> Outcome:
    given: dict[str, Any] = {
        "run": f"{key}-1a2b",
        "version": 1,
        "state": MemberState.CONVERGED,
        "reason": "",
        "references": {},
        "fmax": 0.02,
        "seconds": 7.5,
    }
    return Outcome(key=key, role=role, energy=energy, calls=calls, tags=tags, **given | changes)


def outcomes() -> list[Outcome]:
    """Slabs, a molecule, two sites for each pair: 3 slabs, 1 molecule, 18 adsorptions; Pt with O has failed."""
    found = [member("X2", Role.MOLECULE, -2.0, 2, {"adsorbate": "X2"})]
    for bulk in BULKS:
        tags = {"bulk": bulk, "miller": "111"}
        found.append(member(bulk, Role.SLAB, -10.0, 3, tags))
        for number, adsorbate in enumerate(ADSORBATES):
            for site in ("fcc", "hcp"):
                bad = (bulk, adsorbate) == ("Pt", "O")
                found.append(
                    member(
                        f"{bulk}-{adsorbate}-{site}",
                        Role.ADSORPTION,
                        None if bad else -14.0 - number - 0.5 * (site == "hcp"),
                        9 if bad else 4 + number,
                        tags | {"adsorbate": adsorbate, "site": site},
                        state=MemberState.STALLED if bad else MemberState.CONVERGED,
                        references={bulk: 1.0, "X2": 0.5},
                    )
                )
    return found


@pytest.fixture(scope="module")
def history() -> CampaignHistory:
    found = outcomes()
    return CampaignHistory(
        results=campaign_results("c", found),
        budget=200,
        submitted=1000.0,
        began={one.key: 1000.0 for one in found},
        # the last of the plan ends first
        ended={one.key: 1000.0 + 3600.0 * (len(found) - number) for number, one in enumerate(found)},
        direct={one.key: Direct(-1.0, 3 * one.calls, "converged") for one in found[:5]},
    )


def panel(figure: Figure | None, number: int = 0) -> Axes:
    assert figure is not None
    return figure.axes[number]


@pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("entry", CAMPAIGN_GALLERY, ids=lambda entry: entry.name)
def test_every_figure_is_drawn_in_both_themes_and_for_pages(
    entry: Entry[CampaignHistory], style: Style, history: CampaignHistory
) -> None:
    figure = entry.draw(history, style)
    assert figure is not None
    assert all(image(figure, kind) for kind in ("png", "svg", "pdf"))
    page = plotly_figure(figure)
    go.Figure(page)
    assert page["layout"]["paper_bgcolor"] == style.paper
    assert all(thing["name"] for thing in [*page["data"], *page["layout"]["shapes"]])
    assert all(row["series"] for row in csv.DictReader(figure_csv(figure).splitlines()))


@pytest.mark.parametrize("entry", CAMPAIGN_GALLERY, ids=lambda entry: entry.name)
def test_a_campaign_that_has_nothing_yet_has_no_figure(entry: Entry[CampaignHistory]) -> None:
    assert entry.draw(CampaignHistory(campaign_results("c", [])), LIGHT) is None
    waiting = [replace(one, state=MemberState.WAITING, calls=0, energy=None) for one in outcomes()]
    assert entry.draw(CampaignHistory(campaign_results("c", waiting)), LIGHT) is None


def test_the_learning_curve_is_in_the_order_in_which_members_ended(history: CampaignHistory) -> None:
    axes = panel(learning_curve(history))
    lines = {str(line.get_label()): line for line in axes.lines}
    assert list(lines["no answer"].get_ydata()) == [9, 9]
    assert list(lines["no answer"].get_xdata()) == [1, 2]
    assert list(lines["slab"].get_ydata()) == [3, 3, 3]
    assert list(lines["molecule"].get_xdata()) == [22]
    assert len(lines["adsorption"].get_xdata()) == 16
    median = lines[f"median of {WINDOW}"]
    converged = [one.outcome.calls for one in history.done if one.outcome.state is MemberState.CONVERGED]
    assert median.get_ydata()[10] == np.median(converged[6:15])
    direct = np.mean([one.calls for one in history.direct.values()])
    assert list(lines[f"BFGS's mean {direct:.1f}"].get_ydata()) == [direct, direct]
    rows = list(csv.DictReader(figure_csv(axes.figure).splitlines()))
    assert {row["point"] for row in rows if row["series"] == "no answer"} == {
        "Pt-O-fcc (STALLED)",
        "Pt-O-hcp (STALLED)",
    }


def test_without_times_the_plan_is_the_order(history: CampaignHistory) -> None:
    axes = panel(learning_curve(replace(history, ended={})))
    assert axes.get_xlabel() == "members in the order of the plan"
    lines = {str(line.get_label()): line for line in axes.lines}
    assert list(lines["molecule"].get_xdata()) == [1]
    assert progress(replace(history, ended={})) is None
    some = {key: history.ended[key] for key in ("Cu", "Pt")}
    assert replace(history, ended=some).done[0].outcome.key == "X2"
    ended = panel(progress(replace(history, ended=some))).lines[0]
    assert list(ended.get_ydata()) == [0, 1, 2]
    assert progress(replace(history, submitted=None, began={})) is None


def test_progress_counts_members_and_calls_over_time(history: CampaignHistory) -> None:
    figure = progress(history)
    members, calls = panel(figure, 0), panel(figure, 1)
    assert members.get_xlabel() == "wall time (h)"
    of = {str(line.get_label()): line for line in (*members.lines, *calls.lines)}
    assert list(of["ended"].get_xdata()) == list(range(23))
    assert of["ended"].get_ydata()[-1] == 22
    assert of["converged"].get_ydata()[-1] == 20
    assert set(of["all 22"].get_ydata()) == {22}
    assert of["of members that ended"].get_ydata()[-1] == history.results.dft_calls
    assert set(of["budget 200"].get_ydata()) == {200}
    usual = np.mean([one.calls for one in history.direct.values()])
    known = sum(one.calls for one in history.direct.values())
    plain = of["BFGS for them (by its mean of 5)"].get_ydata()
    assert plain[-1] == pytest.approx(known + 17 * usual)
    complete = {one.outcome.key: Direct(0.0, 10, "converged") for one in history.results.entries}
    lines = panel(progress(replace(history, direct=complete)), 1).lines
    assert next(line for line in lines if line.get_label() == "BFGS for them").get_ydata()[-1] == 220


def test_the_map_shows_the_best_site_and_nothing_where_there_is_no_energy(history: CampaignHistory) -> None:
    axes = panel(energy_map(history))
    cells = np.ma.filled(axes.images[0].get_array().astype(float), np.nan)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Cu(111)", "Pd(111)", "Pt(111)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(ADSORBATES)
    assert cells[0] == pytest.approx([-14.5 + 11, -15.5 + 11, -16.5 + 11])
    assert np.isnan(cells[2, 2])
    assert sorted(text.get_text() for text in axes.texts)[0] == "-3.50"
    assert len(axes.texts) == 8
    page = plotly_figure(axes.figure)
    assert page["data"][0]["customdata"][0][0] == "2 of 2 converged, 8 DFT calls; best -3.500 eV at hcp"
    assert page["data"][0]["customdata"][2][2] == "0 of 2 converged, 18 DFT calls"
    rows = list(csv.DictReader(figure_csv(axes.figure).splitlines()))
    assert len(rows) == 8
    assert {"surface", "adsorbate", "lowest adsorption energy (eV)"} <= rows[0].keys()
    calls = np.asarray(panel(calls_map(history)).images[0].get_array())
    assert calls[2].tolist() == [8.0, 10.0, 18.0]


def test_surfaces_are_told_apart_by_what_differs() -> None:
    tags = {"bulk": "Cu", "miller": "100", "adsorbate": "O", "termination": "0", "coverage": "0.25"}
    more = [tags, tags | {"coverage": "0.5"}, tags | {"bulk": "CuO"}, tags | {"bulk": "CuO", "termination": "1"}]
    found = [member(str(number), Role.ADSORPTION, -1.0, 1, one) for number, one in enumerate(more)]
    names = surfaces(campaign_results("c", found).entries)
    assert names == ["Cu(100) 0.25 ML", "Cu(100) 0.5 ML", "CuO(100) t0", "CuO(100) t1"]


def test_a_map_of_a_hundred_surfaces_is_drawn() -> None:
    found = []
    for row in range(100):
        for column in range(20):
            tags = {"bulk": f"B{row}", "miller": "211", "adsorbate": f"A{column}"}
            found.append(member(f"{row}-{column}", Role.ADSORPTION, None, 1 + row + column, tags))
    figure = calls_map(CampaignHistory(campaign_results("c", found)))
    axes = panel(figure)
    assert figure is not None
    assert not axes.texts
    assert axes.images[0].get_array().shape == (100, 20)
    assert max(figure.get_size_inches()) < 20
    assert image(figure, "png").startswith(b"\x89PNG")


def test_calls_are_told_by_adsorbate_and_by_role(history: CampaignHistory) -> None:
    axes = panel(calls_by_kind(history))
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["C", "N", "O", "molecule X2", "slab"]
    medians = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "_"]
    assert medians == [4, 5, 6, 2, 3]
    points = [line for line in axes.lines if line.get_marker() == "."]
    for place, line in enumerate(points):
        assert np.abs(np.asarray(line.get_xdata()) - place).max() <= 0.25
