"""Submit a run, and work one off on this machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from fireworks import LaunchPad

from al_workflows.claim import claimed_directory, refuse_unclaimed
from al_workflows.errors import AlWorkflowsError, EnvironmentProblem, InputError
from al_workflows.files import disk_is_full
from al_workflows.preflight import PreparedRun
from al_workflows.records import Cycle
from al_workflows.results import RunResult
from fw_specs.keys import RUN
from fw_specs.store import Store
from fw_specs.submit import is_submitted, submit
from launchpad.fizzled import outages_alone
from launchpad.outage import Waiting, pause
from launchpad.queue_keys import check_resources
from launchpad.settings import Source
from launchpad.status import RunState, fizzled_cause, read_running, read_status
from launchpad.workers import local_workers, mend, replace_dead

# not below `launchpad`, which is the name of FireWorks' own logger
logger = logging.getLogger("alflow.runs")
#: s between two looks at a run that is being worked off
POLL = 0.2
#: so many workers may end before one of the run's Fireworks does
MAX_DEAD = 5
#: s after an outage before the first new try
FIRST_PAUSE = 5.0
#: FireWorks' states of what will run, or runs
MOVING = frozenset({"READY", "RESERVED", "RUNNING"})

#: told of each cycle as it ends
Listener = Callable[[Cycle], None]
#: told what is running now
Activity = Callable[[str], None]


def submit_run(launchpad: LaunchPad, prepared: PreparedRun, directory: Path) -> None:
    """Put a new run into the database; its Fireworks will run below ``directory``.

    Raises
    ------
    InputError
        The same run (same settings, structure and seed) is already there, the directory is another run's, or
        ``resources`` asks of the queue what no job can be told.
    EnvironmentProblem
        The directory cannot be written.
    """
    check_resources(prepared.spec.resources)
    if is_submitted(launchpad, prepared.run):
        raise InputError(
            f"run {prepared.run} is already submitted (same structure, settings and seed) and runs in "
            f"{Store(launchpad.db).run(prepared.run).directory}; `alflow status {prepared.run}` shows it, another "
            "`seed:` makes another run"
        )
    place = claimed_directory(directory, prepared.run)
    submit(launchpad, prepared.spec, prepared.start, place, prepared.final)


def work_off(
    launchpad: LaunchPad, source: Source, run: str, workers: int, listener: Listener, activity: Activity
) -> RunResult:
    """Run ``workers`` `rlaunch` processes on this machine until ``run`` has its verdict.

    What an earlier, interrupted call left is taken up: lost and fizzled Fireworks are run again first. A worker that
    ends is replaced, and what it was at is run again. A full disk is waited for.

    Raises
    ------
    EnvironmentProblem
        Workers ended again and again although there was work left; the message names their log.
    AlWorkflowsError
        A step ended in an error; the message holds its last line and where it ran.
    """
    store = Store(launchpad.db)
    directory = store.intact_run(run).directory
    result = store.result(run)
    if result is not None and not read_status(launchpad, run).fireworks.keys() - {"COMPLETED"}:
        return result
    refuse_unclaimed(directory, run)
    for what in mend(launchpad, run):
        logger.warning("%s: %s", run, what)
    for fizzled in launchpad.fireworks.find({f"spec.{RUN}": run, "state": "FIZZLED"}, {"fw_id": 1}):
        launchpad.rerun_fw(fizzled["fw_id"])
    log, told, completed, dead, outages = directory / "workers.log", 0, 0, 0, 0
    with local_workers(launchpad, source, run, workers, log) as crew:
        while True:
            cycles = store.cycles(run)
            for cycle in cycles[told:]:
                listener(cycle)
            told = len(cycles)
            result, status = store.result(run), read_status(launchpad, run)
            # the check that gives the verdict has still to end
            if result is not None and not status.fireworks.keys() & MOVING:
                return result
            activity(_running(launchpad, run))
            # what else is running or can run is finished first: a single point may be worth hours
            if status.state is RunState.FIZZLED and not status.fireworks.keys() & {"RUNNING", "READY"}:
                if waiting := outages_alone(launchpad, run):
                    outages += 1
                    _wait(directory, str(waiting[0]), waiting[0].cause, outages, activity)
                    for one in waiting:
                        launchpad.rerun_fw(one.fw_id)
                    continue
                cause = fizzled_cause(launchpad, run)
                raise AlWorkflowsError(f"run {run} stopped: {cause}; mend the cause and run the command again")
            if status.state in (RunState.PAUSED, RunState.CANCELLED):
                verb = "resume" if status.state is RunState.PAUSED else "rerun"
                raise AlWorkflowsError(f"run {run} is {status.state.lower()}; `alflow {verb} {run}` lets it go on")
            if status.fireworks.get("COMPLETED", 0) > completed:
                completed, dead, outages = status.fireworks["COMPLETED"], 0, 0
            dead += len(crew.dead())
            if crew.dead() and disk_is_full(directory):  # they cannot even write their log
                dead, outages = 0, outages + 1
                _wait(directory, run, f"the disk of {directory} is full", outages, activity)
            if dead > MAX_DEAD:
                raise EnvironmentProblem(f"the workers of run {run} end before it does, the last {dead}; see {log}")
            for what in replace_dead(launchpad, crew):
                logger.warning("%s: %s", run, what)
            time.sleep(POLL)


def _wait(directory: Path, name: str, cause: str, times: int, activity: Activity) -> None:
    """Wait out an outage: until there is space again in ``directory``, if that was full, and at most the pause."""
    seconds, full = pause(FIRST_PAUSE, times), disk_is_full(directory)
    logger.warning("%s", Waiting(name, cause, seconds))
    activity("waiting for the end of an outage")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(1.0, left))
        if full and not disk_is_full(directory):
            break


def _running(launchpad: LaunchPad, run: str) -> str:
    """The steps that are running now, in words."""
    return ", ".join(sorted({one.step for one in read_running(launchpad, run)})) or "waiting"
