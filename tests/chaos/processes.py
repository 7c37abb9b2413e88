"""Processes found by what they were given, not by their names: /proc says where each works and what is in its
environment."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: environment variable that everything a chaos test starts inherits
MARK = "ALFLOW_CHAOS"


@dataclass(frozen=True)
class Process:
    """A process that is there: neither a zombie nor a thread."""

    pid: int
    command: str
    directory: str

    def __str__(self) -> str:
        return f"{self.pid} in {self.directory}: {self.command[:120]}"


def marked(mark: str) -> list[Process]:
    """The processes with ``ALFLOW_CHAOS=mark`` in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for process in processes():
        with suppress(OSError):
            if wanted in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                found.append(process)
    return found


def working_below(directory: Path) -> list[Process]:
    """The processes whose working directory is ``directory`` or below it, removed ones included."""
    top = str(directory)
    return [p for p in processes() if p.directory == top or p.directory.startswith(f"{top}/")]


def working_in(directory: str) -> list[Process]:
    """The processes whose working directory is ``directory``."""
    return [process for process in processes() if process.directory == directory]


def processes() -> Iterator[Process]:
    """All of this machine but this one, as far as they may be looked at."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX":
                continue
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            where = os.readlink(entry / "cwd").removesuffix(" (deleted)")
            yield Process(int(entry.name), command, where)


def kill(process: Process) -> bool:
    """SIGKILL; whether it was still there."""
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
