"""A figure as what its address ends in: JSON for plotly.js, a picture, or its numbers; all of one function."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flask import Response, abort, jsonify, request
from matplotlib.figure import Figure

from al_workflows.analysis.figure_table import figure_csv
from al_workflows.analysis.plotly_figure import plotly_figure
from al_workflows.analysis.style import DARK, LIGHT, Style, image

PICTURES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
#: matplotlib draws in one thread at a time
_drawing = threading.Lock()


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
    with _drawing:
        figure = draw(style)
        if figure is None and kind == "json":
            return jsonify(missing=missing)
        if figure is None:
            abort(404, f"this figure is not there: {missing}")
        if kind == "json":
            return jsonify(plotly_figure(figure, transparent=True))
        file = {"Content-Disposition": f'inline; filename="{name}.{kind}"'}
        if kind == "csv":
            return Response(figure_csv(figure), mimetype="text/csv", headers=file)
        return Response(image(figure, kind), mimetype=PICTURES[kind], headers=file)
