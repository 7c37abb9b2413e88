"""A campaign's page: it stands alone, says what the campaign is, escapes what is in it, and is there in any state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from al_workflows.analysis.campaign_report import write_campaign_report
from al_workflows.analysis.gallery_campaign import CAMPAIGN_GALLERY
from al_workflows.campaign.compared import Direct
from al_workflows.campaign.history import CampaignHistory
from al_workflows.campaign.member import Role
from al_workflows.campaign.results import campaign_results
from al_workflows.campaign.states import MemberState
from tests.analysis.test_figures_campaign import member, outcomes
from tests.analysis.test_report import NASTY, Page

FAILURES = [
    {"key": "x/0001/00", "status": "crashed", "cause": "it broke", "directory": "/runs/x"},
    {"key": "x/0002/00", "status": "crashed", "cause": "it broke", "directory": "/runs/y"},
    {"key": "x/0002/01", "status": "timed_out", "cause": "after 60 s", "directory": "/runs/z"},
]


def history() -> CampaignHistory:
    found = outcomes()
    found[-1] = replace(found[-1], reason="nothing became better", summary={"failures": FAILURES, "borrowed": 12})
    return CampaignHistory(
        campaign_results("oxides", found),
        budget=500,
        submitted=0.0,
        ended={one.key: 100.0 * (number + 1) for number, one in enumerate(found)},
        direct={"Cu-C-fcc": Direct(-14.0, 31, "converged")},
        created="2026-01-02 03:04 UTC",
        skipped=[("Mn", "has no such facet")],
    )


def test_the_page_needs_nothing_else_and_says_all(tmp_path: Path) -> None:
    path = write_campaign_report(history(), tmp_path)
    page = Page(path.read_text())
    assert not {"script", "link"} & set(page.tags)
    assert len(page.addresses) == 2 * len(CAMPAIGN_GALLERY)
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    expected = ["oxides", "20 CONVERGED", "2 STALLED", "500 DFT calls", "31.0", "2026-01-02 03:04 UTC", "Pt-O-hcp"]
    expected += [
        "nothing became better",
        "Pt-O-hcp is STALLED",
        "-3.5000",
        "it broke",
        "/runs/x",
        "Mn: has no such facet",
    ]
    for piece in expected:
        assert piece in page.text, piece
    assert page.text.index("it broke") < page.text.index("after 60 s")  # the most frequent first
    names = {entry.name for entry in CAMPAIGN_GALLERY}
    files = {f"{name}.{kind}" for name in names for kind in ("png", "svg", "pdf", "csv")}
    assert {one.name for one in tmp_path.iterdir()} == files | {"report.html"}


def test_a_campaign_in_any_state_has_a_page(tmp_path: Path) -> None:
    write_campaign_report(history(), tmp_path)
    text = Page(write_campaign_report(CampaignHistory(campaign_results("new", [])), tmp_path).read_text()).text
    assert "no members" in text
    assert all(f"{entry.title}: {entry.missing}" in text for entry in CAMPAIGN_GALLERY)
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]  # nothing of the earlier one stays
    waiting = [replace(one, state=MemberState.WAITING, calls=0, energy=None) for one in outcomes()]
    text = Page(write_campaign_report(CampaignHistory(campaign_results("new", waiting)), tmp_path).read_text()).text
    assert "22 WAITING" in text
    assert "No single point of a member that has ended has failed" in text


def test_what_the_campaign_holds_is_escaped(tmp_path: Path) -> None:
    tags = {"bulk": NASTY, "miller": NASTY, "adsorbate": NASTY, "seed": "1"}
    failure = {"key": NASTY, "status": NASTY, "cause": NASTY, "directory": NASTY}
    nasty = [
        member(NASTY + str(number), Role.ADSORPTION, -1.0, 3, tags, reason=NASTY, summary={"failures": [failure]})
        for number in range(2)
    ]
    stalled = replace(nasty[0], key="stalled", state=MemberState.STALLED)
    found = CampaignHistory(campaign_results(NASTY, [*nasty, stalled]), skipped=[(NASTY, NASTY)], created=NASTY)
    page = Page(write_campaign_report(found, tmp_path).read_text())
    assert "script" not in page.tags
    assert page.text.count(NASTY) >= 10
    assert all(address.startswith("data:image/png;") for address in page.addresses)
