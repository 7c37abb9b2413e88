"""What can be said of the local database without changing it."""

from __future__ import annotations

import contextlib
import enum
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class MongoState(enum.StrEnum):
    """What can be said of the local database."""

    RUNNING = "running"
    STOPPED = "stopped"
    UNHEALTHY = "unhealthy"  # a process is there but does not serve, or it may run on another machine


@dataclass(frozen=True)
class MongoStatus:
    """The local database as it is now.

    Attributes
    ----------
    state
        Running, stopped or unhealthy.
    data_dir
        Its directory.
    port, pid, version
        Of the server; None where it is not known.
    size_bytes
        What the directory takes on disk.
    detail
        Why it is unhealthy, in one line; else empty.
    """

    state: MongoState
    data_dir: Path
    port: int | None = None
    pid: int | None = None
    version: str | None = None
    size_bytes: int = 0
    detail: str = ""

    def plain(self) -> dict[str, Any]:
        """In the types of JSON."""
        return {
            "state": self.state.value,
            "detail": self.detail,
            "directory": str(self.data_dir),
            "size_bytes": self.size_bytes,
            "host": "127.0.0.1",
            "port": self.port,
            "pid": self.pid,
            "mongodb_version": self.version,
        }


def size_on_disk(directory: Path) -> int:
    """Add up what the files below `directory` take on disk (bytes); zero when it does not exist."""
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # mongod removes files while we look
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return total
