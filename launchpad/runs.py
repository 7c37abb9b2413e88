"""Submit a run, and work one off on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from fireworks import LaunchPad

from al_workflows.errors import AlWorkflowsError, EnvironmentProblem, InputError
from al_workflows.preflight import PreparedRun
from al_workflows.records import Cycle
from al_workflows.results import RunResult
from fw_specs.keys import RUN, STEP
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.settings import Source
from launchpad.status import RunState, fizzled_cause, read_status
from launchpad.workers import local_workers, put_back_orphans

#: s between two looks at a run that is being worked off
POLL = 0.2

#: told of each cycle as it ends
Listener = Callable[[Cycle], None]
#: told what is running now
Activity = Callable[[str], None]


def submit_run(launchpad: LaunchPad, prepared: PreparedRun, directory: Path) -> None:
    """Put a new run into the database; its Fireworks will run below ``directory`` (absolute).

    Raises
    ------
    InputError
        The same run (same settings, structure and seed) is already there.
    """
    if not submit(launchpad, prepared.spec, prepared.start, directory):
        raise InputError(
            f"run {prepared.run} is already submitted (same structure, settings and seed); "
            f"`alflow status {prepared.run}` shows it, another `seed:` makes another run"
        )


def work_off(
    launchpad: LaunchPad, source: Source, run: str, workers: int, listener: Listener, activity: Activity
) -> RunResult:
    """Run ``workers`` `rlaunch` processes on this machine until ``run`` has its verdict.

    What an earlier, interrupted call left is taken up: lost and fizzled Fireworks are run again first.

    Raises
    ------
    EnvironmentProblem
        The workers ended although there was work left; the message names their log.
    AlWorkflowsError
        A step ended in an error; the message holds its last line and where it ran.
    """
    store = Store(launchpad.db)
    directory = store.run(run).directory
    result = store.result(run)
    if result is not None:
        return result
    put_back_orphans(launchpad, run)
    for fizzled in launchpad.fireworks.find({f"spec.{RUN}": run, "state": "FIZZLED"}, {"fw_id": 1}):
        launchpad.rerun_fw(fizzled["fw_id"])
    directory.mkdir(parents=True, exist_ok=True)
    log, told = directory / "workers.log", 0
    with local_workers(launchpad, source, run, workers, log) as crew:
        while True:
            cycles = store.cycles(run)
            for cycle in cycles[told:]:
                listener(cycle)
            told = len(cycles)
            result = store.result(run)
            if result is not None:
                return result
            activity(_running(launchpad, run))
            if read_status(launchpad, run).state is RunState.FIZZLED:
                cause = fizzled_cause(launchpad, run)
                raise AlWorkflowsError(f"run {run} stopped: {cause}; mend the cause and run the command again")
            if crew.alive() == 0:
                raise EnvironmentProblem(f"the workers of run {run} ended before it did; see {log}")
            time.sleep(POLL)


def refuse_foreign_output(directory: Path, run: str) -> None:
    """Raise an :class:`InputError` if ``directory`` holds the result of another run."""
    existing = directory / "result.json"
    if not existing.exists():
        return
    try:
        other = json.loads(existing.read_text()).get("run")
    except (OSError, ValueError, AttributeError):
        other = "something else"
    if other != run:
        raise InputError(f"{existing} is the result of {other}, not of {run}; name another --output")


def _running(launchpad: LaunchPad, run: str) -> str:
    """The steps that are running now, in words."""
    found = launchpad.fireworks.find({f"spec.{RUN}": run, "state": "RUNNING"}, {f"spec.{STEP}": 1})
    return ", ".join(sorted({document["spec"][STEP] for document in found})) or "waiting"
