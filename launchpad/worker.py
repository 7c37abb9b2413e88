"""The worker: FireWorks' `rlaunch`, except that it ends in time, gives back what it had, and takes our tasks alone.

A signal (SIGTERM, SIGUSR1, SIGINT) becomes an exception in the running task, which ends there and then; a single
point's processes end with it. FireWorks' own updates of the database are not interrupted. What was under way is made
ready again: an infrastructure loss, no result.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from fireworks import Firework, FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket, rapidfire
from pymongo.errors import PyMongoError

from al_workflows.errors import EnvironmentProblem, InputError
from fw_specs.keys import DFT, RUN, STEP
from fw_specs.ours import foreign, only_ours
from launchpad.mongo_uri import PATIENT_CLIENT
from launchpad.settings import Source, connect, connection_document
from launchpad.workers import put_back

#: exit codes: what was under way is ready again; it is not, since the database was away: `alflow supervise` sees to it
STOPPED, LEFT_BEHIND = 4, 75
#: s between the signal and the end, in which what was under way is given back; SLURM kills after 30 (KillWait)
LAST_WORDS = 20.0
#: s that the database may take to answer while a worker ends
HASTE = 5.0
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stopped(BaseException):
    """The worker was told to end; not an Exception, so that no task takes it for an error of its own."""


class Refused(BaseException):
    """A Firework is not ours; not an Exception, for which FireWorks would mark the Firework as failed."""

    def __init__(self, fw_id: int, what: str) -> None:
        super().__init__(
            f"Firework {fw_id} is left as it is: {what}, which is not this project's; `--any-task` runs whatever "
            "stands in the database"
        )
        self.fw_id = fw_id


@dataclass(frozen=True)
class Limits:
    """When to end.

    Attributes
    ----------
    end
        Of the time that the worker has, s since 1970; None: it may stay.
    margin
        s before ``end`` from which on nothing new is taken.
    grace
        s before ``end`` at which what is running is stopped; at most a tenth of the time that there is.
    """

    end: float | None = None
    margin: float = 300.0
    grace: float = 60.0

    def seconds_for_new(self) -> float | None:
        """How long something new may be taken, s."""
        return None if self.end is None else self.end - self.margin - time.time()


class OurWorker(FWorker):  # type: ignore[misc]
    """Takes this project's Fireworks alone. What is stored of it in every launch stays small."""

    @property
    def query(self) -> dict[str, Any]:
        """Of the Fireworks that it may take."""
        query = super().query
        return {**query, "$and": [*query.get("$and", []), only_ours()]}


class WorkerLaunchPad(LaunchPad):  # type: ignore[misc]  # fireworks is untyped
    """FireWorks' LaunchPad for a process that runs one Firework after the other and may be stopped."""

    #: why this process is to end
    reason = ""
    #: Firework, launch, run and step of what is under way
    under_way: tuple[int, int, str | None, str | None] | None = None
    taken = 0
    #: id of the SLURM job that this is part of
    job: str | None = None
    _shielded = False

    def __init__(self, any_task: bool, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.any_task = any_task
        #: what is not ours although the worker's query let it through
        self.refused: list[int] = []

    def stop(self, reason: str) -> None:
        """Raise `Stopped` here and now, or as soon as FireWorks has finished its update of the database."""
        if not self.reason:
            self.reason = reason
            if not self._shielded:
                raise Stopped(reason)

    def checkout_fw(self, fworker: FWorker, launch_dir: str, fw_id: int | None = None, **rest: Any) -> Any:
        """Take a Firework; one that is not ours is refused before anything is written or loaded."""
        with self._shield():
            firework, launch_id = super().checkout_fw(fworker, launch_dir, fw_id, **rest)
            if firework is not None:
                self.taken += 1
                self._note_job(launch_id)
                self.under_way = (firework.fw_id, launch_id, firework.spec.get(RUN), firework.spec.get(STEP))
        return firework, launch_id

    def _note_job(self, launch_id: int) -> None:
        if self.job is not None:  # as `qlaunch -r` notes it: the queue then tells whether this worker lives
            bare = {"launch_id": launch_id, "state_history.reservation_id": {"$exists": False}}
            self.launches.update_one(bare, {"$set": {"state_history.0.reservation_id": self.job}})

    def get_fw_dict_by_id(self, fw_id: int) -> Any:
        """What is stored of a Firework, from which FireWorks makes objects of any class that the document names."""
        document = super().get_fw_dict_by_id(fw_id)
        if not self.any_task and (what := foreign(document["spec"])):
            raise Refused(fw_id, what)
        return document

    def _get_a_fw_to_run(self, query: Any = None, fw_id: int | None = None, checkout: bool = True) -> Firework | None:
        if fw_id is not None:
            self.get_fw_dict_by_id(fw_id)  # FireWorks reserves it before it looks
        while True:
            allowed = {"$and": [query or {}, {"fw_id": {"$nin": self.refused}}]}
            try:
                return super()._get_a_fw_to_run(allowed, fw_id, checkout)
            except Refused as refusal:
                if fw_id is not None:
                    raise
                reserved = {"fw_id": refusal.fw_id, "state": "RESERVED", "launches": []}
                self.fireworks.update_one(reserved, {"$set": {"state": "READY"}})
                self.refused.append(refusal.fw_id)

    def complete_launch(self, launch_id: int, action: Any = None, state: str = "COMPLETED") -> Any:
        """Store the outcome; that a task was stopped is none."""
        if self.reason and state != "COMPLETED":
            raise Stopped(self.reason)
        with self._shield():
            done = super().complete_launch(launch_id, action, state)
            # a code that was stopped by the same signal may have spoken first
            if state == "COMPLETED" or not self.reason:
                self.under_way = None
        return done

    def ping_launch(self, launch_id: int, ptime: Any = None, checkpoint: Any = None) -> None:
        """Say that the launch is alive, unless it is about to end."""
        if not self.reason:
            super().ping_launch(launch_id, ptime, checkpoint)

    @contextmanager
    def _shield(self) -> Iterator[None]:
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False
        if self.reason:
            raise Stopped(self.reason)


def work(
    source: Source,
    fworker: FWorker,
    limits: Limits,
    *,
    fw_id: int | None = None,
    rapid: dict[str, Any] | None = None,
    any_task: bool = False,
    job: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Run one Firework (``fw_id``, or the next), or with ``rapid`` (of FireWorks' rapidfire) one after the other.

    Returns
    -------
    int
        The exit code: 0, STOPPED or LEFT_BEHIND.

    Raises
    ------
    InputError
        The Firework ``fw_id`` is not this project's.
    EnvironmentProblem
        The database does not answer at the start.
    """
    patience = PATIENT_CLIENT["serverSelectionTimeoutMS"] / 1000
    found = connect(source, start_local=False, timeout_s=patience)
    launchpad = WorkerLaunchPad(any_task, **found.to_dict())
    launchpad.job = job
    found.connection.close()
    worker = fworker
    if not any_task:
        worker = OurWorker(fworker.name, fworker.category, fworker._query, fworker.env)
        if fw_id is None:
            _tell_foreign(launchpad, fworker, say)
    with _stopped_by_signals(launchpad, limits, say):
        try:
            if rapid is None:
                launch_rocket(launchpad, worker, fw_id)
            else:
                _rapidfire(launchpad, worker, limits, rapid, say)
        except Refused as refusal:
            raise InputError(str(refusal)) from None
        except Stopped:
            return _give_back(launchpad, source, say)
    return 0


def _tell_foreign(launchpad: WorkerLaunchPad, worker: FWorker, say: Callable[[str], None]) -> None:
    where = {**worker.query, "state": "READY", "$nor": [only_ours()]}
    document = launchpad.fireworks.find_one(where, {"fw_id": 1, "spec": 1})
    if document is not None:
        more = launchpad.fireworks.count_documents(where) - 1
        say(f"{Refused(document['fw_id'], foreign(document['spec']))}{f' (and {more} more)' if more else ''}")


def _rapidfire(
    launchpad: WorkerLaunchPad, worker: FWorker, limits: Limits, rapid: dict[str, Any], say: Callable[[str], None]
) -> None:
    left = limits.seconds_for_new()
    if left is not None:
        if left <= 0:
            say(f"nothing is taken: the time ends in less than {limits.margin:g} s")
            return
        timeout = rapid.get("timeout")
        rapid = {**rapid, "timeout": left if timeout is None else min(left, timeout)}
    rapidfire(launchpad, worker, **rapid)


@contextmanager
def _stopped_by_signals(launchpad: WorkerLaunchPad, limits: Limits, say: Callable[[str], None]) -> Iterator[None]:
    def handle(number: int, _: Any) -> None:
        if not launchpad.reason:
            _end_in(LAST_WORDS, say)
        launchpad.stop("its time is up" if number == signal.SIGUSR1 else signal.Signals(number).name)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    alarm: threading.Timer | None = None
    if limits.end is not None:
        left = max(0.0, limits.end - time.time())
        seconds = left - min(limits.grace, left / 10)
        alarm = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGUSR1))
        alarm.daemon = True
        alarm.start()
    try:
        yield
    finally:
        if alarm is not None:
            alarm.cancel()
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if launchpad.reason else handler)


def _end_in(seconds: float, say: Callable[[str], None]) -> None:
    def end() -> NoReturn:
        say("the database is away or the task does not end: what was under way is left to `alflow supervise`")
        sys.stdout.flush()
        os._exit(LEFT_BEHIND)

    last = threading.Timer(seconds, end)
    last.daemon = True
    last.start()


def _give_back(launchpad: WorkerLaunchPad, source: Source, say: Callable[[str], None]) -> int:
    """Make ready again what was under way."""
    if launchpad.under_way is None:
        say(f"ended ({launchpad.reason}); nothing was under way")
        return 0
    fw_id, launch_id, run, step = launchpad.under_way
    # a single point that had all the time there was counts as lost: it may never fit, and is given up in the end
    whole = launchpad.reason == "its time is up" and step == DFT and launchpad.taken == 1
    milliseconds = int(1000 * HASTE)
    hasty = {"serverSelectionTimeoutMS": milliseconds, "socketTimeoutMS": 2 * milliseconds}
    try:
        document = connection_document(source, start_local=False)
        document["mongoclient_kwargs"] = {**(document.get("mongoclient_kwargs") or {}), **hasty}
        plain = LaunchPad.from_dict({"strm_lvl": "WARNING", **document})
        if not put_back(plain, run, {"launch_id": launch_id}, stopped=not whole):
            plain.rerun_fw(fw_id)  # its launch is noted as failed already
    except (PyMongoError, EnvironmentProblem) as problem:
        say(f"Firework {fw_id} is left to `alflow supervise`: the database is away ({type(problem).__name__})")
        return LEFT_BEHIND
    say(f"Firework {fw_id} is ready again: the worker was stopped ({launchpad.reason})")
    return STOPPED
