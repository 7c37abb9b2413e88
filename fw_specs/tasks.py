"""The five steps as Firetasks: each fetches its inputs, calls one function of :mod:`al_workflows.steps`, stores the
answer and says what comes next.

A task that finds its answer in the store leaves it as it is, and a Firework that already has its followers appends
none: whatever is run again, by hand or after a loss, changes nothing. The module path is written into every
database (``{{fw_specs.tasks.TrainTask}}``) and must not change.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from fireworks import FiretaskBase, FWAction, explicit_serialize
from pydantic import TypeAdapter

from al_workflows import steps
from al_workflows.claim import refuse_elsewhere, refuse_outside
from al_workflows.dft.label_file import find_label, read_label
from al_workflows.dft.losses import abandoned
from al_workflows.dft.settings import dft_hash
from al_workflows.errors import InputError, RecordMissing
from al_workflows.potential import Potential
from al_workflows.records import Label, Request, Selection, VerdictKind
from al_workflows.results import write_result
from al_workflows.spec import DftSpec, RunSpec
from al_workflows.step_checkpoint import CHECKPOINT_FILE, Checkpoint
from al_workflows.structures import structure_key
from al_workflows.termination import Progress
from al_workflows.timing import timed
from fw_specs import campaign_turns, links, offline_mode
from fw_specs import cycle as cycles
from fw_specs.keys import QUERY, SIMULATE, TRAIN
from fw_specs.lending import borrow, borrowed
from fw_specs.reuse import shared
from fw_specs.store import Store, StoredRun

T = TypeVar("T")

logger = logging.getLogger(__name__)
offline_mode.mend()

#: so often may a single point be lost (killed, node gone) before it counts as crashed
MAX_LOSSES = 5
#: a run goes on in a new workflow when the old one has so many Fireworks: FireWorks slows down with their number
MAX_NODES = 500


class _CycleTask(FiretaskBase):  # type: ignore[misc]  # fireworks is untyped
    """A task that needs the database."""

    required_params = ["run", "cycle"]  # noqa: RUF012  # the form FireWorks reads
    optional_params: list[str] = []  # noqa: RUF012  # not None: makes FireWorks refuse unknown parameters

    @property
    def _store(self) -> Store:
        return Store(self.launchpad.db)

    def _inputs(self) -> tuple[Store, StoredRun, int]:
        store = self._store
        run = store.intact_run(self["run"])
        refuse_outside(Path.cwd(), run.directory, run.run)
        return store, run, self["cycle"]


@explicit_serialize
class TrainTask(_CycleTask):
    """Train the cycle's potential on all labels so far."""

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """See :func:`al_workflows.steps.train`."""
        store, run, cycle = self._inputs()
        checkpoint = _checkpoint()
        if store.has_potential(run.run, cycle):
            checkpoint.remove()
            return FWAction()
        seconds: dict[str, float] = {}
        previous = store.potential(run.run, cycle - 1)
        with timed(seconds, TRAIN):
            labels, others = store.labels(run.run, below=cycle), borrowed(self.launchpad.db, run.run)
            lender = lending_potential(store, run.spec, others) if previous is None else None
            potential = steps.train(run.spec, cycle, labels, previous, checkpoint, others, lender)
        store.put_seconds(run.run, cycle, TRAIN, seconds[TRAIN])
        store.put_potential(run.run, cycle, potential)
        checkpoint.remove()
        return FWAction(stored_data=potential.metrics.to_dict())


@explicit_serialize
class SimulateTask(_CycleTask):
    """Run the ML simulation; its frames are the cycle's pool."""

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """See :func:`al_workflows.steps.simulate`."""
        store, run, cycle = self._inputs()
        checkpoint = _checkpoint()
        if store.has_pool(run.run, cycle):
            checkpoint.remove()
            return FWAction()
        seconds: dict[str, float] = {}
        labels, history = store.labels(run.run, below=cycle), store.cycles(run.run, below=cycle)
        potential = _there(store.potential(run.run, cycle), "potential", run, cycle)
        with timed(seconds, SIMULATE):
            others = borrowed(self.launchpad.db, run.run)
            before = store.pool(run.run, cycle - 1) if run.spec.loop.kind == "online" else None
            inputs = (run.spec, cycle, run.start, potential, labels, history, run.final)
            pool = steps.simulate(*inputs, checkpoint, others, before)
        store.put_seconds(run.run, cycle, SIMULATE, seconds[SIMULATE])
        store.put_pool(run.run, cycle, pool)
        checkpoint.remove()
        return FWAction(stored_data={"frames": len(pool), "stop_reason": pool.stop_reason.value})


@explicit_serialize
class QueryTask(_CycleTask):
    """Pick frames of the pool and put their single points between this Firework and the check.

    In cycle 0, of a run that learns from others: see what there is to borrow, and ask for the start where it is needed.
    """

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """See :func:`al_workflows.steps.query` and :func:`al_workflows.steps.begin`."""
        store, run, cycle = self._inputs()
        selection = store.selection(run.run, cycle)
        if selection is None and cycle == 0:
            others = borrow(self.launchpad.db, run.run, run.spec, run.start)
            selection = steps.begin(run.spec, run.run, run.start, run.final, others)
            store.put_selection(run.run, cycle, selection)
        elif selection is None:
            seconds: dict[str, float] = {}
            pool = _there(store.pool(run.run, cycle), "pool", run, cycle)
            potential = _there(store.potential(run.run, cycle), "potential", run, cycle)
            with timed(seconds, QUERY):
                labels = store.labels(run.run, below=cycle)
                selection = steps.query(run.spec, run.run, cycle, pool, potential, labels)
            store.put_seconds(run.run, cycle, QUERY, seconds[QUERY])
            store.put_selection(run.run, cycle, selection)
        if links.has_points(self.launchpad, self.fw_id, cycle):
            return FWAction()
        points = [
            cycles.dft_firework(run.run, cycle, run.spec, run.directory, request) for request in selection.requests
        ]
        cycles.mark(points, run.mark)
        cycles.hold(points, store.run(run.run).held)  # asked last: it may have been paused meanwhile
        return FWAction(stored_data={"asked": len(points), "refused": len(selection.rejected)}, detours=points)


@explicit_serialize
class SinglePointTask(FiretaskBase):  # type: ignore[misc]  # fireworks is untyped
    """One DFT single point: file in, file out; the database is told when there is one (offline there is none)."""

    required_params = ["run", "request", "dft"]  # noqa: RUF012
    optional_params: list[str] = []  # noqa: RUF012

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """See :func:`al_workflows.dft.single_point`."""
        request = Request.from_dict(self["request"])
        dft: DftSpec = TypeAdapter(DftSpec).validate_python(self["dft"])
        directory = Path.cwd()  # FireWorks has gone to the Firework's `_launch_dir`
        refuse_elsewhere(request.key, directory)
        launchpad = getattr(self, "launchpad", None)

        def compute() -> Label:
            return abandoned(request, dft, directory, MAX_LOSSES) or steps.label(request, dft, directory)

        if launchpad is None:
            label = compute()
        else:
            store = Store(launchpad.db)
            stored = store.label(request.key)
            if stored is not None:
                return FWAction()
            _refuse_other_settings(store, self["run"], self["dft"], dft)
            found = find_label(request, dft, directory)
            if found is None:
                found = shared(launchpad.db, request, dft, directory, compute) if dft.reuse else compute()
            label = found
            store.put_label(self["run"], label)
        return FWAction(stored_data={"status": label.status.value, "cause": label.cause, "seconds": label.seconds})


@explicit_serialize
class CheckTask(_CycleTask):
    """Judge the cycle on its labels: end the run, or append the next cycle."""

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """See :func:`al_workflows.steps.check`."""
        store, run, cycle = self._inputs()
        history = store.cycles(run.run)
        if len(history) <= cycle:
            labels = store.labels(run.run, below=cycle)
            selection = _there(store.selection(run.run, cycle), "selection", run, cycle)
            new = _collect(store, run, cycle, selection)
            progress = Progress(cycle, selection, new, store.pool(run.run, cycle), labels, history)
            seconds = store.seconds(run.run, cycle) | {"dft": sum(label.seconds for label in new)}
            closed = steps.close_cycle(run.spec, progress, seconds)
            store.put_cycle(run.run, closed)
        else:
            closed, history = history[cycle], history[:cycle]
        verdict = closed.verdict
        stored = {"verdict": verdict.kind.value, "reason": verdict.reason}
        if verdict.kind is not VerdictKind.CONTINUE:
            result = _there(store.result(run.run), "result", run, cycle)
            write_result(result, run.directory)
            campaign_turns.after_check(self.launchpad, run.run, (*history, closed), result)
            return FWAction(stored_data=stored)
        campaign_turns.after_check(self.launchpad, run.run, (*history, closed))
        following = cycles.next_cycle(run.run, cycle + 1, run.spec, run.directory)
        cycles.mark(following.fws, run.mark)
        cycles.hold(following.fws, store.run(run.run).held)
        if links.has_cycle(self.launchpad, self.fw_id, run.run, cycle + 1):
            return FWAction(stored_data=stored)
        if links.nodes(self.launchpad, self.fw_id) >= MAX_NODES:
            links.add_workflow(self.launchpad, following)
            return FWAction(stored_data=stored)
        return FWAction(stored_data=stored, detours=following)


def lending_potential(store: Store, spec: RunSpec, others: Sequence[Label]) -> Potential | None:
    """The last potential of the most similar run that has lent labels, where ``spec`` makes use of its weights."""
    if not others or not getattr(getattr(spec.potential, "training", None), "warm_start", False):
        return None
    return store.last_potential(others[-1].key.partition("/")[0])


def _checkpoint() -> Checkpoint:
    """Of the step whose Firework this is: in its `_launch_dir`, where FireWorks has gone."""
    return Checkpoint(Path.cwd() / CHECKPOINT_FILE)


def _there(record: T | None, what: str, run: StoredRun, cycle: int) -> T:
    """``record``, or an error that names what is missing."""
    if record is None:
        raise RecordMissing(
            f"the {what} of {run.run}, cycle {cycle}, is missing; rerun the Firework that makes it (`lpad rerun_fws`)"
        )
    return record


def _refuse_other_settings(store: Store, run: str, given: dict[str, Any], dft: DftSpec) -> None:
    """Raise an :class:`InputError` if a single point's settings give other numbers than its run's."""
    settings = store.dft_settings(run)  # None for a fit of Morse parameters
    if settings in (None, given):
        return
    if dft_hash(TypeAdapter(DftSpec).validate_python(settings)) != dft_hash(dft):
        raise InputError(
            f"this Firework's `dft` differs from that of run {run} in what decides the numbers; undo the change, or "
            "submit the changed settings as a run of their own"
        )


def _collect(store: Store, run: StoredRun, cycle: int, selection: Selection) -> tuple[Label, ...]:
    """The cycle's labels; one that never reached the database is taken in from its directory."""
    known = {label.key: label for label in store.labels(run.run)}
    labels = []
    for request in selection.requests:
        label = known.get(request.key)
        if label is None:
            directory = cycles.point_directory(run.directory, request)
            found = read_label(directory)
            if found is not None and not _answers(found, request):
                found = None
            label = _there(found, f"label {request.key} ({directory}/label.json)", run, cycle)
            logger.info("took in %s from %s", request.key, directory)
            store.put_label(run.run, label)
        labels.append(label)
    return tuple(labels)


def _answers(label: Label, request: Request) -> bool:
    """Whether ``label`` is of that structure under that name; its settings are looked at with those of all labels."""
    return label.key == request.key and structure_key(label.atoms) == structure_key(request.atoms)
