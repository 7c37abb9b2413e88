"""A figure as what its address ends in: JSON for plotly.js, a picture, or its numbers; all of one function."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, abort, jsonify, request
from matplotlib.figure import Figure

from al_workflows.analysis.shown import as_csv, as_plotly
from al_workflows.analysis.style import DARK, LIGHT, Style, image

PICTURES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}


def answer(draw: Callable[[Style], Figure | None], kind: str, missing: str, name: str) -> Response:
    """The figure, of ``?theme=dark`` or light.

    Parameters
    ----------
    kind
        ``json``, ``csv``, ``png``, ``svg`` or ``pdf``.
    missing
        Why there is none, where ``draw`` gives none.
    name
        What a file is called, without its ending.
    """
    if kind not in (*PICTURES, "json", "csv"):
        abort(404)
    style = DARK if request.args.get("theme") == "dark" else LIGHT
    figure = draw(style)
    if kind == "json":
        return jsonify(missing=missing) if figure is None else jsonify(as_plotly(figure, style))
    if figure is None:
        abort(404, f"this figure is not there: {missing}")
    file = f'inline; filename="{name}.{kind}"'
    if kind == "csv":
        return Response(as_csv(figure), mimetype="text/csv", headers={"Content-Disposition": file})
    return Response(image(figure, kind), mimetype=PICTURES[kind], headers={"Content-Disposition": file})
