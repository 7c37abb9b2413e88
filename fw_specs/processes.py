"""Names of processes of this machine, in leases and launches, by which others tell whether they still run."""

from __future__ import annotations

import socket
from pathlib import Path

#: how the names of this machine's processes begin
PREFIX = f"alflow-{socket.gethostname()}-"


def process_name(pid: int) -> str:
    """The name of the process ``pid`` and of the workers that it starts: numbers come again, start times do not."""
    try:
        # the fields behind the command, which may hold blanks; the 20th of them is the start time in clock ticks
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        started = "ended"
    return f"{PREFIX}{pid}-{started}"


def local_worker_alive(name: str) -> bool | None:
    """Whether the process of this machine whose name (or whose workers') is ``name`` runs; None for any other name."""
    pid = name.removeprefix(PREFIX).partition("-")[0]
    if not name.startswith(PREFIX) or not pid.isdigit():
        return None
    return f"{name}-".startswith(f"{process_name(int(pid))}-")
