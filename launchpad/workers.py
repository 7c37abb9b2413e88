"""Plain `rlaunch` processes on this machine, tied to the process that started them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count as numbers
from pathlib import Path
from typing import IO, Any

import yaml
from fireworks import LaunchPad
from fireworks.core.launchpad import WFLock

from al_workflows.claim import is_claimed
from al_workflows.dft.losses import forgive
from al_workflows.errors import EnvironmentProblem
from fw_specs.keys import DFT, FIRST_CYCLE, RUN, STEP
from fw_specs.ours import only_ours
from fw_specs.processes import local_worker_alive as local_worker_alive
from fw_specs.processes import process_name as process_name
from fw_specs.repair import append_again, lacking_followers, refresh, remove_orphans, unrefreshed
from launchpad.settings import Source, write_worker_config

#: s after which a workflow's lock counts as left behind; an update takes milliseconds
LOCK_PATIENCE = 5
#: goes on until it is ended, looking once a second for what has become ready
RAPIDFIRE = (
    *("-l", "my_launchpad.yaml", "-w", "my_fworker.yaml"),
    *("rapidfire", "--nlaunches", "infinite", "--sleep", "1"),
)
TIED = (sys.executable, "-m", "launchpad.tied")


@dataclass
class Workers:
    """The workers of this process, by the names that their launches carry; ``start`` starts the one of a name."""

    start: Callable[[str], subprocess.Popen[bytes]]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=numbers)

    def add(self) -> None:
        """Start another one, under a name that none had before."""
        name = f"{process_name(os.getpid())}-{next(self._numbers)}"
        self.processes[name] = self.start(name)

    def dead(self) -> list[str]:
        """Names of those that have ended."""
        return [name for name, process in self.processes.items() if process.poll() is not None]


def rlaunch_program() -> str:
    """The `rlaunch` of this Python.

    Raises
    ------
    EnvironmentProblem
        There is none.
    """
    rlaunch = shutil.which("rlaunch", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath]))
    if rlaunch is None:
        raise EnvironmentProblem(f"`rlaunch` is not beside {sys.executable}; install fireworks into this environment")
    return rlaunch


@contextmanager
def local_workers(launchpad: LaunchPad, source: Source, run: str, count: int, log: Path) -> Iterator[Workers]:
    """Run ``count`` `rlaunch rapidfire` processes that take the Fireworks of ``run`` alone; see :func:`crew_of`."""
    with crew_of(launchpad, source, {f"spec.{RUN}": run}, count, log) as crew:
        yield crew


@contextmanager
def crew_of(launchpad: LaunchPad, source: Source, query: Mapping[str, Any], count: int, log: Path) -> Iterator[Workers]:
    """Run ``count`` `rlaunch rapidfire` processes that take the Fireworks that fit ``query`` alone.

    They end with the block, whatever ends it: what they were at is put back to be run again, and a single point's
    process ends with its worker. Should this process be killed, the kernel ends them (PR_SET_PDEATHSIG).

    Parameters
    ----------
    source
        The database of ``launchpad``; the workers get it in a private file, not on their command line.
    log
        The workers' output is appended to this file.
    """
    rlaunch = rlaunch_program()
    with tempfile.TemporaryDirectory(prefix="alflow-workers-") as scratch, log.open("ab") as output:

        def start(name: str) -> subprocess.Popen[bytes]:
            directory = Path(scratch) / name
            directory.mkdir()
            # no category: one worker here takes every step
            worker = {"name": name, "category": "", "query": json.dumps({**only_ours(), **query})}
            (directory / "my_fworker.yaml").write_text(yaml.safe_dump(worker))
            write_worker_config(directory, source)
            return _start([*TIED, str(os.getpid()), rlaunch, *RAPIDFIRE], directory, output)

        crew = Workers(start)
        try:
            for _ in range(count):
                crew.add()
            yield crew
        finally:
            runs = runs_of(launchpad, crew.processes)
            with ExitStack() as locks:
                for run in runs:
                    locks.enter_context(_holding_lock(launchpad, run))
                _end(crew.processes.values())
            for run in runs_of(launchpad, crew.processes):
                put_back(launchpad, run, {"fworker.name": {"$in": list(crew.processes)}})


def runs_of(launchpad: LaunchPad, workers: Collection[str]) -> list[str]:
    """The runs that ``workers`` are at, or were at last, in order of their ids."""
    newest = [
        launchpad.launches.find_one({"fworker.name": name}, {"fw_id": 1}, sort=[("launch_id", -1)]) for name in workers
    ]
    ids = [launch["fw_id"] for launch in newest if launch is not None]
    return sorted(launchpad.fireworks.distinct(f"spec.{RUN}", {"fw_id": {"$in": ids}}))


def replace_dead(launchpad: LaunchPad, crew: Workers) -> list[str]:
    """Have run again what the dead workers of ``crew`` were at, and start others; what was done, in words."""
    dead = crew.dead()
    if not dead:
        return []
    done = [f"worker {name} ended ({_ending(crew.processes[name].returncode)})" for name in dead]
    for run in runs_of(launchpad, dead):
        done += mend_workflow(launchpad, run, force=True)
        # not as stopped on purpose: a single point that kills its worker is given up in the end
        done += _run_again(put_back(launchpad, run, {"fworker.name": {"$in": dead}}, stopped=False))
    for name in dead:
        del crew.processes[name]
        crew.add()
    return done


def _ending(code: int) -> str:
    return f"exit status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


def _start(command: list[str], directory: Path, output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for us: FireWorks would take it for an error of the task
    )


def put_back(launchpad: LaunchPad, run: str | None, launches: dict[str, Any], *, stopped: bool = True) -> list[int]:
    """Make the running Fireworks of ``run`` ready again whose ``launches`` (a query) are with lost workers; their ids.

    With ``stopped`` the workers were ended on purpose: an unfinished single point does not count as lost then.
    """
    of_run = {f"spec.{RUN}": run}
    _, lost, _ = launchpad.detect_lostruns(
        expiration_secs=0, rerun=True, refresh=True, query=of_run, launch_query=dict(launches)
    )
    if stopped:
        forgive_points(launchpad, lost)
    return list(lost)


def forgive_points(launchpad: LaunchPad, fw_ids: Iterable[int]) -> None:
    """What the single points among ``fw_ids`` lost so far no longer counts."""
    points = {"fw_id": {"$in": list(fw_ids)}, f"spec.{STEP}": DFT}
    for firework in launchpad.fireworks.find(points, {"spec._launch_dir": 1, f"spec.{RUN}": 1}):
        place = Path(firework["spec"]["_launch_dir"])
        # never into a directory that the database alone calls the run's
        if is_claimed(place.parent.parent, firework["spec"][RUN]):
            forgive(place)


def put_back_orphans(launchpad: LaunchPad, run: str) -> list[int]:
    """Make ready what workers of this machine held whose starter was killed before it could put it back."""
    names = launchpad.launches.distinct("fworker.name", {"state": "RUNNING"})
    dead = [name for name in names if local_worker_alive(name) is False]
    return put_back(launchpad, run, {"fworker.name": {"$in": dead}}) if dead else []


def mend(launchpad: LaunchPad, run: str) -> list[str]:
    """Free the run of a lock and of half-made followers that a killed worker left; what was done, in words."""
    done = mend_workflow(launchpad, run, force=True)
    return [*done, *_run_again(put_back_orphans(launchpad, run))]


def _run_again(fw_ids: list[int]) -> list[str]:
    return [f"Firework {fw_id} is run again: its worker was lost" for fw_id in fw_ids]


def mend_workflow(launchpad: LaunchPad, run: str, *, force: bool = False) -> list[str]:
    """Undo what a worker left that was killed while it held the run's lock; what was done, in words.

    Others may work on the run meanwhile: what is looked at is looked at while no one else can write. With ``force`` a
    lock that does not go away in seconds is taken over; FireWorks holds one for milliseconds.

    Raises
    ------
    LockedWorkflowError
        The lock does not go away, and there is no ``force``.
    """
    with _holding_lock(launchpad, run, force=force):
        done = remove_orphans(launchpad, run)
        half_done = lacking_followers(launchpad, run)
        stale = unrefreshed(launchpad, run)
    return [*done, *append_again(launchpad, half_done), *refresh(launchpad, stale)]


@contextmanager
def _holding_lock(launchpad: LaunchPad, run: str, *, force: bool = True) -> Iterator[None]:
    """Hold the run's workflow lock, so that a worker that is killed in the block does not leave it locked."""
    newest = launchpad.workflows.find_one(
        {f"metadata.{RUN}": run}, {"nodes": 1}, sort=[(f"metadata.{FIRST_CYCLE}", -1)]
    )
    if newest is None:
        yield
        return
    with WFLock(launchpad, newest["nodes"][0], expire_secs=LOCK_PATIENCE, kill=force):
        yield


def _end(processes: Collection[subprocess.Popen[bytes]]) -> None:
    """End the workers at once: a single point ends with its worker, and unfinished work is run again."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for process in processes:
        process.wait()
