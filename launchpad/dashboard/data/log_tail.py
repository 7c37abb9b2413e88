"""The end of what a DFT code wrote, read with care: only below what is marked as the run's, never a link."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from al_workflows.claim import is_claimed, place_of
from al_workflows.errors import AlWorkflowsError

#: lines that are shown, bytes that are read for them, and files that are looked at
LINES, BYTES, FILES = 60, 64 * 1024, 400
#: what the codes call their output; what they are given (POTCAR is under licence) is never shown
OUTPUTS = ("stdout", "stderr", "*.out", "*.pwo", "*.log", "*.txt", "OUTCAR", "OSZICAR")


@dataclass(frozen=True)
class Tail:
    """The last lines of ``name`` (below ``directory``), or ``why`` there are none."""

    directory: Path
    name: str = ""
    lines: tuple[str, ...] = ()
    why: str = ""


def read_tail(run: str, directory: Path, key: str) -> Tail:
    """The end of the newest output of the single point ``key`` of ``run``, whose directory is ``directory``.

    Nothing outside of the single point's own directory is read, whatever the database or a link says.
    """
    try:
        place = directory / place_of(key)
        if not directory.is_dir():
            return Tail(place, why="this machine does not see that directory")
        if not is_claimed(directory, run):
            return Tail(place, why="the run's directory is not marked as this run's, so nothing in it is read")
        if place.resolve(strict=True) != directory.resolve(strict=True) / place_of(key):
            return Tail(place, why="it is a link that leads elsewhere, so nothing in it is read")
        found = _outputs(place)
        if not found:
            return Tail(place, why="the code has written no output there")
        newest = max(found, key=lambda path: (found[path], str(path)))
        return Tail(place, str(newest.relative_to(place)), _last_lines(newest))
    except FileNotFoundError:
        return Tail(directory, why="there is no such directory on this machine")
    except (OSError, AlWorkflowsError) as error:
        return Tail(directory, why=f"it cannot be read here: {error}")


def _outputs(place: Path) -> dict[Path, float]:
    """Output files that are not empty below ``place``, links left out, and when each was written."""
    found: dict[Path, float] = {}
    looked = 0
    for where, directories, names in os.walk(place, followlinks=False):
        directories.sort(reverse=True)  # the last attempts first
        for name in names:
            looked += 1
            if looked > FILES:
                return found
            path = Path(where) / name
            about = path.lstat()
            if stat.S_ISREG(about.st_mode) and about.st_size and any(fnmatch(name, one) for one in OUTPUTS):
                found[path] = about.st_mtime
    return found


def _last_lines(path: Path) -> tuple[str, ...]:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return ("(no ordinary file)",)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - BYTES))
        data = file.read(BYTES)
    if b"\0" in data:
        return ("(no text)",)
    text = "".join(c if c.isprintable() or c in "\n\t" else " " for c in data.decode(errors="replace"))
    lines = text.splitlines()
    return tuple(lines[1:] if size > BYTES and len(lines) <= LINES else lines[-LINES:])
