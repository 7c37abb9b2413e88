"""A cycle as a FireWorks workflow: who waits for whom, who may run it, and where.

dft-0 → check                             cycle 0: the start alone
query → check                             cycle 0 of a run that learns from others: query puts the start before check
train → simulate → query → check          every later cycle; query puts its dft Fireworks before check
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from fireworks import FiretaskBase, Firework, Workflow
from fireworks.utilities.fw_serializers import load_object

from al_workflows.claim import place_of
from al_workflows.records import Request, Selection
from al_workflows.spec import RunSpec, StepResources
from fw_specs.keys import CAMPAIGN, CHECK, CYCLE, DFT, FIRST_CYCLE, PRIORITY, QUERY, RUN, SIMULATE, STEP, TASKS, TRAIN


def first_cycle(run: str, spec: RunSpec, directory: Path, selection: Selection | None) -> Workflow:
    """Cycle 0: ``selection`` holds the start; None where a query finds out whether the start is to be asked for."""
    if selection is None:
        steps = [_cycle_firework(run, 0, step, spec, directory) for step in (QUERY, CHECK)]
        return Workflow(steps, {steps[0]: [steps[1]]}, name=run, metadata=_metadata(run, 0))
    points = [dft_firework(run, 0, spec, directory, request) for request in selection.requests]
    check = _cycle_firework(run, 0, CHECK, spec, directory)
    return Workflow([*points, check], {point: [check] for point in points}, name=run, metadata=_metadata(run, 0))


def next_cycle(run: str, cycle: int, spec: RunSpec, directory: Path) -> Workflow:
    """A cycle behind an earlier one."""
    steps = [_cycle_firework(run, cycle, step, spec, directory) for step in (TRAIN, SIMULATE, QUERY, CHECK)]
    links = {before: [after] for before, after in pairwise(steps)}
    return Workflow(steps, links, name=run, metadata=_metadata(run, cycle))


def dft_firework(run: str, cycle: int, spec: RunSpec, directory: Path, request: Request) -> Firework:
    """One single point. Its spec carries the geometry and the settings: it needs no database."""
    parameters = {"run": run, "request": request.to_dict(), "dft": spec.dft.model_dump(mode="json")}
    where, index = point_directory(directory, request), request.key.rpartition("/")[2]
    return _firework(run, cycle, DFT, spec, where, parameters, name=f"{run}:{cycle}:{DFT}-{index}")


def hold(fireworks: Iterable[Firework], state: str | None) -> None:
    """Have new ``fireworks`` begin in ``state`` (PAUSED, DEFUSED) instead of running; nothing if it is None."""
    for firework in fireworks:
        firework.state = state or firework.state


def mark(fireworks: Iterable[Firework], marks: Mapping[str, Any]) -> None:
    """Have ``fireworks`` carry what their run's record says of them all: its campaign and its priority."""
    for firework in fireworks:
        firework.spec.update({key: marks[key] for key in (CAMPAIGN, PRIORITY) if key in marks})


def point_directory(directory: Path, request: Request) -> Path:
    """Where a single point lives: ``<directory>/<cycle>/<index>``."""
    return directory / place_of(request.key)


def _cycle_firework(run: str, cycle: int, step: str, spec: RunSpec, directory: Path) -> Firework:
    where, parameters = directory / f"{cycle:04d}" / step, {"run": run, "cycle": cycle}
    return _firework(run, cycle, step, spec, where, parameters, name=f"{run}:{cycle}:{step}")


def _firework(
    run: str, cycle: int, step: str, spec: RunSpec, where: Path, parameters: dict[str, Any], name: str
) -> Firework:
    # by name, as FireWorks itself loads it: the tasks append cycles, so they know this module and not the reverse
    task = load_object({"_fw_name": TASKS[step], **parameters})
    return make_firework(task, run, cycle, step, getattr(spec.resources, step), where, name)


def make_firework(
    task: FiretaskBase, run: str, cycle: int, step: str, resources: StepResources, where: Path, name: str
) -> Firework:
    """A Firework with what status, workers and the queue need to know of it; it runs in ``where``."""
    content: dict[str, Any] = {
        RUN: run,
        CYCLE: cycle,
        STEP: step,
        "_category": resources.category,
        "_launch_dir": str(where),
        "_add_launchpad_and_fw_id": True,
    }
    if resources.queue:
        content["_queueadapter"] = dict(resources.queue)
    return Firework([task], spec=content, name=name)


def _metadata(run: str, cycle: int) -> dict[str, Any]:
    return {RUN: run, FIRST_CYCLE: cycle}
