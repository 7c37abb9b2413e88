"""A figure as what its address ends in: JSON for plotly.js, a picture, or its numbers; all of one function."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from flask import Response, abort, jsonify, request
from matplotlib.figure import Figure

from al_workflows.analysis.figure_table import figure_csv
from al_workflows.analysis.plotly_figure import plotly_figure
from al_workflows.analysis.style import DARK, LIGHT, Style, image
from al_workflows.errors import InputError
from launchpad.dashboard.kept import Kept

T = TypeVar("T")
PICTURES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
#: bytes of drawn figures that are kept
ROOM = 32 * 2**20
#: matplotlib draws in one thread at a time
_drawing = threading.Lock()


class Drawn(NamedTuple):
    """A figure as it is sent."""

    content: bytes
    mimetype: str


def kept() -> Kept[Drawn]:
    """Room for figures that were drawn last."""
    return Kept(ROOM, lambda drawn: len(drawn.content))


def alone(draw: Callable[[], T]) -> T:
    """What ``draw`` gives, while nobody else draws."""
    with _drawing:
        return draw()


def answer(
    draw: Callable[[Style], Figure | None],
    kind: str,
    missing: str,
    name: str,
    version: str = "",
    drawn: Kept[Drawn] | None = None,
) -> Response:
    """The figure, of ``?theme=dark`` or light.

    Parameters
    ----------
    kind
        ``json``, ``csv``, ``png``, ``svg`` or ``pdf``.
    missing
        Why there is none, where ``draw`` gives none.
    name
        What a file is called, without its ending.
    version
        That of what it is drawn from: a browser that has the figure of this version is not sent it again.
    drawn
        Where figures with a version are kept for whoever asks next.

    Raises
    ------
    InputError
        There is no such figure yet; as JSON that is an answer.
    """
    if kind not in (*PICTURES, "json", "csv"):
        abort(404)
    dark = request.args.get("theme") == "dark"
    style = DARK if dark else LIGHT

    def make() -> Drawn:
        with _drawing:
            figure = draw(style)
            if figure is None and kind != "json":
                raise InputError(f"this figure is not there: {missing}")
            if figure is None:
                return Drawn(jsonify(missing=missing).get_data(), "application/json")
            if kind == "json":
                return Drawn(jsonify(plotly_figure(figure, transparent=True)).get_data(), "application/json")
            if kind == "csv":
                return Drawn(figure_csv(figure).encode(), "text/csv")
            return Drawn(image(figure, kind), PICTURES[kind])

    found = drawn.get((name, kind, dark, version), make) if drawn is not None and version else make()
    response = Response(found.content, mimetype=found.mimetype)
    if kind != "json":
        response.headers["Content-Disposition"] = f'inline; filename="{name}.{kind}"'
    if version:
        response.headers["Cache-Control"] = "private, no-cache"
        response.set_etag(f"{version}-{kind}-{'dark' if dark else 'light'}")
        response.make_conditional(request)
    return response
