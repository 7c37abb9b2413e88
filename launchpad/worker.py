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

from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket, rapidfire
from pymongo.errors import PyMongoError

from al_workflows.errors import EnvironmentProblem, InputError
from fw_specs.keys import DFT
from fw_specs.ours import foreign, only_ours
from launchpad.mongo_uri import PATIENT_CLIENT
from launchpad.settings import Source, connect, connection_document
from launchpad.worker_launchpad import OurWorker, Refused, Stopped, WorkerLaunchPad
from launchpad.workers import put_back

#: exit codes: what was under way is ready again; it is not, since the database was away: `alflow supervise` sees to it
STOPPED, LEFT_BEHIND = 4, 75
#: s between the signal and the end, in which what was under way is given back; SLURM kills after 30 (KillWait)
LAST_WORDS = 20.0
#: s that the database may take to answer while a worker ends
HASTE = 5.0
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


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
