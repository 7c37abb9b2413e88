"""What tells a page that it is out of date: MongoDB's change streams, and looking again where there are none."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from pymongo.errors import PyMongoError

from al_workflows.errors import AlWorkflowsError
from fw_specs.keys import ACTIONS, CAMPAIGNS, CYCLES, LABELS, LOSSES, MEMBERS, POOLS, RUNS
from launchpad.dashboard.database import Database

#: what the pages are made of
WATCHED = (ACTIONS, CAMPAIGNS, CYCLES, LABELS, LOSSES, MEMBERS, POOLS, RUNS, "fireworks", "launches")
#: s between two looks where there are no change streams, and after a stream has broken
INTERVAL = 2.0
#: s between two readings of one topic, however much happens
RATE = 1.0
#: s after which a topic is read again although nothing was written: a worker is lost without a word
RENEWAL = 15.0

logger = logging.getLogger(__name__)

#: what stands in the database of a topic: any value of JSON's types, which differs when its page would
Fingerprint = Callable[[Any, str], Any]


class Changes:
    """Versions of what pages show.

    A page is of one topic, ``kind`` or ``kind:name``; ``fingerprints`` has what reads one of each kind. It is read
    again when something has happened in the database, and at most once in :data:`RATE` seconds.
    """

    def __init__(self, database: Database, fingerprints: Mapping[str, Fingerprint]) -> None:
        self._database = database
        self._fingerprints = fingerprints
        self._epoch = 0
        self._known: dict[str, tuple[int, float, str]] = {}
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
        known = self._known.get(topic)
        if known is not None:
            fresh = now - known[1] < (RATE if self.streaming else INTERVAL)
            if fresh or (self.streaming and known[0] == epoch and now - known[1] < RENEWAL):
                return known[2]
        found = json.dumps(read(self._database.launchpad(), name), default=str, sort_keys=True)
        version = hashlib.blake2b(found.encode(), digest_size=8).hexdigest()
        with self._lock:
            if len(self._known) > 1000:
                self._known.clear()
            self._known[topic] = (epoch, now, version)
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
