"""What a cluster does to a run. A fault that finds nothing to strike returns None, and is tried again later."""

from __future__ import annotations

import errno
import os
import random
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fw_specs import lost
from fw_specs.keys import RUN, STEP, TRAIN
from tests.chaos import processes
from tests.chaos.world import World, documents, patiently

#: a Firework that was lost so often is left in peace: after five losses it would rightly be given up
MERCY = 2
VARIABLE = b"SLURM_JOB_ID="


@dataclass(frozen=True)
class Victim:
    """A Firework that somebody had taken when the fault struck, by its newest launch."""

    fw_id: int
    launch_id: int
    name: str


@dataclass
class Strike:
    """One fault: what it hit, and (s since the beginning) when it was over."""

    kind: str
    victims: tuple[Victim, ...]
    detail: str
    over: float = 0.0
    log_length: int = 0
    repaired: dict[int, tuple[float, str]] = field(default_factory=dict)


@dataclass
class Striker:
    """Where the faults strike: ``executor`` runs the Fireworks, ``outage`` (s) is how long a database is away."""

    world: World
    executor: Any
    random: random.Random
    outage: float
    struck: dict[int, int] = field(default_factory=dict)

    # ---- workers

    def worker_killed(self) -> Strike | None:
        """``kill -9`` of a worker that is at something."""
        return self._kill_worker("worker: kill -9", {})

    def trainer_killed(self) -> Strike | None:
        """``kill -9`` of a worker that is training."""
        return self._kill_worker("worker: kill -9 in training", {f"spec.{STEP}": TRAIN})

    def keeper_killed(self) -> Strike | None:
        """``kill -9`` of whoever keeps the runs going."""
        found = self.executor.keepers()
        if not found:
            return None
        one = self.random.choice(found)
        file = re.search(r"/(chaos\d+)\.yaml", one.command)  # `alflow run` has a run of its own
        mine = [victim for victim in self._taken({}) if file and victim.name.startswith(f"{file[1]}-")]
        processes.kill(one)
        return Strike(f"{self.executor.name}: kill -9", tuple(mine), str(one))

    def _kill_worker(self, kind: str, where: dict[str, Any]) -> Strike | None:
        found = [(victim, worker) for victim in self._taken(where) if (worker := self._worker_of(victim)) is not None]
        if not found:
            return None
        victim, worker = self.random.choice(found)
        if not processes.kill(worker):
            return None
        return Strike(kind, (self._struck(victim),), str(worker))

    # ---- the database

    def database_killed(self) -> Strike | None:
        """``kill -9 mongod``, and start it again."""
        pid = self.world.mongo.status().pid
        victims = self._all()
        if pid is None or not victims:
            return None
        os.kill(pid, signal.SIGKILL)
        time.sleep(self.random.uniform(0, 3))
        self.world.mongo.start()
        return Strike("mongod: kill -9 and restart", victims, f"pid {pid}")

    def database_frozen(self) -> Strike | None:
        """A database that answers nobody: SIGSTOP."""
        pid = self.world.mongo.status().pid
        victims = self._all()
        if pid is None or not victims:
            return None
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(self.outage)
        finally:
            os.kill(pid, signal.SIGCONT)
        return Strike(f"mongod: frozen for {self.outage:g} s", victims, f"pid {pid}")

    def database_away(self) -> Strike | None:
        """A database that is shut down for a while."""
        victims = self._all()
        if not victims:
            return None
        self.world.mongo.stop()
        time.sleep(self.outage)
        self.world.mongo.start()
        return Strike(f"mongod: away for {self.outage:g} s", victims, "")

    # ---- the disk

    def disk_full(self) -> Strike | None:
        """The runs' file system is full for a while."""
        victims = self._all()
        if not self.world.disk or not victims:
            return None
        filling = self.world.runs / "filling"
        end = time.monotonic() + self.random.uniform(4, 8)
        written = 0
        with filling.open("wb", buffering=0) as stream:
            while time.monotonic() < end:
                try:
                    written += stream.write(b"\0" * 65536)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    time.sleep(0.05)
        filling.unlink()
        return Strike("disk full for 4 to 8 s", victims, f"{written} bytes")

    # ---- SLURM

    def running_job_cancelled(self) -> Strike | None:
        """``scancel`` of a job whose Firework runs."""
        return self._end_job("scancel of a running job", self._jobs_with_victims(), self._cancel)

    def pending_job_cancelled(self) -> Strike | None:
        """``scancel`` of a job that waits with a reserved Firework."""
        waiting = [job for job in self.executor.slurm.squeue() if job.state == "PENDING"]
        reserved = {str(job): fw for fw, job in self._reserved()}
        found = [(job, [reserved[str(job.id)]]) for job in waiting if str(job.id) in reserved]
        return self._end_job("scancel of a pending job", found, self._cancel)

    def walltime_over(self) -> Strike | None:
        """A job's time limit is cut to what it has used already: SLURM ends it as it ends every job in overtime."""
        old = [(job, victims) for job, victims in self._jobs_with_victims() if self.executor.age(job.id) > 60]
        return self._end_job("walltime over", old, self.executor.shorten)

    def _cancel(self, job: int) -> None:
        self.executor.slurm.scancel(job)

    def _end_job(self, kind: str, found: list[tuple[Any, list[Victim]]], end: Callable[[int], None]) -> Strike | None:
        if not found:
            return None
        job, victims = self.random.choice(found)
        end(job.id)
        return Strike(kind, tuple(self._struck(victim) for victim in victims), f"job {job.id} {job.name}")

    def _jobs_with_victims(self) -> list[tuple[Any, list[Victim]]]:
        running = {str(job.id): job for job in self.executor.slurm.squeue() if job.state == "RUNNING"}
        found: dict[str, list[Victim]] = {}
        for victim in self._taken({}):
            worker = self._worker_of(victim)
            if worker is not None and (job := job_of(worker.pid)) in running:
                found.setdefault(str(job), []).append(victim)
        return [(running[job], victims) for job, victims in found.items()]

    def _reserved(self) -> list[tuple[Victim, str]]:
        launches = documents(self.world.launchpad.launches, {"state": "RESERVED"})
        found = []
        for launch in launches:
            job = next((e["reservation_id"] for e in launch["state_history"] if "reservation_id" in e), None)
            where = {"fw_id": launch["fw_id"], "state": "RESERVED"}
            names = [firework["name"] for firework in documents(self.world.launchpad.fireworks, where)]
            found += [(Victim(launch["fw_id"], launch["launch_id"], name), str(job)) for name in names]
        return [(victim, job) for victim, job in found if job != "None"]

    # ---- who is at what

    def _struck(self, victim: Victim) -> Victim:
        self.struck[victim.fw_id] = self.struck.get(victim.fw_id, 0) + 1
        return victim

    def _taken(self, where: dict[str, Any], mercy: int = MERCY) -> list[Victim]:
        """Fireworks that run now and have not been struck too often."""
        query = {f"spec.{RUN}": {"$exists": True}, "state": "RUNNING", **where}
        shown = {"fw_id": 1, "launches": 1, "name": 1}
        found = documents(self.world.launchpad.fireworks, query, shown)
        return [
            Victim(fw["fw_id"], fw["launches"][-1], fw["name"])
            for fw in sorted(found, key=lambda fw: fw["fw_id"])
            if fw["launches"] and self._losses(fw["fw_id"]) < mercy
        ]

    def _all(self) -> tuple[Victim, ...]:
        """All that runs, if none of it was struck too often."""
        found = self._taken({}, MERCY + 1)
        where = {f"spec.{RUN}": {"$exists": True}, "state": "RUNNING"}
        running = patiently(lambda: self.world.launchpad.fireworks.count_documents(where))
        return tuple(found) if len(found) == running else ()

    def _losses(self, fw_id: int) -> int:
        return max(self.struck.get(fw_id, 0), patiently(lambda: lost.count(self.world.launchpad.db, fw_id)))

    def _worker_of(self, victim: Victim) -> processes.Process | None:
        """The process that works in the Firework's directory."""
        launch = patiently(lambda: self.world.launchpad.launches.find_one({"launch_id": victim.launch_id}))
        if launch is None or launch["state"] != "RUNNING":
            return None
        found = [one for one in processes.working_in(launch["launch_dir"]) if "bash" not in one.command[:12]]
        return found[0] if found else None


def job_of(pid: int) -> str | None:
    """The SLURM job that a process belongs to."""
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if entry.startswith(VARIABLE):
                return entry.removeprefix(VARIABLE).decode()
    return None


#: of every executor, and of one with SLURM
EVERYWHERE = (
    *("worker_killed", "trainer_killed", "keeper_killed"),
    *("database_killed", "database_frozen", "database_away", "disk_full"),
)
OF_SLURM = ("running_job_cancelled", "pending_job_cancelled", "walltime_over")
