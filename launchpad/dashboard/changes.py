"""What tells a page that it is out of date: MongoDB's change streams, and looking again where there are none."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.errors import PyMongoError

from al_workflows.errors import AlWorkflowsError
from fw_specs.keys import ACTIONS, CAMPAIGNS, CYCLES, LABELS, LOSSES, MEMBERS, POOLS, RUNS
from launchpad.dashboard.database import Database

#: what the pages are made of
WATCHED = (ACTIONS, CAMPAIGNS, CYCLES, LABELS, LOSSES, MEMBERS, POOLS, RUNS, "fireworks", "launches")
#: s between two looks where there are no change streams, and after a stream has broken
INTERVAL = 2.0
#: s between two readings of one topic, however much happens, and at least so many times as long as a reading takes:
#: where much is read, and all that is drawn of it, pages follow a little later
RATE, PATIENCE = 1.0, 100.0
#: s after which a topic is read again although nothing was written: a worker is lost without a word
RENEWAL = 15.0

logger = logging.getLogger(__name__)

#: what stands in the database of a topic: any value of JSON's types, which differs when its page would
Fingerprint = Callable[[Any, str], Any]


@dataclass
class _Version:
    """Of a topic: of which state of the database, and until when it need not be looked at again (s, monotonic)."""

    epoch: int
    until: float
    version: str


class Changes:
    """Versions of what pages show.

    A page is of one topic, ``kind`` or ``kind:name``; ``fingerprints`` has what reads one of each kind. It is read
    again when something has happened in the database, and at most once in :data:`RATE` seconds, or in a
    hundred times what the reading takes; while one reads it, others are told of what was.
    """

    def __init__(self, database: Database, fingerprints: Mapping[str, Fingerprint]) -> None:
        self._database = database
        self._fingerprints = fingerprints
        self._epoch = 0
        self._known: dict[str, _Version] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.streaming = False

    def version(self, topic: str) -> str:
        """The topic's version; empty for one of no kind that is known.

        Raises
        ------
        PyMongoError
            The database does not answer.
        """
        kind, _, name = topic.partition(":")
        read = self._fingerprints.get(kind)
        if read is None:
            return ""
        now, epoch = time.monotonic(), self._epoch
        with self._lock:
            known = self._known.get(topic)
            if known is not None:
                same = self.streaming and known.epoch == epoch and now < known.until + RENEWAL
                if now < known.until or same:
                    return known.version
                known.until = now + RATE  # others need not read it as well
        found = json.dumps(read(self._database.launchpad(), name), default=str, sort_keys=True)
        version = hashlib.blake2b(found.encode(), digest_size=8).hexdigest()
        ready = time.monotonic()
        until = ready + max(RATE if self.streaming else INTERVAL, PATIENCE * (ready - now))
        with self._lock:
            if len(self._known) > 1000:
                self._known.clear()
            self._known[topic] = _Version(epoch, until, version)
        return version

    def start(self) -> None:
        """Follow the database from now on, in a thread that ends with the process."""
        threading.Thread(target=self._follow, name="changes", daemon=True).start()

    def stop(self) -> None:
        """Follow it no longer."""
        self._ended.set()

    def _follow(self) -> None:
        pipeline = [{"$match": {"ns.coll": {"$in": list(WATCHED)}}}, {"$project": {"ns": 1}}]
        while not self._ended.is_set():
            try:
                with self._database.launchpad().db.watch(pipeline, max_await_time_ms=1000) as stream:
                    self.streaming = True
                    self._epoch += 1
                    while stream.alive and not self._ended.is_set():
                        if stream.try_next() is not None:
                            self._epoch += 1
            except (PyMongoError, AlWorkflowsError) as error:
                if self.streaming:
                    logger.warning("the change stream broke: %s", error)
                self._database.forget()
            self.streaming = False
            self._ended.wait(INTERVAL)
