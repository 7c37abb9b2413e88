"""What a browser sees when a page cannot be shown: the cause, and what to do."""

from __future__ import annotations

import logging

from flask import jsonify, make_response, render_template, request
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.response import Response as AnyResponse
from werkzeug.wrappers import Response

from al_workflows.errors import AlWorkflowsError, EnvironmentProblem, InputError
from launchpad.mongo_bootstrap import first_clause

logger = logging.getLogger(__name__)


def of_http(error: HTTPException) -> AnyResponse:
    """A page for the browser's own mistakes, and for ours."""
    if error.response is not None:
        return error.response
    code = error.code or 500
    if code == 404:
        return _page("There is no such page", "The address is wrong, or what it showed is gone.", code)
    if code == 429:
        return _page("Too many attempts", "Wait some minutes, and try again.", code)
    return _page(error.name, error.description or "", code)


def of_database(error: PyMongoError | EnvironmentProblem) -> Response:
    """The database is away, or does not let us in."""
    cause = first_clause(error) if isinstance(error, PyMongoError) else str(error)
    logger.warning("the database does not answer: %s", cause)
    return _page("The database does not answer", f"{cause}. This page tries again by itself.", 503)


def not_found(error: InputError) -> Response:
    """What was asked for is not there."""
    return _page("Not in this database", str(error), 404)


def of_ours(error: AlWorkflowsError) -> Response:
    """Anything else that we know of."""
    return _page("This cannot be shown", str(error), 500)


def _page(title: str, words: str, code: int) -> Response:
    if request.accept_mimetypes.best == "application/json" or request.path.endswith(".json"):
        return make_response(jsonify(error=f"{title}: {words}"), code)
    return make_response(render_template("error.html", title=title, words=words, code=code), code)
