"""Pause, resume, cancel and rerun a run, in FireWorks' own states, so that `lpad` and its workers agree."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fireworks import LaunchPad
from pymongo.errors import DuplicateKeyError

from al_workflows.errors import InputError
from fw_specs import lost
from fw_specs.hold import let_go
from fw_specs.keys import CHECK, QUERY, RUN, STEP
from fw_specs.store import Store
from launchpad.held import Held, read_held
from launchpad.slurm_queue import SlurmQueue
from launchpad.status import RunState, read_status
from launchpad.workers import forgive_points, local_worker_alive, put_back

#: s that a step which appends others, or a job that was cancelled, may take to end
PATIENCE = 90.0
POLL = 0.5
PAUSABLE = ("WAITING", "READY", "RESERVED")


@dataclass(frozen=True)
class Controlled:
    """What was done to a run: a line each."""

    run: str
    lines: tuple[str, ...]


def pause(launchpad: LaunchPad, name: str, queue: SlurmQueue | None) -> Controlled:
    """Start nothing more of the run; what is running ends as it would, and its result is kept.

    Raises
    ------
    InputError
        There is no such run, it has ended, or it is paused or cancelled already.
    """
    run, store = _unended(launchpad, name, "pause"), Store(launchpad.db)
    if (held := store.held().get(run)) is not None:
        raise InputError(f"run {run} is {_WORDS[held]} already; `alflow {_BACK[held]} {run}` lets it go on")
    store.hold(run, "PAUSED")
    paused, jobs = _stop_starting(launchpad, run, queue)
    running = list(read_held(launchpad, {f"spec.{RUN}": run, "state": "RUNNING"}))
    lines = [f"{run} is paused: {paused} Fireworks will not start"]
    lines += [f"  {jobs} jobs that had not begun were cancelled"] if jobs else []
    lines += [f"  {held} goes on to its end; its result is kept" for held in running]
    return Controlled(run, (*lines, f"  go on with `alflow resume {run}`"))


def resume(launchpad: LaunchPad, name: str) -> Controlled:
    """Let a paused run go on.

    Raises
    ------
    InputError
        There is no such run, it has ended, or it is not paused.
    """
    run, store = _unended(launchpad, name, "resume"), Store(launchpad.db)
    if store.held().get(run) == "DEFUSED":
        raise InputError(f"run {run} is cancelled, not paused; `alflow rerun {run}` takes it up again")
    paused = _ids(launchpad, run, "PAUSED")
    if not paused and run not in store.held():
        raise InputError(f"run {run} is not paused but {read_status(launchpad, run).state}; there is nothing to resume")
    return Controlled(run, (f"{run} goes on: {let_go(launchpad, run)} Fireworks may start again",))


def cancel(launchpad: LaunchPad, name: str, queue: SlurmQueue | None, patience: float = PATIENCE) -> Controlled:
    """End the run: start nothing more, cancel its jobs, and put back what they had not finished.

    Labels, models and files stay.

    Raises
    ------
    InputError
        There is no such run, it has ended, or it is cancelled already.
    QueueProblem
        SLURM does not answer; asked again, the command goes on.
    """
    run, store = _unended(launchpad, name, "cancel"), Store(launchpad.db)
    if not launchpad.fireworks.count_documents({f"spec.{RUN}": run, "state": {"$nin": ["COMPLETED", "DEFUSED"]}}):
        raise InputError(f"run {run} is cancelled already; `alflow rerun {run}` takes it up again")
    store.hold(run, "DEFUSED")
    _, waiting = _stop_starting(launchpad, run, queue)
    running = list(read_held(launchpad, {f"spec.{RUN}": run, "state": "RUNNING"}))
    in_jobs = [held for held in running if held.job is not None and queue is not None]
    if queue is not None and in_jobs:
        queue.cancel(str(held.job) for held in in_jobs)
        ids = {held.job for held in in_jobs}
        _until(lambda: all(job.over for job in queue.jobs().values() if job.id in ids), patience)
    dead = [held for held in running if held in in_jobs or local_worker_alive(held.worker) is False]
    launches = {"launch_id": {"$in": [held.launch_id for held in dead]}}
    put_back(launchpad, run, launches)
    _stop_starting(launchpad, run, queue)
    for fw_id in [*_ids(launchpad, run, "PAUSED"), *_ids(launchpad, run, "FIZZLED")]:
        launchpad.defuse_fw(fw_id)
    unfinished = launchpad.fireworks.count_documents({f"spec.{RUN}": run, "state": "DEFUSED"})
    stopped = {held.fw_id for held in running} & set(_ids(launchpad, run, "DEFUSED"))
    lines = [f"{run} is cancelled: {unfinished} Fireworks will not run"]
    lines += [f"  {waiting} jobs that had not begun were cancelled"] if waiting else []
    for held in running:
        if held.fw_id in stopped:
            lines.append(f"  {held} was stopped in job {held.job}; what it had not finished is lost")
        elif _ids(launchpad, run, "RUNNING", fw_id=held.fw_id):
            where = f"worker {held.worker!r} on {held.host}"
            lines.append(f"  {held} still runs with {where}, which is in no job here; its result is kept, then it ends")
        else:
            lines.append(f"  {held} ended meanwhile; its result is kept")
    labels = len(store.labels(run))
    lines.append(f"  {labels} labels are kept; `alflow rerun {run}` takes the run up again where it stopped")
    return Controlled(run, tuple(lines))


def rerun(launchpad: LaunchPad, name: str) -> Controlled:
    """Run again what fizzled or was cancelled; losses are counted anew.

    Raises
    ------
    InputError
        There is no such run, it has ended, or nothing of it fizzled or was cancelled.
    """
    run, store = _unended(launchpad, name, "rerun"), Store(launchpad.db)
    fizzled, defused = _ids(launchpad, run, "FIZZLED"), _ids(launchpad, run, "DEFUSED")
    if not fizzled and not defused:
        state = read_status(launchpad, run).state
        hint = f"; `alflow resume {run}` lets it go on" if run in store.held() else ""
        raise InputError(f"nothing of run {run} fizzled or was cancelled, it is {state}{hint}")
    if store.held().get(run) == "DEFUSED":
        store.hold(run, None)
    lost.forget(launchpad.db, [*fizzled, *defused])
    forgive_points(launchpad, [*fizzled, *defused])
    for fw_id in defused:
        launchpad.reignite_fw(fw_id)
    for fw_id in fizzled:
        launchpad.rerun_fw(fw_id)
    lines = [f"{run} goes on: {len(fizzled)} fizzled and {len(defused)} cancelled Fireworks may run again"]
    if run in store.held():
        lines.append(f"  it is still paused: `alflow resume {run}`")
    return Controlled(run, tuple(lines))


_WORDS = {"PAUSED": "paused", "DEFUSED": "cancelled"}
_BACK = {"PAUSED": "resume", "DEFUSED": "rerun"}


def _unended(launchpad: LaunchPad, name: str, verb: str) -> str:
    run = Store(launchpad.db).find_run(name)
    state = read_status(launchpad, run).state
    if state.ended:
        raise InputError(f"run {run} has ended ({state}); there is nothing to {verb}")
    if state is RunState.SUBMITTING:
        raise InputError(f"run {run} was not submitted to its end; give its run file to `alflow submit` again")
    return run


def _stop_starting(launchpad: LaunchPad, run: str, queue: SlurmQueue | None) -> tuple[int, int]:
    """Pause what waits, is ready or is queued; how many Fireworks, and how many jobs were cancelled for that.

    A query or check that runs meanwhile may have looked before the run was held, and append what can start: it is
    waited for.
    """
    paused, jobs = 0, 0

    def once() -> bool:
        nonlocal paused, jobs
        appending = _ids(launchpad, run, "RUNNING", **{f"spec.{STEP}": {"$in": [QUERY, CHECK]}})
        reserved = list(read_held(launchpad, {f"spec.{RUN}": run, "state": "RESERVED"}))
        for fw_id in _ids(launchpad, run, *PAUSABLE):
            paused += launchpad.pause_fw(fw_id) is not None
        jobs += len(list(_withdrawn(launchpad, reserved, queue)))
        return not appending and not _ids(launchpad, run, *PAUSABLE)

    _until(once, PATIENCE)
    return paused, jobs


def _withdrawn(launchpad: LaunchPad, reserved: list[Held], queue: SlurmQueue | None) -> Iterator[str]:
    """Cancel the jobs of Fireworks that were paused before they began, which would find nothing to run."""
    for held in reserved:
        if held.launch_id is None or not _ids(launchpad, held.run, "PAUSED", fw_id=held.fw_id):
            continue
        with suppress(DuplicateKeyError):  # FireWorks' way of saying that the launch is not RESERVED any more
            launchpad.cancel_reservation(held.launch_id)
        if held.job is not None and queue is not None:
            queue.cancel([held.job], only_waiting=True)
            yield held.job


def _ids(launchpad: LaunchPad, run: str, *states: str, **where: Any) -> list[int]:
    """Ids of the run's Fireworks in one of ``states`` that fit ``where``."""
    query = {f"spec.{RUN}": run, "state": {"$in": list(states)}, **where}
    return [fw["fw_id"] for fw in launchpad.fireworks.find(query, {"fw_id": 1})]


def _until(condition: Callable[[], bool], patience: float) -> bool:
    end = time.monotonic() + patience
    while not (there := condition()) and time.monotonic() < end:
        time.sleep(POLL)
    return there
