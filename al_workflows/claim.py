"""Whose a directory is: nobody writes into one that the run's owner has not marked as the run's.

What a database says of directories is a claim; the mark, which lies on the file system, is the proof.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.files import write_atomically

#: holds the id of the run that a directory belongs to
MARKER = ".alflow-run"
RESULT = "result.json"
#: ``<run>/<cycle>/<index>``: nothing in it leads out of a directory
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[0-9]{4,}/[0-9]{2,}")


def writable_directory(directory: Path) -> Path:
    """``directory``, absolute, made if it is not there, and tried.

    Raises
    ------
    EnvironmentProblem
        It cannot be made or written (no permission, read-only or full file system).
    """
    probe = directory / f".alflow-{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"\0" * 4096)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"directory {directory} cannot be written: {error.strerror}; name another one"
        ) from error
    return directory.resolve()


def claimed_directory(directory: Path, run: str) -> Path:
    """``directory``, absolute and writable, marked as that of ``run``.

    Raises
    ------
    InputError
        It is another run's: the two would take each other's single points for their own.
    EnvironmentProblem
        It cannot be written.
    """
    directory = writable_directory(directory)
    owner = _owner(directory)
    if owner is None and (directory / RESULT).exists():
        owner = _run_of(directory / RESULT)
    if owner not in (None, run):
        raise InputError(f"{directory} is the directory of {owner}, not of {run}; name another one")
    write_atomically(directory / MARKER, f"{run}\n")
    return directory


def is_claimed(directory: Path, run: str) -> bool:
    """Whether ``directory`` is marked as that of ``run``."""
    return _owner(directory) == run


def refuse_unclaimed(directory: Path, run: str) -> None:
    """Raise an :class:`InputError` unless ``directory`` is marked as that of ``run``."""
    owner = _owner(directory)
    if owner != run:
        whose = "is not marked as a run's" if owner is None else f"is the directory of {owner}"
        raise InputError(
            f"{directory} {whose} but must be marked as that of {run} by its {MARKER}, which submitting writes: "
            "workers must see the directory that the run was submitted with; "
            f"`alflow run FILE --output {directory}` marks it again"
        )


def refuse_outside(place: Path, directory: Path, run: str) -> None:
    """Raise an :class:`InputError` unless ``place`` lies below ``directory`` and that is marked as that of ``run``."""
    refuse_unclaimed(directory, run)
    if not place.resolve().is_relative_to(directory.resolve()):
        raise InputError(f"a step of {run} was to run in {place} but must run below {directory}; correct `_launch_dir`")


def place_of(key: str) -> Path:
    """``<cycle>/<index>`` of a single point's key, which is where it lives in its run's directory.

    Raises
    ------
    InputError
        The key has another form, as one that leads out of the directory.
    """
    if _KEY.fullmatch(key) is None:
        raise InputError(
            f"the key of a single point is {key!r} but must read <run>/<cycle>/<index>; nothing was written"
        )
    return Path(key.partition("/")[2])


def refuse_elsewhere(key: str, directory: Path) -> None:
    """Raise an :class:`InputError` unless the single point ``key`` lives in ``directory``, in its run's own."""
    place, run = place_of(key), key.partition("/")[0]
    if directory.parts[-2:] != place.parts:
        raise InputError(
            f"single point {key} was to run in {directory} but must run in …/{place}; correct `_launch_dir`"
        )
    refuse_unclaimed(directory.parent.parent, run)


def _owner(directory: Path) -> str | None:
    try:
        return (directory / MARKER).read_text(errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise EnvironmentProblem(f"{directory / MARKER} cannot be read ({error.strerror}); make it readable") from error


def _run_of(result: Path) -> str:
    try:
        return str(json.loads(result.read_text())["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return "something else"
