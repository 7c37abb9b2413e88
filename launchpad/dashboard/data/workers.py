"""What the page of workers shows: who is at what, what looks lost, and what waits for somebody to take it."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fireworks import LaunchPad
from fireworks.fw_config import RUN_EXPIRATION_SECS

from fw_specs.keys import RUN, STEP
from launchpad.dashboard.queue_watch import QueueSeen
from launchpad.held import Held, Patience, read_held, utc, why_lost

#: s by which clocks may differ: what was written after the queue was asked cannot be judged by it
CLOCKS = 5.0
#: s that a workflow's lock must outlive to be shown; an update takes milliseconds
LOCKED = 60.0
#: locks that are shown
LOCKS = 20


@dataclass(frozen=True)
class Taken:
    """A Firework that somebody has taken: ``job_state`` as SLURM says it, ``lost`` why it looks lost (empty: not)."""

    held: Held
    job_state: str
    lost: str


@dataclass(frozen=True)
class Crew:
    """What one worker on one host has taken."""

    worker: str
    host: str
    taken: Sequence[Taken]


@dataclass(frozen=True)
class Queued:
    """How many Fireworks of a category and step are ready for a worker, or reserved for a job."""

    category: str
    step: str
    ready: int
    reserved: int


@dataclass(frozen=True)
class Work:
    """All of it. ``paused`` and ``waiting`` are numbers of Fireworks, ``locked`` runs whose lock was left behind."""

    crews: Sequence[Crew]
    reserved: Sequence[Taken]
    queued: Sequence[Queued]
    waiting: int
    paused: int
    locked: Sequence[str]
    queue: QueueSeen

    @property
    def running(self) -> int:
        """Fireworks that run."""
        return sum(len(crew.taken) for crew in self.crews)

    @property
    def taken(self) -> list[Taken]:
        """All that somebody has taken."""
        return [*(one for crew in self.crews for one in crew.taken), *self.reserved]

    @property
    def lost(self) -> list[Taken]:
        """What looks lost."""
        return [one for one in self.taken if one.lost]

    @property
    def jobs(self) -> int:
        """Fireworks that were taken for a SLURM job, or by one."""
        return sum(one.held.job is not None for one in self.taken)

    @property
    def ready(self) -> int:
        """Fireworks that wait for a worker alone."""
        return sum(one.ready for one in self.queued)


def read_work(launchpad: LaunchPad, queue: QueueSeen) -> Work:
    """Read it; the work is in proportion to what runs and to the workflows' number."""
    crews: defaultdict[tuple[str, str], list[Taken]] = defaultdict(list)
    reserved: list[Taken] = []
    for one in taken(launchpad, queue):
        if one.held.state == "RUNNING":
            crews[one.held.worker, one.held.host].append(one)
        else:
            reserved.append(one)
    counts, states = _queued(launchpad)
    return Work(
        crews=[Crew(worker, host, _oldest_first(own)) for (worker, host), own in sorted(crews.items())],
        reserved=_oldest_first(reserved),
        queued=counts,
        waiting=states.get("WAITING", 0),
        paused=states.get("PAUSED", 0),
        locked=_locked(launchpad),
        queue=queue,
    )


def taken(launchpad: LaunchPad, queue: QueueSeen) -> list[Taken]:
    """The Fireworks that somebody has taken, and why those that look lost do."""
    now, patience = datetime.datetime.now(datetime.UTC), Patience(pings=RUN_EXPIRATION_SECS)
    found = []
    for held in read_held(launchpad, {}):
        # the queue was asked before: of what was written since then, it knows nothing yet
        judged = queue.jobs is not None and held.touched.timestamp() < queue.asked - CLOCKS
        job = queue.jobs.get(held.job or "") if queue.jobs is not None else None
        lost = why_lost(held, queue.jobs if judged else None, now, patience) or ""
        found.append(Taken(held, "" if job is None else job.state, lost))
    return found


def _oldest_first(taken: list[Taken]) -> list[Taken]:
    return sorted(taken, key=lambda one: (one.held.began or one.held.touched, one.held.fw_id))


def _queued(launchpad: LaunchPad) -> tuple[list[Queued], dict[str, int]]:
    of = {"state": "$state", "category": "$spec._category", "step": f"$spec.{STEP}"}
    where = {f"spec.{RUN}": {"$gt": ""}, "state": {"$in": ["READY", "RESERVED"]}}
    found: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for one in launchpad.fireworks.aggregate([{"$match": where}, {"$group": {"_id": of, "n": {"$sum": 1}}}]):
        key = (str(one["_id"].get("category") or "any"), str(one["_id"].get("step") or ""))
        found[key][one["_id"]["state"]] = one["n"]
    rows = [Queued(*key, own.get("READY", 0), own.get("RESERVED", 0)) for key, own in sorted(found.items())]
    others = {
        state: launchpad.fireworks.count_documents({f"spec.{RUN}": {"$gt": ""}, "state": state})
        for state in ("WAITING", "PAUSED")
    }
    return rows, others


def _locked(launchpad: LaunchPad) -> list[str]:
    """Runs whose workflow has been locked for longer than an update takes."""
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=LOCKED)
    where = {"locked": {"$exists": True}, f"metadata.{RUN}": {"$exists": True}}
    found = launchpad.workflows.find(where, {f"metadata.{RUN}": 1, "updated_on": 1}).limit(LOCKS)
    return sorted({one["metadata"][RUN] for one in found if utc(one["updated_on"]) < before})
