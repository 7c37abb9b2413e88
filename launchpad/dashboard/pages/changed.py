"""Whether what a page shows has changed: asked by every open page, every two seconds."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from launchpad.dashboard.service import service

pages = Blueprint("changed", __name__)


@pages.get("/changes")
def changes() -> Response:
    """The version of ``?topic=``."""
    topic = request.args.get("topic", "")[:300]
    return jsonify(topic=topic, version=service().changes.version(topic))
