"""Where a chaos test happens: one directory with a database of its own and a small file system for the runs."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

from launchpad.local_mongo import LocalMongo
from launchpad.mongod import wait_for_exit
from launchpad.settings import connect, resolve
from tests.chaos.calculators import DELAY
from tests.chaos.processes import MARK
from tests.conftest import OUR_VARIABLES

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
#: of the runs' file system, to be filled
DISK = "size=64m"


@dataclass
class World:
    """What the faults strike. ``runs`` is a file system of its own if ``disk`` says so."""

    directory: Path
    delay: float
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    disk: str = ""

    def __post_init__(self) -> None:
        self.runs, self.files = self.directory / "runs", self.directory / "files"
        self.mongo = LocalMongo(self.directory / "mongo")
        self.began = time.monotonic()
        self.told: list[str] = []

    @contextlib.contextmanager
    def open(self) -> Iterator[World]:
        """Database and file system, for the time of the block."""
        for place in (self.runs, self.files):
            place.mkdir(parents=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", str(self.runs)], capture_output=True, text=True, check=False
        )
        self.disk = "" if mounted.returncode else f"tmpfs, {DISK}"
        if not self.disk:
            self.tell(f"no file system to fill: {mounted.stderr.strip()}")
        self.mongo.start()
        self.launchpad = connect(resolve(self.mongo.launchpad_file()))
        try:
            yield self
        finally:
            self.launchpad.connection.close()
            self.end_database()
            if self.disk:
                subprocess.run(["umount", "--lazy", str(self.runs)], check=True)

    def end_database(self) -> None:
        """End mongod at once: nobody needs its data any more."""
        if (pid := self.mongo.status().pid) is not None:
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGKILL)
            wait_for_exit(self.mongo.data_dir / "db")

    @property
    def environment(self) -> dict[str, str]:
        """What everything that is started here inherits."""
        kept = {name: value for name, value in os.environ.items() if name not in OUR_VARIABLES}
        return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", MARK: self.mark, DELAY: str(self.delay)}

    @property
    def seconds(self) -> float:
        """Since this began."""
        return time.monotonic() - self.began

    def tell(self, what: str) -> None:
        """Note what happened, with its time."""
        self.told.append(f"{self.seconds:6.1f} s  {what}")
        with (self.directory / "chaos.log").open("a") as log:
            log.write(self.told[-1] + "\n")


def patiently(ask: Callable[[], T], seconds: float = 120.0) -> T:
    """What ``ask`` answers; the database may be away meanwhile."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except PyMongoError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def documents(collection: Any, *query: Any) -> list[dict[str, Any]]:
    """All that a query finds, asked again where the database is away."""
    return patiently(lambda: list(collection.find(*query)))
