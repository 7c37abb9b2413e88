"""Pause, resume, cancel and rerun: a page that asks, a page that says what became of it, and the log of all."""

from __future__ import annotations

import re
import secrets

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from al_workflows.errors import InputError
from fw_specs.campaign_store import CampaignStore
from fw_specs.keys import ACTIONS, RUNS
from fw_specs.store import Store
from launchpad.dashboard import acting, foretold, links, login, possible
from launchpad.dashboard.service import page, reading, service
from launchpad.member_selection import selected
from launchpad.status import read_status

pages = Blueprint("actions", __name__)
PAGE_SIZE = 50
_ONCE = re.compile(r"[0-9a-f]{32}")


@pages.get("/action/<kind>/<verb>/<name>")
def ask(kind: str, verb: str, name: str) -> str:
    """Say what will happen, and offer the button."""
    where = _allowed(kind, verb, name, request.args)
    state, known = "", True
    if kind == possible.RUN:
        status = read_status(reading(), name)
        held = (reading().db[RUNS].find_one({"_id": name}, {"held": 1}) or {}).get("held")
        state, known = status.state.value, verb in possible.of_run(status.state, held)
        said = foretold.of_run(reading(), name, verb)
    else:
        said = foretold.of_campaign(reading(), name, verb, where)
    return render_template(
        "action.html",
        section="Campaigns" if kind == possible.CAMPAIGN else "Runs",
        kind=kind,
        verb=verb,
        name=name,
        where=where,
        state=state,
        possible=known,
        said=said,
        once=secrets.token_hex(16),
        back=f"/{kind}/{name}",
    )


@pages.post("/action/<kind>/<verb>/<name>")
def act(kind: str, verb: str, name: str) -> Response:
    """Do it."""
    where = _allowed(kind, verb, name, request.form)
    account, once = login.account(), request.form.get("once", "")
    if account is None or _ONCE.fullmatch(once) is None:
        abort(400, "The form is not complete: go back, load its page again, and press the button there.")
    acting.act(service().config.source, acting.Asked(once, account.name, kind, verb, name, where))
    return redirect(url_for("actions.outcome", once=once), 303)


@pages.get("/actions/<once>")
def outcome(once: str) -> str:
    """What became of one action."""
    _offered()
    topic = f"action:{once}"
    version = service().changes.version(topic)
    found = acting.logged(reading().db, once)
    if found is None:
        abort(404)
    return page("action_outcome.html", "Actions", topic, version=version, one=found)


@pages.get("/actions")
def log() -> str:
    """Who did what, when, and what became of it, the newest first."""
    _offered()
    version = service().changes.version("actions")
    collection = reading().db[ACTIONS]
    number = collection.estimated_document_count()
    here, last = links.chosen_page(number, PAGE_SIZE)
    rows = list(collection.find().sort("at", -1).skip(PAGE_SIZE * (here - 1)).limit(PAGE_SIZE))
    shown = {"rows": rows, "number": number, "place": here, "last": last, "link": links.here}
    return page("actions.html", "Actions", "actions", version=version, **shown)


def _offered() -> None:
    if not service().config.actions:
        abort(404)


def _allowed(kind: str, verb: str, name: str, given: MultiDict[str, str]) -> dict[str, str]:
    """What selects members; refuses what does not exist and whoever may not.

    Raises
    ------
    HTTPException
        There is no such action (404), it is not for this user (403), or the selection is none (400).
    InputError
        There is no such run or campaign.
    """
    if verb not in possible.VERBS.get(kind, ()):
        abort(404)
    if reason := possible.why_not():
        abort(403, reason)
    if kind == possible.CAMPAIGN:
        CampaignStore(reading().db).campaign(name)
        try:
            return selected(given.getlist("where"))
        except InputError as error:
            abort(400, str(error))
    Store(reading().db).run(name)  # by its whole id: nothing is done to one that only begins so
    return {}
