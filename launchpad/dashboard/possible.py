"""What may be done with a run or a campaign from the dashboard, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, url_for

from fw_specs.keys import RUNS
from launchpad.dashboard import login
from launchpad.dashboard.service import reading, service
from launchpad.status import RunState

RUN, CAMPAIGN = "run", "campaign"
PAUSE, RESUME, CANCEL, RERUN = "pause", "resume", "cancel", "rerun"
VERBS = {RUN: (PAUSE, RESUME, CANCEL, RERUN), CAMPAIGN: (PAUSE, RESUME, CANCEL)}
_OF_STATE = {
    RunState.RUNNING: (PAUSE, CANCEL),
    RunState.WAITING: (PAUSE, CANCEL),
    RunState.PAUSED: (RESUME, CANCEL),
    RunState.CANCELLED: (RERUN,),
    RunState.FIZZLED: (RERUN, PAUSE, CANCEL),
}


@dataclass(frozen=True)
class Offer:
    """A link to the page that asks whether it is meant."""

    verb: str
    address: str


def why_not() -> str:
    """Why whoever asks may do nothing here; empty if they may."""
    if not service().config.actions:
        return "This dashboard only shows: it was started without --actions."
    account = login.account()
    if account is None or not account.may_write:
        return "Your login may only look; `alflow dashboard user add … --may-write` makes one that may act."
    return ""


def of_run(state: RunState, held: str | None) -> tuple[str, ...]:
    """The verbs that a run in ``state`` takes; ``held``: what it appends is PAUSED or DEFUSED."""
    if held is None or state.ended or state is RunState.SUBMITTING:
        return _OF_STATE.get(state, ())
    if held == "DEFUSED":  # what still runs ends by itself
        return (RERUN,)
    return tuple(verb for verb in (RESUME, *_OF_STATE.get(state, ())) if verb != PAUSE)


def offers(kind: str, name: str, state: str) -> list[Offer]:
    """What the page of the run or campaign ``name`` offers now: nothing to those who may not."""
    if why_not():
        return []
    if kind == RUN:
        found = reading().db[RUNS].find_one({"_id": name}, {"held": 1}) or {}
        verbs = of_run(RunState(state), found.get("held")) if state in set(RunState) else ()
    else:
        verbs = () if state in ("CONVERGED", "ENDED") else VERBS[CAMPAIGN]
    unique = dict.fromkeys(verbs)
    return [Offer(verb, url_for("actions.ask", kind=kind, verb=verb, name=name)) for verb in unique]


def add_to(app: Flask) -> None:
    """Let templates ask."""
    app.jinja_env.globals["possible_actions"] = offers
