"""Fireworks that somebody has taken (RESERVED or RUNNING), and whether whoever took them is lost: values only."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fireworks import LaunchPad

from fw_specs.keys import RUN, STEP
from launchpad.slurm_queue import Job
from launchpad.workers import local_worker_alive


@dataclass(frozen=True)
class Patience:
    """How long to wait, s, before something counts as lost.

    ``moments`` is for what takes moments: reserving, submitting, updating a workflow. ``pings`` is the time without a
    ping after which a worker is lost where neither a queue nor this machine's processes tell.
    """

    moments: float = 60.0
    pings: float = 600.0


@dataclass(frozen=True)
class Held:
    """A taken Firework and its newest launch (``launch_id`` None: it has none).

    ``state`` is the Firework's, ``launch_state`` the launch's; they differ after a kill between two writes. ``job`` is
    the id of the SLURM job, if one was submitted for it. ``touched`` is when the Firework or a ping of its launch was
    last written. ``directory`` is where it runs, if it says so; ``began`` when it was taken into its state.
    """

    run: str
    fw_id: int
    step: str
    name: str
    state: str
    launch_id: int | None
    launch_state: str | None
    job: str | None
    worker: str
    host: str
    touched: datetime.datetime
    directory: Path | None = None
    began: datetime.datetime | None = None

    @property
    def since(self) -> datetime.datetime:
        """When it was taken into its state; where that is not known, when it was last heard of."""
        return self.began or self.touched

    @property
    def running(self) -> bool:
        """Whether a worker has begun with it."""
        return self.launch_state == "RUNNING"

    def __str__(self) -> str:
        return f"{self.name} (fw_id {self.fw_id})"


def read_held(launchpad: LaunchPad, where: Mapping[str, Any]) -> Iterator[Held]:
    """The taken Fireworks that fit ``where``."""
    shown = {"fw_id": 1, "state": 1, "name": 1, "updated_on": 1, "launches": 1}
    shown |= {f"spec.{key}": 1 for key in (RUN, STEP, "_launch_dir")}
    query = {f"spec.{RUN}": {"$exists": True}, "state": {"$in": ["RESERVED", "RUNNING"]}, **where}
    fireworks = list(launchpad.fireworks.find(query, shown))
    newest = [fw["launches"][-1] for fw in fireworks if fw["launches"]]
    wanted = {"launch_id": 1, "state": 1, "state_history": 1, "fworker": 1, "host": 1}
    launches = {one["launch_id"]: one for one in launchpad.launches.find({"launch_id": {"$in": newest}}, wanted)}
    for fw in fireworks:
        yield _held(fw, launches.get(fw["launches"][-1]) if fw["launches"] else None)


def _held(fw: dict[str, Any], launch: dict[str, Any] | None) -> Held:
    history = (launch or {}).get("state_history", [])
    jobs = [entry["reservation_id"] for entry in history if "reservation_id" in entry]
    times = [entry["updated_on"] for entry in history if "updated_on" in entry]
    begun = [entry["created_on"] for entry in history if entry.get("state") == fw["state"] and "created_on" in entry]
    return Held(
        run=fw["spec"][RUN],
        fw_id=fw["fw_id"],
        step=fw["spec"][STEP],
        name=fw["name"],
        state=fw["state"],
        launch_id=None if launch is None else launch["launch_id"],
        launch_state=None if launch is None else launch["state"],
        job=str(jobs[-1]) if jobs else None,
        worker=((launch or {}).get("fworker") or {}).get("name", ""),
        host=(launch or {}).get("host") or "",
        touched=max(utc(time) for time in (fw["updated_on"], *times)),
        directory=Path(fw["spec"]["_launch_dir"]) if "_launch_dir" in fw["spec"] else None,
        began=utc(begun[-1]) if begun else None,
    )


def why_lost(
    held: Held,
    jobs: Mapping[str, Job] | None,
    now: datetime.datetime,
    patience: Patience,
    workers: Collection[str] | None = None,
) -> str | None:
    """Why ``held`` is lost, in words; None if it is not, or cannot be known here.

    Parameters
    ----------
    jobs
        The queue as it was **after** ``held`` was read; None if there is none here.
    workers
        The names of this cluster's workers: jobs of others are in another queue. None: all are of this one.
    """
    age = (now - held.touched).total_seconds()
    if held.launch_state in ("COMPLETED", "FIZZLED", "READY"):
        return "its worker was lost between two writes" if age > patience.moments else None
    if held.launch_id is None:
        return "it was taken by somebody who was lost" if age > patience.moments else None
    if held.job is None:
        return _why_lost_without_job(held, age, patience)
    if jobs is None or (workers is not None and held.worker not in workers):
        return None
    job = jobs.get(held.job)
    if held.running:
        if job is None or job.over:
            return f"its job {held.job} {_ended(job)} while it ran"
        return None if job.started else f"its job {held.job} was put back into the queue by SLURM"
    if job is None or job.over:
        return f"its job {held.job} {_ended(job)} before it began"
    return None


def _why_lost_without_job(held: Held, age: float, patience: Patience) -> str | None:
    if not held.running:
        return "it was reserved and never submitted" if age > patience.moments else None
    alive = local_worker_alive(held.worker)
    if alive is not None:
        return None if alive else "its worker on this machine is gone"
    return (
        f"its worker {held.worker!r} on {held.host} was not heard of for {age:.0f} s" if age > patience.pings else None
    )


def _ended(job: Job | None) -> str:
    return "is no longer in the queue" if job is None else f"ended ({job.state})"


def utc(time: Any) -> datetime.datetime:
    """The time with its zone: the database gives times without, and FireWorks writes some as text; all are UTC."""
    found = datetime.datetime.fromisoformat(time) if isinstance(time, str) else time
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)
