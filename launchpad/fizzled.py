"""Which Fireworks fizzled with the machine (a loss), and which by a mistake that a rerun would repeat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fireworks import LaunchPad

from al_workflows.errors import exception_line
from fw_specs.keys import RUN

#: exceptions of the machine, the database, the disk, and of a stop from outside
_MACHINE = re.compile(
    r"EnvironmentProblem|AutoReconnect|ConnectionFailure|NetworkTimeout|NotPrimaryError|ServerSelectionTimeoutError"
    r"|WaitQueueTimeoutError|ExecutionTimeout|LockedWorkflowError|KeyboardInterrupt|SystemExit|MemoryError"
)
#: the disk is full, a quota is used up, an input/output error, a stale file handle, a read-only file system
_DISK = re.compile(r"\[Errno (28|122|5|116|30)\]")


@dataclass(frozen=True)
class Fizzled:
    """A Firework that ended in an error which is the machine's; ``cause`` is a line."""

    run: str
    fw_id: int
    name: str
    launch_id: int
    cause: str

    def __str__(self) -> str:
        return f"{self.name} (fw_id {self.fw_id})"


def lost_fizzled(launchpad: LaunchPad, where: Mapping[str, Any]) -> Iterator[Fizzled]:
    """The fizzled Fireworks that fit ``where`` and may do better the next time."""
    shown = {"fw_id": 1, "name": 1, "launches": 1, f"spec.{RUN}": 1}
    for fw in launchpad.fireworks.find({**where, "state": "FIZZLED"}, shown):
        if not fw["launches"]:  # it could not even be read: a package is missing, which no rerun brings
            continue
        launch = launchpad.launches.find_one({"launch_id": fw["launches"][-1]}, {"state": 1, "action": 1})
        cause = machine_cause(launch or {})
        if cause is not None:
            yield Fizzled(fw["spec"][RUN], fw["fw_id"], fw["name"], fw["launches"][-1], cause)


def machine_cause(launch: Mapping[str, Any]) -> str | None:
    """The cause of a fizzled launch if it is the machine's; None if it is the run's."""
    if launch.get("state") != "FIZZLED":
        return "its end was not written down"
    trace = last_trace(launch)
    if not trace:
        return "its worker was lost"
    line = exception_line(trace)
    name = line.partition(":")[0].rpartition(".")[2]
    return line if _MACHINE.fullmatch(name) or (name.endswith("Error") and _DISK.search(line)) else None


def last_trace(launch: Mapping[str, Any]) -> str:
    """The traceback that a launch ended with; empty if it has none."""
    stored = (launch.get("action") or {}).get("stored_data", {})
    return str(stored.get("_exception", {}).get("_stacktrace", "")).strip()
