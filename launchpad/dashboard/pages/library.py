"""plotly.js, from the package of Python's plotly: browsers need no network."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from flask import Blueprint, send_file
from werkzeug.wrappers import Response

pages = Blueprint("library", __name__)


@pages.get("/library/plotly.min.js")
def plotly() -> Response:
    """The library; a browser keeps it for a week."""
    path = Path(str(resources.files("plotly").joinpath("package_data", "plotly.min.js")))
    return send_file(path, mimetype="text/javascript", max_age=7 * 86400, conditional=True)
