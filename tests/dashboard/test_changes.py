"""Versions of what pages show: how often they are read, and by how many at once."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from launchpad.dashboard import changes
from launchpad.dashboard.changes import Changes


class Nowhere:
    """A database of which nothing is read."""

    def launchpad(self) -> None:
        """None."""


def watched(read: Any) -> Changes:
    found = Changes(Nowhere(), {"thing": read})  # type: ignore[arg-type]
    found.streaming = True
    return found


def test_nothing_is_read_again_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "RATE", 0.0)
    monkeypatch.setattr(changes, "PATIENCE", 0.0)
    values = iter(range(10))
    found = watched(lambda *_: next(values))
    first = found.version("thing:a")
    assert found.version("thing:a") == first
    found._epoch += 1
    assert found.version("thing:a") != first
    assert found.version("thing:b") != found.version("thing:a")
    assert found.version("nothing:a") == ""


def test_what_takes_long_to_read_is_read_less_often_but_within_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "RATE", 0.0)
    reads: list[float] = []

    def slow(*_: object) -> int:
        reads.append(time.monotonic())
        time.sleep(0.02)
        return len(reads)

    found = watched(slow)
    end = time.monotonic() + 1.0  # a hundred times 0.02 s is more
    while time.monotonic() < end:
        found._epoch += 1
        found.version("thing:a")
    assert len(reads) == 1
    monkeypatch.setattr(changes, "LATEST", 0.1)
    end = time.monotonic() + 1.0
    other = watched(slow)
    while time.monotonic() < end:
        other._epoch += 1
        other.version("thing:a")
    assert 3 < len(reads) < 12


def test_one_reads_and_the_others_are_told_of_what_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PATIENCE", 0.0)
    reads: list[int] = []
    free = threading.Event()

    def blocked(*_: object) -> int:
        reads.append(1)
        if len(reads) > 1:
            free.wait(10)
        return len(reads)

    found = watched(blocked)
    first = found.version("thing:a")
    time.sleep(changes.RATE + 0.05)
    found._epoch += 1
    reader = threading.Thread(target=found.version, args=("thing:a",))
    reader.start()
    while len(reads) < 2:
        time.sleep(0.01)
    assert found.version("thing:a") == first  # at once, though another reads
    free.set()
    reader.join()
    assert found.version("thing:a") != first
    assert len(reads) == 2
