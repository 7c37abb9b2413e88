"""Which Fireworks fizzled with the machine, and which by a mistake that a rerun would repeat.

Of the machine's causes a full disk and a database that is away are outages: they say nothing about the Firework and are
only a delay, however long they last. Any other counts as a loss.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fireworks import LaunchPad

from al_workflows.errors import exception_line
from al_workflows.files import tells_full_disk
from fw_specs.keys import RUN

#: exceptions of the machine, the database, the disk, and of a stop from outside
_DATABASE = re.compile(
    "AutoReconnect|ConnectionFailure|NetworkTimeout|NotPrimaryError|ServerSelectionTimeoutError|WaitQueueTimeoutError"
    "|ExecutionTimeout"
)
_MACHINE = re.compile("EnvironmentProblem|LockedWorkflowError|KeyboardInterrupt|SystemExit|MemoryError")
#: the disk is full, a quota is used up, an input/output error, a stale file handle, a read-only file system
_DISK = re.compile(r"\[Errno (28|122|5|116|30)\]")


@dataclass(frozen=True)
class Fizzled:
    """A Firework that ended in an error which is the machine's; ``cause`` is a line.

    ``directory`` is where it ran, if it says so.
    """

    run: str
    fw_id: int
    name: str
    launch_id: int
    cause: str
    directory: Path | None = None

    @property
    def outage(self) -> bool:
        """Whether a full disk or the database was the cause."""
        return is_outage(self.cause)

    def __str__(self) -> str:
        return f"{self.name} (fw_id {self.fw_id})"


def lost_fizzled(launchpad: LaunchPad, where: Mapping[str, Any]) -> Iterator[Fizzled]:
    """The fizzled Fireworks that fit ``where`` and may do better the next time."""
    shown = {"fw_id": 1, "name": 1, "launches": 1, f"spec.{RUN}": 1, "spec._launch_dir": 1}
    for fw in launchpad.fireworks.find({**where, "state": "FIZZLED"}, shown):
        if not fw["launches"]:  # it could not even be read: a package is missing, which no rerun brings
            continue
        launch = launchpad.launches.find_one({"launch_id": fw["launches"][-1]}, {"state": 1, "action": 1})
        cause = machine_cause(launch or {})
        if cause is not None:
            place = Path(fw["spec"]["_launch_dir"]) if "_launch_dir" in fw["spec"] else None
            yield Fizzled(fw["spec"][RUN], fw["fw_id"], fw["name"], fw["launches"][-1], cause, place)


def outages_alone(launchpad: LaunchPad, run: str) -> list[Fizzled]:
    """What of the run fizzled if all of that did by an outage; empty if anything needs the user."""
    where = {f"spec.{RUN}": run}
    found = [one for one in lost_fizzled(launchpad, where) if one.outage]
    return found if len(found) == launchpad.fireworks.count_documents({**where, "state": "FIZZLED"}) else []


def machine_cause(launch: Mapping[str, Any]) -> str | None:
    """The cause of a fizzled launch if it is the machine's; None if it is the run's."""
    if launch.get("state") != "FIZZLED":
        return "its end was not written down"
    trace = last_trace(launch)
    if not trace:
        return "its worker was lost"
    line = exception_line(trace)
    name = _exception(line)
    machine = _MACHINE.fullmatch(name) or (name.endswith("Error") and _DISK.search(line))
    return line if machine or is_outage(line) else None


def is_outage(cause: str) -> bool:
    """Whether the line that names an exception is of a full disk, a quota used up, or a database that was away."""
    name = _exception(cause)
    if _DATABASE.fullmatch(name):
        return True
    others = name == "EnvironmentProblem" or (name.endswith("Error") and name != "InputError")
    return others and tells_full_disk(cause)


def _exception(line: str) -> str:
    return line.partition(":")[0].rpartition(".")[2]


def last_trace(launch: Mapping[str, Any]) -> str:
    """The traceback that a launch ended with; empty if it has none."""
    stored = (launch.get("action") or {}).get("stored_data", {})
    return str(stored.get("_exception", {}).get("_stacktrace", "")).strip()
