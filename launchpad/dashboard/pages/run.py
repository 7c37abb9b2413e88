"""One run: how it stands, its figures, its cycles and single points, and what of it can be taken away."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, abort, redirect, url_for
from matplotlib.figure import Figure
from werkzeug.wrappers import Response as AnyResponse

from al_workflows.analysis import report
from al_workflows.analysis.gallery import gallery_of
from al_workflows.analysis.style import Style
from al_workflows.errors import InputError
from al_workflows.export import accepted, extxyz
from al_workflows.history import RunHistory
from al_workflows.results import STEPS
from fw_specs.store import Store
from launchpad.dashboard import figures
from launchpad.dashboard.data.run import read_run
from launchpad.dashboard.service import page, reading, service
from launchpad.status import read_status

pages = Blueprint("run", __name__)

#: labels, and cycles, that are shown unfolded
LABELS_SHOWN, CYCLES_SHOWN = 40, 20


def version_of(run: str) -> tuple[str, str]:
    """The run's topic and its version."""
    topic = f"run:{run}"
    return topic, service().changes.version(topic)


def history_of(run: str) -> RunHistory:
    """All that is known of the run whose whole id that is, as of now.

    Raises
    ------
    InputError
        There is none.
    """
    return service().histories.get(reading(), run, version_of(run)[1])


@pages.get("/run/<run>")
def one_run(run: str) -> str | AnyResponse:
    """The page of a run; of how an id begins, the way to it."""
    found = Store(reading().db).find_run(run)
    if found != run:
        return redirect(url_for("run.one_run", run=found))
    topic, version = version_of(run)
    history = service().histories.get(reading(), run, version)
    view = read_run(reading(), history)
    shown = replace(history, state=view.status.state.value)
    rows = [(label, report.ledger_row(label)) for label in reversed(history.labels)]
    return page(
        "run.html",
        "Runs",
        topic,
        version=version,
        run=run,
        history=history,
        view=view,
        facts=report.facts(shown),
        gallery=gallery_of(history),
        ledger=rows,
        labels_shown=LABELS_SHOWN,
        cycles_shown=CYCLES_SHOWN,
        refused=[(cycle, one) for cycle, several in sorted(history.rejected.items()) for one in several],
        steps=STEPS,
        given=report.settings(history.spec, defaults=False),
        settings=report.settings(history.spec, defaults=True),
        codes=sorted({label.code for label in history.labels}),
        hashes=sorted({label.dft_hash for label in history.labels}),
    )


@pages.get("/run/<run>/figure/<name>.<kind>")
def figure(run: str, name: str, kind: str) -> AnyResponse:
    """A figure of the run's gallery as what ``kind`` says."""
    here, version = service(), version_of(run)[1]
    history = here.histories.get(reading(), run, version)
    entry = next((one for one in gallery_of(history) if one.name == name), None)
    if entry is None:
        abort(404)

    def draw(style: Style) -> Figure | None:
        return entry.draw(history, style)

    return figures.answer(draw, kind, entry.missing, f"{run}-{name}", version, here.drawn)


@pages.get("/run/<run>/report.html")
def whole_report(run: str) -> AnyResponse:
    """The run's report: one page that needs nothing else."""
    status = read_status(reading(), run)
    history = replace(history_of(run), state=status.state.value)
    return _file(figures.alone(lambda: report.whole_page(history)), f"{run}.html", "text/html")


@pages.get("/run/<run>/labels.extxyz")
def labels(run: str) -> AnyResponse:
    """The run's accepted labels."""
    return _file(extxyz(run, accepted(history_of(run))), f"{run}-labels.extxyz", "chemical/x-xyz")


@pages.get("/run/<run>/final.extxyz")
def final(run: str) -> AnyResponse:
    """The structure that answers the run's question, or the one nearest to it so far."""
    answer = history_of(run).answer
    if answer is None:
        raise InputError(f"run {run} has no single point that succeeded yet, so there is no final structure")
    return _file(extxyz(run, [answer]), f"{run}-final.extxyz", "chemical/x-xyz")


def _file(content: str, name: str, mimetype: str) -> AnyResponse:
    return Response(content, mimetype=mimetype, headers={"Content-Disposition": f'attachment; filename="{name}"'})
