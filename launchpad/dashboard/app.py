"""The web application: pages, headers that keep browsers safe, and errors that name their cause."""

from __future__ import annotations

import datetime

from flask import Flask, abort, jsonify, request, url_for
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from al_workflows.errors import AlWorkflowsError, EnvironmentProblem, InputError
from launchpad.dashboard import errors, login, possible, words
from launchpad.dashboard.changes import Changes
from launchpad.dashboard.config import LOOPBACK_NAMES, DashboardConfig
from launchpad.dashboard.database import Database
from launchpad.dashboard.pages import (
    actions,
    campaign,
    campaigns,
    changed,
    failures,
    label,
    run,
    runs,
    workers,
)
from launchpad.dashboard.pages import login as login_pages
from launchpad.dashboard.service import Service, service
from launchpad.dashboard.topics import FINGERPRINTS

#: nothing from elsewhere, and no script or handler written into a page; plotly.js sets styles
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: names of the sections and where they begin
NAVIGATION = (
    ("Campaigns", "campaigns.all_campaigns"),
    ("Runs", "runs.all_runs"),
    ("Workers", "workers.all_workers"),
    ("Failures", "failures.all_failures"),
)
PAGES = (
    *(campaigns.pages, campaign.pages, runs.pages, run.pages, label.pages),
    *(workers.pages, failures.pages, actions.pages, login_pages.pages, changed.pages),
)


def create_app(config: DashboardConfig, *, follow: bool = True) -> Flask:
    """The application; with ``follow`` a thread follows the database's changes."""
    app = Flask(__name__.rpartition(".")[0])
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.json.sort_keys = False  # type: ignore[attr-defined]
    database = Database(config.source)
    changes = Changes(database, FINGERPRINTS)
    app.extensions["alflow"] = Service(config, database, changes)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
    words.add_filters(app)
    app.before_request(_refuse_other_names)
    app.before_request(_refuse_null)
    app.after_request(_guard)
    login.protect(app, config)
    possible.add_to(app)
    app.register_error_handler(HTTPException, errors.of_http)
    app.register_error_handler(PyMongoError, errors.of_database)
    app.register_error_handler(EnvironmentProblem, errors.of_database)
    app.register_error_handler(InputError, errors.not_found)
    app.register_error_handler(AlWorkflowsError, errors.of_ours)
    app.context_processor(_for_all_pages)
    if follow:
        changes.start()
    return app


def _for_all_pages() -> dict[str, object]:
    here, seen = service(), login.may_see()
    sections = (*NAVIGATION, *([("Actions", "actions.log")] if here.config.actions else []))
    navigation = [(name, url_for(endpoint)) for name, endpoint in sections] if seen else []
    return {
        "database": here.database.address if seen else "",
        "now": datetime.datetime.now(datetime.UTC),
        "config": here.config,
        "navigation": navigation,
    }


def _refuse_other_names() -> Response | None:
    """A page elsewhere must not reach us by a name of its own that it lets point here (DNS rebinding)."""
    config = service().config
    if not config.loopback and not config.names:
        return None
    name = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    if name in (*LOOPBACK_NAMES, config.host, *config.names):
        return None
    answer = jsonify(error=f"this dashboard is not called {name!r}; start it with `--name {name}` if it should be")
    answer.status_code = 421
    return answer


def _refuse_null() -> None:
    """No name here has a null in it, and neither MongoDB nor the file system takes one."""
    if "\0" in request.path or b"%00" in request.query_string:
        abort(400, "The address has a null character in it.")


def _guard(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "DENY"
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response
