"""Keep the runs of a database going on one cluster: feed its queue, put right what was lost, and say what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pymongo
from fireworks import LaunchPad
from pymongo.errors import ConnectionFailure, DuplicateKeyError, ExecutionTimeout

from fw_specs import campaign_turns, lease
from fw_specs.hold import pause_ready
from fw_specs.keys import LEASES, RUN
from fw_specs.store import Store
from launchpad.feed import Category, Fed, feed
from launchpad.held import Patience
from launchpad.mongo_bootstrap import first_clause
from launchpad.outage import Waiting
from launchpad.reconcile import Reconciler, Scope, apply
from launchpad.slurm_queue import QueueProblem, SlurmQueue
from launchpad.workers import local_worker_alive

#: s that the database may take to answer before a round is put off
DATABASE_PATIENCE = 5.0
#: s after which the work of a supervisor that was lost is taken over by another
LEASE = 120.0
#: FireWorks' states of what somebody may still work on
MOVING = ("READY", "RESERVED", "RUNNING")


class Stop(Protocol):
    """An event that asks to end."""

    def is_set(self) -> bool:
        """Whether it happened."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, at most ``timeout`` s; whether it happened."""


@dataclass(frozen=True)
class Round:
    """What one round did, and what it left: number of ``runs`` by what they do."""

    repaired: tuple[str, ...]
    fed: tuple[Fed, ...]
    runs: Mapping[str, int]
    waiting: tuple[Waiting, ...] = ()

    @property
    def submitted(self) -> int:
        """How many jobs were submitted."""
        return sum(one.new for one in self.fed)

    @property
    def line(self) -> str:
        """All of it in one line."""
        jobs = ", ".join(f"{one.category} {one.jobs}/{one.cap}" for one in self.fed)
        runs = ", ".join(f"{number} {what}" for what, number in self.runs.items()) or "none unfinished"
        said = f"jobs {jobs}; submitted {self.submitted}, repaired {len(self.repaired)}; runs: {runs}"
        problems = [f"{one.category} jobs are not taken: {one.problem}" for one in self.fed if one.problem]
        waiting = [f"{len(self.waiting)} Fireworks wait for the end of an outage"] if self.waiting else []
        return "; ".join([said, *waiting, *problems])


@dataclass
class Totals:
    """What a supervisor did altogether."""

    rounds: int = 0
    submitted: int = 0
    repaired: int = 0
    put_off: int = 0
    stopped_by_errors: int = 0

    @property
    def line(self) -> str:
        """All of it in one line."""
        text = f"{self.rounds} rounds: {self.submitted} jobs submitted, {self.repaired} repairs"
        return text + (f", {self.put_off} rounds put off" if self.put_off else "")


class Supervisor:
    """The rounds of one process.

    Parameters
    ----------
    directory
        Made by `alflow init`; where jobs that are for no Firework in particular run.
    name
        Of this process, as :func:`launchpad.workers.process_name` gives it.
    interval
        s between two rounds.
    """

    def __init__(
        self,
        launchpad: LaunchPad,
        queue: SlurmQueue,
        categories: Sequence[Category],
        directory: Path,
        name: str,
        *,
        interval: float,
        patience: Patience,
        stop: Stop,
        say: Callable[[str], None],
    ) -> None:
        self._launchpad, self._queue, self._categories, self._directory = launchpad, queue, categories, directory
        self._name, self._interval, self._stop, self._say = name, interval, stop, say
        workers = {category.worker.name for category in categories}
        scope = Scope(workers=workers)
        self._reconciler = Reconciler(launchpad, queue.jobs, scope, patience, delay=interval)
        self._standing_by = ""
        self._said_waiting = frozenset[str]()
        self.totals = Totals()

    def run(self, *, once: bool, until_done: bool) -> Totals:
        """Rounds until the stop, or the first one with ``once``, or none with work left with ``until_done``.

        An outage of the database or of SLURM is said and waited for.
        """
        while not self._stop.is_set():
            done = None
            try:
                self._ask_database()
                self._reconciler.outages.back()
                done = self._one_round(wait=once)
            except QueueProblem as problem:
                self._put_off(f"SLURM: {problem}")
            except (ConnectionFailure, ExecutionTimeout) as problem:
                self._reconciler.outages.away()
                self._put_off(f"the database does not answer: {first_clause(problem)}")
            if once or (until_done and done is not None and not done.runs.get(_UNFINISHED)):
                break
            self._stop.wait(self._interval)
        return self.totals

    def _one_round(self, *, wait: bool) -> Round | None:
        with self._leading() as leading:
            if not leading:
                return None
            done = self._round(wait=wait)
        self.totals.rounds += 1
        self.totals.submitted += done.submitted
        self.totals.repaired += len(done.repaired)
        self.totals.stopped_by_errors = done.runs.get(_STOPPED, 0)
        for said in done.repaired:
            self._say(f"  {said}")
        for one in done.waiting:
            if one.name not in self._said_waiting:  # once for each outage: it may last for days
                self._say(f"  {one}")
        self._said_waiting = frozenset(one.name for one in done.waiting)
        self._say(done.line)
        return done

    def _round(self, *, wait: bool) -> Round:
        reconciler, stopping = self._reconciler, self._stop.is_set
        repairs = reconciler.plan()
        repaired = apply(repairs, stopping)
        if wait and reconciler.second_look_in:  # there is no next round that would look again
            self._stop.wait(reconciler.second_look_in)
            repaired += apply(reconciler.plan(), stopping)
        repaired += keep_held(self._launchpad)
        repaired += campaign_turns.look_after_all(self._launchpad)
        jobs, fed = self._queue.jobs(), []
        for category in self._categories:
            ids = {held.job for held in reconciler.held if held.job and held.worker == category.worker.name}
            fed.append(feed(self._launchpad, category, jobs, ids, self._directory, stopping))
        runs = count_runs(self._launchpad, reconciler.retried_runs())
        return Round(tuple(repaired), tuple(fed), runs, tuple(reconciler.waiting))

    @contextmanager
    def _leading(self) -> Iterator[bool]:
        """Whether this is the one supervisor of this user's queue that works now, for the time of the block."""
        leases, key = self._launchpad.db[LEASES], f"supervise {self._queue.user}@{self._queue.cluster()}"
        try:
            leases.insert_one({"_id": key})
        except DuplicateKeyError:  # as always but once
            other = lease.holder(leases, key)
            if other is not None and other != self._name and local_worker_alive(other) is False:
                lease.give_back(leases, key, other)  # it was killed on this machine: no need to wait
        if not lease.take(leases, key, self._name, LEASE):
            other = lease.holder(leases, key) or ""
            if other != self._standing_by:
                self._say(f"supervisor {other} is at work on this queue: standing by")
            self._standing_by = other
            yield False
            return
        self._standing_by = ""
        try:
            with lease.renewed(leases, key, self._name, LEASE):
                yield True
        finally:
            lease.give_back(leases, key, self._name)

    def _ask_database(self) -> None:
        with pymongo.timeout(DATABASE_PATIENCE):
            self._launchpad.connection.admin.command("ping")

    def _put_off(self, why: str) -> None:
        self.totals.put_off += 1
        self._say(f"{why}; nothing is done, looking again in {self._interval:g} s")


def keep_held(launchpad: LaunchPad) -> list[str]:
    """Pause what a paused or cancelled run appended although it is held; what was done, in words."""
    done = []
    for run in Store(launchpad.db).held():
        done += [f"{which}: its run is held; paused" for which in pause_ready(launchpad, run)]
    return done


_UNFINISHED, _STOPPED = "going on", "stopped by an error"


def count_runs(launchpad: LaunchPad, retried: Collection[str]) -> dict[str, int]:
    """How many runs go on, are held, or need their user, by their Fireworks alone; those that ended do not count.

    ``retried`` are those whose error is not the last word.
    """
    group = {"_id": f"$spec.{RUN}", "states": {"$addToSet": "$state"}}
    where: dict[str, Any] = {f"spec.{RUN}": {"$exists": True}, "state": {"$nin": ["COMPLETED", "ARCHIVED"]}}
    found: Counter[str] = Counter()
    for row in launchpad.fireworks.aggregate([{"$match": where}, {"$group": group}]):
        states = set(row["states"])
        if states & set(MOVING) or row["_id"] in retried:
            found[_UNFINISHED] += 1
        elif "FIZZLED" in states:
            found[_STOPPED] += 1
        elif states & {"PAUSED", "DEFUSED"}:
            found["paused or cancelled"] += 1
        else:
            found[_UNFINISHED] += 1
    return dict(found)
