"""Put right what was lost: by what is in the database, then by what is in the queue, then by one more look.

Every repair is planned on what was seen, and done only if the same is seen again at that moment; a claim in the
database keeps two who repair at once from doing it twice. A job that goes on in the queue is never disturbed.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fireworks import FWAction, LaunchPad
from fireworks.core.launchpad import LockedWorkflowError
from pymongo.errors import DuplicateKeyError

from fw_specs import lost
from fw_specs.keys import DFT, RUN
from fw_specs.tasks import MAX_LOSSES
from launchpad.fizzled import Fizzled, lost_fizzled
from launchpad.held import Held, Patience, read_held, why_lost
from launchpad.outage import Disks, Outages, Waiting, pause
from launchpad.slurm_queue import Job
from launchpad.workers import mend_workflow, put_back


@dataclass(frozen=True)
class Repair:
    """One thing to put right: what, and how. ``do`` says in words what it did; None if nothing was to do any more."""

    run: str
    text: str
    do: Callable[[], str | None] = field(repr=False, compare=False)


class Seen:
    """What looked lost, and since when: a look that finds the same for a while is worth more than one."""

    def __init__(self) -> None:
        self._since: dict[Any, float] = {}

    def for_seconds(self, things: Collection[Any]) -> dict[Any, float]:
        """How long each of ``things`` has looked so; whatever is not among them is forgotten."""
        now = time.monotonic()
        self._since = {thing: self._since.get(thing, now) for thing in things}
        return {thing: now - since for thing, since in self._since.items()}


@dataclass(frozen=True)
class Scope:
    """What is looked after: ``runs`` (None: all), by the ``workers`` of this queue (None: all)."""

    runs: Sequence[str] | None = None
    workers: Collection[str] | None = None

    @property
    def fireworks(self) -> dict[str, Any]:
        """As a query of Fireworks."""
        return {f"spec.{RUN}": {"$exists": True} if self.runs is None else {"$in": list(self.runs)}}

    @property
    def workflows(self) -> dict[str, Any]:
        """As a query of workflows."""
        return {f"metadata.{RUN}": {"$exists": True} if self.runs is None else {"$in": list(self.runs)}}


class Reconciler:
    """Finds what is to be put right in one database.

    Parameters
    ----------
    queue
        Asks SLURM for the jobs; None where there is no queue.
    second_look_in
        After `plan`: s after which what looks lost can be judged; 0 where nothing does.
    delay
        s before a Firework that fizzled with the machine is tried again; doubled with each loss.

    Attributes
    ----------
    waiting
        After `plan`: what an outage ended and is not tried again yet.
    outages
        When the database was away: to be told by who saw it.
    """

    def __init__(
        self,
        launchpad: LaunchPad,
        queue: Callable[[], Mapping[str, Job]] | None,
        scope: Scope,
        patience: Patience,
        delay: float = 0.0,
    ) -> None:
        self._launchpad, self._queue, self._scope = launchpad, queue, scope
        self._patience, self._delay = patience, delay
        self._seen, self.second_look_in = Seen(), 0.0
        self.jobs: Mapping[str, Job] | None = None
        self.held: list[Held] = []
        self.waiting: list[Waiting] = []
        self.outages = Outages()
        self._disks, self._disk_was_full = Disks(), set[int | None]()

    def plan(self) -> list[Repair]:
        """What is to be put right now.

        Raises
        ------
        QueueProblem
            SLURM does not answer: nothing is known of its jobs.
        """
        self._disks, self.waiting = Disks(), []
        self.held = list(read_held(self._launchpad, self._scope.fireworks))
        self.jobs = None if self._queue is None else self._queue()
        lost_ones = list(self._lost())
        # the queue is sure of its jobs; all else is looked at twice
        sure = [*(repair for held, repair in lost_ones if held.job is not None), *self._fizzled()]
        doubtful: list[tuple[Any, Repair]] = [(held, repair) for held, repair in lost_ones if held.job is None]
        doubtful += [*self._locked(), *self._stuck()]
        looked = self._seen.for_seconds([key for key, _ in doubtful])
        ripe = [repair for key, repair in doubtful if looked[key] >= self._gap]
        self.second_look_in = self._gap if len(ripe) < len(doubtful) else 0.0
        return [*sure, *ripe]

    @property
    def _gap(self) -> float:
        """Between two looks, s: after an outage of the database all pings are late, for as long as a new one takes."""
        return min(15.0, self._patience.pings / 2, self._patience.moments / 2)

    def _lost(self) -> Iterator[tuple[Held, Repair]]:
        """Taken Fireworks that are lost."""
        now = datetime.datetime.now(datetime.UTC)
        for held in self.held:
            why = why_lost(held, self.jobs, now, self._patience, self._scope.workers)
            if why is not None and self._disks.full(held.run, held.directory):
                self._disk_was_full.add(held.launch_id)
                self.waiting.append(Waiting(str(held), f"{why}; its disk is full", None))
            elif why is not None:
                yield held, Repair(held.run, f"{held}: {why}", partial(self._repair_lost, held, why))

    def _repair_lost(self, held: Held, why: str) -> str | None:
        launchpad = self._launchpad
        if next(read_held(launchpad, {"fw_id": held.fw_id}), None) != held:
            return None
        if held.launch_state in ("COMPLETED", "FIZZLED"):
            launchpad._refresh_wf(held.fw_id)
            return f"{held}: {why}; brought up to date"
        outage = held.launch_id in self._disk_was_full or self.outages.cut_off(held.touched, self._patience.pings)
        if held.launch_id is not None and not lost.claim(launchpad.db, held.launch_id, held.fw_id, why, outage=outage):
            return None
        if _taken_in(launchpad, held):
            lost.retract(launchpad.db, held.launch_id)
            return f"{held}: {why}; what it left in its directory was taken in"
        begun = next(read_held(launchpad, {"fw_id": held.fw_id}), held)
        if begun != held:  # offline, and the database has just been told by its files that it began
            now = datetime.datetime.now(datetime.UTC)
            still = why_lost(begun, self.jobs, now, self._patience, self._scope.workers)
            if still is None:
                lost.retract(launchpad.db, held.launch_id)
                return f"{held}: it runs offline; the database was told"
            held, why = begun, still
        times = lost.count(launchpad.db, held.fw_id)
        if held.launch_id is not None and times >= _limit(held):
            _give_up(launchpad, held, f"lost {times} times; the last time {why}")
            return f"{held}: {why}; given up after {times} losses"
        _put_back(launchpad, held, excused=outage)
        return f"{held}: {why}; put back"

    def _fizzled(self) -> Iterator[Repair]:
        """Fireworks that fizzled with the machine and not by a mistake, unless that happened too often or just now.

        Outages never happen too often.
        """
        for one, times in self._retried():
            if one.outage and self._disks.full(one.run, one.directory):
                self.waiting.append(Waiting(str(one), one.cause, None))
                continue
            since = lost.seconds_since(self._launchpad.db, one.fw_id)
            wait = pause(self._delay, times) if one.outage else self._delay * 2 ** (times - 1)
            if since is None or since >= wait:
                yield Repair(one.run, f"{one}: {one.cause}", partial(self._repair_fizzled, one))
            elif one.outage:
                self.waiting.append(Waiting(str(one), one.cause, wait - since))

    def _retried(self) -> Iterator[tuple[Fizzled, int]]:
        for one in lost_fizzled(self._launchpad, self._scope.fireworks):
            times = lost.count(self._launchpad.db, one.fw_id)
            if one.outage:
                yield one, lost.outages(self._launchpad.db, one.fw_id)
            elif times < MAX_LOSSES:
                yield one, times

    def retried_runs(self) -> set[str]:
        """Runs with a fizzled Firework that is to be tried again, if not now."""
        return {one.run for one, _ in self._retried()}

    def _repair_fizzled(self, one: Fizzled) -> str | None:
        launchpad, same = self._launchpad, {"fw_id": one.fw_id, "state": "FIZZLED", "launches": one.launch_id}
        if launchpad.fireworks.find_one(same, {"_id": 1}) is None:
            return None
        if not lost.claim(launchpad.db, one.launch_id, one.fw_id, one.cause, outage=one.outage):
            return None
        launchpad.rerun_fw(one.fw_id)
        return f"{one}: {one.cause}; run again"

    def _locked(self) -> Iterator[tuple[Any, Repair]]:
        """Locks of whoever was killed while updating a workflow: the same lock, with no update in between."""
        shown = {f"metadata.{RUN}": 1, "updated_on": 1}
        for wf in self._launchpad.workflows.find({**self._scope.workflows, "locked": {"$exists": True}}, shown):
            run, text = wf["metadata"][RUN], "its workflow is locked and nobody updates it"
            repair = Repair(run, f"{run}: {text}", partial(self._unlock, run, wf["_id"], wf["updated_on"]))
            yield (wf["_id"], str(wf["updated_on"])), repair

    def _unlock(self, run: str, workflow: Any, updated_on: Any) -> str | None:
        same = {"_id": workflow, "updated_on": updated_on, "locked": {"$exists": True}}
        if not self._launchpad.workflows.update_one(same, {"$unset": {"locked": 1}}).modified_count:
            return None
        return "; ".join([f"{run}: freed of a lock that was left", *mend_workflow(self._launchpad, run)])

    def _stuck(self) -> Iterator[tuple[Any, Repair]]:
        """Runs in which everything waits and nothing moves: half of an update was lost."""
        group = {"_id": f"$spec.{RUN}", "states": {"$addToSet": "$state"}}
        where = {**self._scope.fireworks, "state": {"$nin": ["COMPLETED", "ARCHIVED"]}}
        for row in self._launchpad.fireworks.aggregate([{"$match": where}, {"$group": group}]):
            if row["states"] == ["WAITING"]:
                run, text = row["_id"], "all its Fireworks wait and none can run"
                yield ("stuck", run), Repair(run, f"{run}: {text}", partial(self._mend, run))

    def _mend(self, run: str) -> str | None:
        done = mend_workflow(self._launchpad, run)
        return "; ".join([f"{run}: nothing moved", *done]) if done else None


def apply(repairs: Sequence[Repair], stop: Callable[[], bool] = lambda: False) -> list[str]:
    """Do ``repairs`` until ``stop``; what was done, in words."""
    done: list[str] = []
    for repair in repairs:
        if stop():
            break
        with suppress(LockedWorkflowError):  # somebody is at it; the next look will see
            said = repair.do()
            done += [said] if said else []
    return done


def _limit(held: Held) -> int:
    """Losses after which a Firework is given up.

    A single point that was computing has one more: the worker that then takes it makes a label of its losses.
    """
    return MAX_LOSSES + 1 if held.step == DFT and held.running else MAX_LOSSES


def _put_back(launchpad: LaunchPad, held: Held, *, excused: bool) -> None:
    if held.launch_state == "RUNNING":
        put_back(launchpad, held.run, {"launch_id": held.launch_id}, stopped=excused)
    elif held.launch_state == "RESERVED" and held.launch_id is not None:
        with suppress(DuplicateKeyError):  # FireWorks' way of saying that the launch is not RESERVED any more
            launchpad.cancel_reservation(held.launch_id)
        launchpad.forget_offline(held.launch_id)
    launches = [] if held.launch_id is None else [held.launch_id]
    same = {"fw_id": held.fw_id, "state": held.state, "launches": launches or {"$size": 0}}
    if launchpad.fireworks.find_one(same, {"_id": 1}) is not None:  # Firework and launch did not agree
        if held.launch_state == "RUNNING":
            launchpad.mark_fizzled(held.launch_id)
        launchpad.rerun_fw(held.fw_id)


def _give_up(launchpad: LaunchPad, held: Held, reason: str) -> None:
    trace = f"GivenUp: {reason}; `alflow rerun {held.run}` tries again"
    action = FWAction(stored_data={"_message": "lost", "_exception": {"_stacktrace": trace}}, exit=True)
    launchpad.complete_launch(held.launch_id, action, "FIZZLED")


def _taken_in(launchpad: LaunchPad, held: Held) -> bool:
    """Whether the Firework ran offline and its files say how it ended."""
    where = {"launch_id": held.launch_id, "deprecated": False, "completed": False}
    if launchpad.offline_runs.find_one(where, {"_id": 1}) is None:
        return False
    launchpad.recover_offline(held.launch_id, ignore_errors=True)
    return launchpad.fireworks.find_one({"fw_id": held.fw_id, "state": {"$in": ["COMPLETED", "FIZZLED"]}}) is not None
