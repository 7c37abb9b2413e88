"""Runs worked off by `alflow supervise` on a SLURM cluster of virtual nodes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from launchpad.runs import submit_run
from launchpad.workers import TIED
from tests.chaos.processes import Process, working_in
from tests.chaos.surfaces import ChaosRun
from tests.chaos.world import World, patiently
from tests.slurm import SlurmCluster

#: so that a fault shows in seconds, not in the minutes that suit a cluster
TIMES = {"PING_TIME_SECS": 2, "RUN_EXPIRATION_SECS": 60, "WFLOCK_EXPIRATION_SECS": 120, "QUEUE_UPDATE_INTERVAL": 0}
#: category → jobs at once, and what a job does: one reserved Firework, or whatever is ready for a while
JOBS = {
    "ml": (2, "rapidfire --nlaunches infinite --sleep 1 --timeout 240"),
    "control": (1, "rapidfire --nlaunches infinite --sleep 1 --timeout 240"),
    "dft": (4, "singleshot"),
}
#: fewer processors than jobs: some have to wait
NODES, CPUS = 3, 2


class Cluster:
    """See above; ``name`` is who repairs, in the report."""

    name = "`alflow supervise`"

    def __init__(self, world: World) -> None:
        self._world, self._place, self.again = world, world.directory / "cluster", -1
        self.slurm = SlurmCluster(world.directory / "slurm", nodes=NODES, cpus=CPUS)
        self._supervisor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Cluster:
        self.slurm.__enter__()
        write_directory(self._place, self._world.mongo.launchpad_file(), JOBS)
        return self

    def __exit__(self, *_: Any) -> None:
        if self._supervisor is not None:
            self._supervisor.kill()
            self._supervisor.wait()
        self.slurm.__exit__(None, None, None)

    def add(self, run: ChaosRun) -> None:
        """Submit a run."""
        submit_run(self._world.launchpad, run.prepared, self._world.runs / run.name)

    def tend(self) -> None:
        """Start the supervisor where it does not run."""
        if self._supervisor is not None and self._supervisor.poll() is None:
            return
        if self._supervisor is not None:
            self._world.tell(f"`alflow supervise` ended with {self._supervisor.returncode}; it is run again")
        self.again += 1
        command = [
            *TIED,
            str(os.getpid()),
            sys.executable,
            "-m",
            "launchpad.cli",
            "supervise",
            str(self._place),
            "--interval",
            "4",
        ]
        command += ["--lost-after", "60", "--patience", "20"]
        for category, (most, _) in JOBS.items():
            command += ["--max-jobs", f"{category}={most}"]
        cluster = {name: self.slurm.environment[name] for name in ("PATH", "SLURM_CONF")}
        with self._log.open("ab") as log:
            self._supervisor = subprocess.Popen(
                command,
                cwd=self._place,
                env=self._world.environment | cluster,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def keepers(self) -> list[Process]:
        """The supervisor."""
        pid = None if self._supervisor is None else self._supervisor.pid
        return [process for process in working_in(str(self._place)) if process.pid == pid]

    def log(self) -> str:
        """What the supervisor said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def workers_log(self) -> str:
        """What the workers said, in the outputs of their jobs."""
        outputs = [*self._place.glob("jobs/*/*.error"), *self._world.runs.glob("*/*/*/*.error")]
        return "\n".join(path.read_text(errors="replace") for path in sorted(outputs))

    def finished(self) -> bool:
        """Whether every Firework is done."""
        fireworks = self._world.launchpad.fireworks
        return patiently(lambda: fireworks.count_documents({"state": {"$ne": "COMPLETED"}})) == 0

    def stop(self) -> None:
        """End the supervisor and all jobs."""
        if self._supervisor is not None:
            self._supervisor.send_signal(signal.SIGTERM)
            self._supervisor.wait(120)
        jobs = [job.id for job in self.slurm.squeue()]
        if jobs:
            self.slurm.scancel(*jobs)
        self.slurm.wait_until_empty()

    def age(self, job: int) -> float:
        """How long a job runs, s."""
        hours, minutes, seconds = self.slurm.job(job).get("RunTime", "00:00:00").rpartition("-")[2].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + int(seconds)

    def shorten(self, job: int) -> None:
        """Give a job a time limit of a minute."""
        self.slurm.run("scontrol", "update", f"JobId={job}", "TimeLimit=1")

    @property
    def _log(self) -> Path:
        return self._world.directory / "supervise.log"


def write_directory(place: Path, launchpad_file: Path, jobs: Mapping[str, tuple[int, str]]) -> None:
    """What `alflow supervise` needs: a worker and a job for every category."""
    place.mkdir()
    (place / "my_launchpad.yaml").symlink_to(launchpad_file)
    (place / "FW_config.yaml").write_text(yaml.safe_dump(TIMES))
    # in the place of the shell: SLURM's signals are for the worker
    launch = f"exec {sys.executable} -m launchpad.cli worker -l {launchpad_file}"
    for category, (_, mode) in jobs.items():
        worker = place / f"my_fworker_{category}.yaml"
        worker.write_text(yaml.safe_dump({"name": f"chaos-{category}", "category": category, "query": "{}"}))
        adapter = {
            "_fw_name": "CommonAdapter",
            "_fw_q_type": "SLURM",
            "rocket_launch": f"{launch} -w {worker} {mode}",
            "queue": "dft",
            "nodes": 1,
            "ntasks": 1,
            "mem": 300,
            "walltime": "00:30:00",
            "job_name": f"alflow-{category}",
            "pre_rocket": f"export FW_CONFIG_FILE={place}/FW_config.yaml",
        }
        (place / f"my_qadapter_{category}.yaml").write_text(yaml.safe_dump(adapter))
