"""SLURM's queue as pages see it: asked once in ten seconds at most, however many look, and never waited for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from launchpad.slurm_queue import Job, QueueProblem, SlurmQueue

#: s for which an answer is good
KEPT = 10.0
#: s that a page waits for an answer
PATIENCE = 3.0


@dataclass(frozen=True)
class QueueSeen:
    """What is known of the queue.

    ``jobs`` by id, as they were at ``asked`` (s since 1970); None: there is no SLURM here, or it has not answered yet.
    ``problem`` says why they are old or missing; empty where all is well, and where there is no SLURM.
    """

    jobs: Mapping[str, Job] | None = None
    asked: float = 0.0
    problem: str = ""


class QueueWatch:
    """The queue, asked by one thread at a time."""

    def __init__(self, ask: Callable[[], Mapping[str, Job]] | None) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._seen = QueueSeen()
        self._looked = 0.0
        self._under_way: threading.Event | None = None

    @classmethod
    def here(cls) -> QueueWatch:
        """That of this machine, if it has SLURM's commands."""
        return cls(SlurmQueue().jobs if SlurmQueue.there() else None)

    def look(self, patience: float = PATIENCE) -> QueueSeen:
        """What is known now; waits up to ``patience`` s for an answer that is due."""
        if self._ask is None:
            return self._seen
        with self._lock:
            if self._under_way is None and time.monotonic() - self._looked < KEPT and self._looked:
                return self._seen
            if self._under_way is None:
                self._under_way = threading.Event()
                threading.Thread(target=self._look, args=(self._under_way, self._ask), daemon=True).start()
            under_way = self._under_way
        if under_way.wait(patience) or self._seen.problem:
            return self._seen
        return QueueSeen(self._seen.jobs, self._seen.asked, "`squeue` has not answered yet")

    def _look(self, done: threading.Event, ask: Callable[[], Mapping[str, Job]]) -> None:
        asked = time.time()
        try:
            self._seen = QueueSeen(ask(), asked)
        except QueueProblem as problem:
            self._seen = QueueSeen(self._seen.jobs, self._seen.asked, str(problem))
        finally:
            with self._lock:
                self._looked, self._under_way = time.monotonic(), None
            done.set()
