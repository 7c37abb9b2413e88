"""A Morse fit as a FireWorks workflow: single points, then the fit; a second round as a detour if a minimum is missed.

atom, dimers of every element → fit ─→ dimers beyond the end → fit
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fireworks import FiretaskBase, Firework, FWAction, LaunchPad, Workflow, explicit_serialize
from fireworks.utilities.fw_serializers import load_object

from al_workflows.dft.label_file import read_label
from al_workflows.errors import RecordMissing
from al_workflows.morse_fit.element import conclude
from al_workflows.morse_fit.points import Point, first_points, more_points, series
from al_workflows.morse_fit.spec import MorseFitSpec, parse_fit_spec
from al_workflows.morse_fit.table import write_fit
from al_workflows.records import Label
from fw_specs import links
from fw_specs.cycle import make_firework
from fw_specs.keys import DFT, FIRST_CYCLE, RUN, TASKS
from fw_specs.store import Store

FIT = "fit"
#: below the directory of a fit
WORK = "work"


def morse_id(elements: Sequence[str], spec: MorseFitSpec) -> str:
    """``morse-<elements>-<hash>``, the hash over all that decides the numbers."""
    content = json.dumps(sorted(series(element, spec) for element in elements))
    names = "-".join(elements) if len(elements) <= 4 else f"{len(elements)}-elements"
    return f"morse-{names}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def submit_morse(launchpad: LaunchPad, elements: Sequence[str], spec: MorseFitSpec, directory: Path) -> bool:
    """Put the fit of ``elements`` into the database; its files will be below ``directory`` (absolute).

    Returns
    -------
    bool
        Whether it is new: one that is already there is left as it is.
    """
    run = morse_id(elements, spec)
    if launchpad.workflows.find_one({f"metadata.{RUN}": run}, {"_id": 1}) is not None:
        return False
    Store(launchpad.db).ensure_indexes()
    points = [point for element in elements for point in first_points(element, spec)]
    launchpad.add_wf(_round(run, 0, elements, spec, directory, points))
    return True


def _round(
    run: str, number: int, elements: Sequence[str], spec: MorseFitSpec, directory: Path, points: Sequence[Point]
) -> Workflow:
    dft = [_point_firework(run, number, spec, directory, point) for point in points]
    # as lists and dictionaries of strings and numbers: the database knows no others
    task = FitMorseTask(
        run=run, round=number, elements=list(elements), spec=spec.model_dump(mode="json"), directory=str(directory)
    )
    fit = make_firework(task, run, number, FIT, spec.resources.check, directory / FIT, f"{run}:{number}:{FIT}")
    return Workflow([*dft, fit], {point: [fit] for point in dft}, name=run, metadata={RUN: run, FIRST_CYCLE: number})


def _point_firework(run: str, number: int, spec: MorseFitSpec, directory: Path, point: Point) -> Firework:
    key = point.request.key
    content = {"run": key.split("/")[0], "request": point.request.to_dict(), "dft": point.dft.model_dump(mode="json")}
    task = load_object({"_fw_name": TASKS[DFT], **content})
    return make_firework(task, run, number, DFT, spec.resources.dft, point.directory(directory / WORK), f"{run}:{key}")


@explicit_serialize
class FitMorseTask(FiretaskBase):  # type: ignore[misc]  # fireworks is untyped
    """Ask for a second round where an element's minimum was missed; else fit, and write ``morse.yaml`` and figure."""

    required_params = ["run", "round", "elements", "spec", "directory"]  # noqa: RUF012
    optional_params: list[str] = []  # noqa: RUF012

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """See :func:`al_workflows.morse_fit.element.conclude`."""
        spec, directory, number = parse_fit_spec(self["spec"]), Path(self["directory"]), self["round"]
        labels: dict[str, list[Label]] = {}
        asked: list[Point] = []
        store = Store(self.launchpad.db)
        for element in self["elements"]:
            labels[element] = _labels(store, first_points(element, spec), directory)
            more = more_points(element, spec, labels[element])
            if number == 0:
                asked += more
            else:
                labels[element] += _labels(store, more, directory)
        if asked:
            following = _round(self["run"], 1, self["elements"], spec, directory, asked)
            if links.has_cycle(self.launchpad, self.fw_id, self["run"], 1):
                return FWAction()
            return FWAction(stored_data={"asked": len(asked)}, detours=following)
        fits = [conclude(element, spec, found) for element, found in labels.items()]
        write_fit(fits, spec, directory)
        return FWAction(stored_data={fit.element: fit.cause or fit.outcome.value for fit in fits})


def _labels(store: Store, points: Sequence[Point], directory: Path) -> list[Label]:
    """The labels of ``points``; one that never reached the database is taken from its directory."""
    if not points:
        return []
    known = {label.key: label for label in store.labels(points[0].request.key.split("/")[0])}
    found = []
    for point in points:
        where = point.directory(directory / WORK)
        label = known.get(point.request.key) or read_label(where)
        if label is None:
            raise RecordMissing(
                f"the label {point.request.key} ({where}/label.json) is missing; rerun its Firework (`lpad rerun_fws`)"
            )
        found.append(label)
    return found
