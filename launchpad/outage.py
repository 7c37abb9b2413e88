"""Outages, a disk that is full or a database that is away: how long to wait, and for which disks."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from al_workflows.claim import is_claimed
from al_workflows.files import disk_is_full

#: s: an outage that lasts is looked at again after so long at the latest
LONGEST = 600.0


def pause(delay: float, times: int) -> float:
    """How long to wait after the ``times``-th outage, s: ``delay``, doubled each time, up to `LONGEST`."""
    return min(LONGEST, delay * 2.0 ** min(max(times - 1, 0), 30))


@dataclass(frozen=True)
class Waiting:
    """A Firework that an outage ended: why, and after how many s it is tried again (None: when its disk has space)."""

    name: str
    cause: str
    seconds: float | None

    def __str__(self) -> str:
        again = "as soon as there is space" if self.seconds is None else f"in {self.seconds:.0f} s"
        return f"{self.name}: {self.cause}; an outage, tried again {again}"


class Disks:
    """Whether the disks of runs are full, asked once each for the time of one look."""

    def __init__(self) -> None:
        self._full: dict[Path, bool] = {}

    def full(self, run: str, directory: Path | None) -> bool:
        """Whether nothing can be written for want of space to the ``run``'s directory, in which ``directory`` lies.

        False where there is no such directory here.
        """
        if directory is None:
            return False
        place = directory.parent.parent
        if place not in self._full:
            # nothing is written into a directory that the database alone calls the run's
            self._full[place] = is_claimed(place, run) and disk_is_full(place)
        return self._full[place]


class Outages:
    """The times in which the database was away, as far as this process saw them."""

    def __init__(self) -> None:
        self._since: datetime.datetime | None = None
        self._over: list[tuple[datetime.datetime, datetime.datetime]] = []

    def away(self) -> None:
        """The database does not answer now."""
        self._since = self._since or datetime.datetime.now(datetime.UTC)

    def back(self) -> None:
        """It answers."""
        if self._since is not None:
            self._over.append((self._since, datetime.datetime.now(datetime.UTC)))
            self._since = None

    def cut_off(self, last_heard: datetime.datetime, pings: float) -> bool:
        """Whether who was ``last_heard`` then, and pings every so many s, may have ended with one of them."""
        early = datetime.timedelta(seconds=pings)
        return any(began - early <= last_heard <= ended for began, ended in self._over)
