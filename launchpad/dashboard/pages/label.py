"""One single point: its structure, why it was asked for, and what came of it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from werkzeug.wrappers import Response as AnyResponse

from al_workflows.analysis import report
from al_workflows.export import extxyz, plain_extxyz
from fw_specs.store import Store
from launchpad.dashboard.data.label import LabelView, read_label
from launchpad.dashboard.data.structure import drawing
from launchpad.dashboard.pages.run import history_of, version_of
from launchpad.dashboard.service import page, reading

pages = Blueprint("label", __name__)


def _view(run: str, cycle: int, index: int) -> LabelView:
    directory = Store(reading().db).run(run).directory
    return read_label(reading(), history_of(run), directory, cycle, index)


@pages.get("/run/<run>/label/<int(max=99999):cycle>/<int(max=99999):index>")
def one_label(run: str, cycle: int, index: int) -> str:
    """The page of a single point, answered or not."""
    topic, version = version_of(run)
    view = _view(run, cycle, index)
    row = report.ledger_row(view.label) if view.label is not None else None
    return page("label.html", "Runs", topic, version=version, run=run, view=view, row=row, tail=view.tail())


@pages.get("/run/<run>/label/<int(max=99999):cycle>/<int(max=99999):index>/structure.json")
def structure(run: str, cycle: int, index: int) -> AnyResponse:
    """What the browser draws."""
    view = _view(run, cycle, index)
    return jsonify(drawing(view.request.atoms, *view.forces))


@pages.get("/run/<run>/label/<int(max=99999):cycle>/<int(max=99999):index>.extxyz")
def download(run: str, cycle: int, index: int) -> AnyResponse:
    """The structure, with DFT's energy and forces if they are there."""
    view = _view(run, cycle, index)
    text = extxyz(run, [view.label]) if view.label is not None else plain_extxyz(view.request.atoms)
    name = f"{run}-{cycle:04d}-{index:02d}.extxyz"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, mimetype="chemical/x-xyz", headers=headers)
