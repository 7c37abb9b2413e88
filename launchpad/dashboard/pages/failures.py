"""What failed, by cause, with what to do about it."""

from __future__ import annotations

from flask import Blueprint, abort, request

from fw_specs.campaign_store import CampaignStore
from launchpad.dashboard import links, remedies
from launchpad.dashboard.data.failures import read_failures
from launchpad.dashboard.service import page, reading, service

pages = Blueprint("failures", __name__)
#: causes of a kind that are shown with the others, and on a page of their own
FEW, PAGE_SIZE = 12, 50
TITLES = {
    remedies.POINTS: "Single points that failed",
    remedies.RUNS: "Runs that ended without an answer",
    remedies.STEPS: "Steps that stopped by an error",
    remedies.LOSSES: "Launches that were lost",
}
NOTES = {
    remedies.POINTS: "A result like any other: the run goes on without it. When they were is not stored.",
    remedies.RUNS: "By verdict and reason. When they were is not stored.",
    remedies.STEPS: "Fireworks that are FIZZLED now.",
    remedies.LOSSES: "Workers, jobs and nodes that went away; what they were at was run again. All that are counted.",
}


@pages.get("/failures")
def all_failures() -> str:
    """All kinds, or ``?kind=`` alone; ``?campaign=`` filters."""
    version = service().changes.version("failures")
    store = CampaignStore(reading().db)
    wanted, kind = request.args.get("campaign") or None, request.args.get("kind") or None
    if wanted is not None:
        store.campaign(wanted)
    if kind is not None and kind not in TITLES:
        abort(400, f"`kind` is {kind[:60]!r} but must be one of {', '.join(TITLES)}")
    found = read_failures(reading(), wanted)
    place, last = links.chosen_page(len(found.groups[kind]) if kind else 0, PAGE_SIZE)
    shown = {
        one: found.groups[one][PAGE_SIZE * (place - 1) : PAGE_SIZE * place] if kind else found.groups[one][:FEW]
        for one in ([kind] if kind else TITLES)
    }
    return page(
        "failures.html",
        "Failures",
        "failures",
        version=version,
        found=found,
        shown=shown,
        titles=TITLES,
        notes=NOTES,
        kind=kind,
        wanted=wanted,
        campaigns=store.names(),
        place=place,
        last=last,
        link=links.here,
    )
