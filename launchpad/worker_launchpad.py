"""What a worker that may be stopped sees of the database: this project's Fireworks, and updates that are finished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fireworks import Firework, FWorker, LaunchPad

from fw_specs.keys import RUN, STEP
from fw_specs.ours import foreign, only_ours


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
