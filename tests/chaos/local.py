"""Runs worked off on this machine: an `alflow run` for each, started again whenever it ends without a verdict."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from launchpad.workers import TIED
from tests.chaos.processes import Process, working_in
from tests.chaos.surfaces import ChaosRun
from tests.chaos.world import World

#: exit codes of `alflow run`: converged, and ended without converging
ENDED = (0, 1)


class Local:
    """See above; ``name`` is who repairs, in the report."""

    name = "`alflow run`"
    slurm = None

    def __init__(self, world: World, workers: int) -> None:
        self._world, self._workers = world, workers
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._runs: dict[str, ChaosRun] = {}
        self._rest: dict[str, float] = {}
        self.again = 0

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add(self, run: ChaosRun) -> None:
        """Begin a run."""
        self._runs[run.name] = run
        self._start(run)

    def tend(self) -> None:
        """Give the same command again where it ended before the run did."""
        for name, process in self._processes.items():
            if process.poll() in (None, *ENDED) or time.monotonic() < self._rest.get(name, 0):
                continue
            self._world.tell(f"`alflow run` of {name} ended with {process.returncode}; it is run again")
            self.again += 1
            self._rest[name] = time.monotonic() + 2
            self._start(self._runs[name])

    def keepers(self) -> list[Process]:
        """The processes of `alflow run` that may be killed."""
        alive = {process.pid for process in self._processes.values() if process.poll() is None}
        return [process for process in working_in(str(self._world.files)) if process.pid in alive]

    def log(self) -> str:
        """What was said of repairs so far."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._world.files.glob("*.out")))

    def workers_log(self) -> str:
        """What the workers said: they give nothing back themselves."""
        return ""

    def finished(self) -> bool:
        """Whether every run's command has ended."""
        return all(process.poll() in ENDED for process in self._processes.values())

    def stop(self) -> None:
        """End what still runs."""
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            process.wait(120)

    def _start(self, run: ChaosRun) -> None:
        world = self._world
        command = [
            *TIED,
            str(os.getpid()),
            sys.executable,
            "-m",
            "launchpad.cli",
            "run",
            str(run.file),
            "--workers",
            str(self._workers),
        ]
        command += ["--output", str(world.runs / run.name), "--launchpad", str(world.mongo.launchpad_file())]
        with Path(world.files / f"{run.name}.out").open("ab") as out:
            self._processes[run.name] = subprocess.Popen(
                command, cwd=world.files, env=world.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
