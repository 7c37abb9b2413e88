"""The directory of a local database: fit for use, known as ours, and in the hands of one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from al_workflows.errors import EnvironmentProblem, InputError

LOCK = "alflow.lock"  # also the mark by which the directory is known as ours
LEAST_FREE_BYTES = 200_000_000
LOCK_TIMEOUT_S = 180.0
REMEDY = "name a writable directory on a local disk with --data or AL_WORKFLOWS_DATA"


def is_ours(directory: Path) -> bool:
    """Tell whether `prepare` made this directory.

    Raises
    ------
    EnvironmentProblem
        When that cannot be seen, as in the directory of another user.
    """
    try:
        return LOCK in os.listdir(directory)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EnvironmentProblem(f"data directory `{directory}` cannot be used: {error.strerror}; {REMEDY}") from error


def prepare(directory: Path) -> None:
    """Make the directory private and ours, unless it holds the files of somebody else.

    Raises
    ------
    EnvironmentProblem
        When it cannot be written or its disk is full.
    InputError
        When it holds other files.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = os.listdir(directory)
        if names and LOCK not in names:
            raise InputError(
                f"data directory `{directory}` holds other files but must be new, empty or an earlier one of this "
                "command: name another one with --data"
            )
        (directory / LOCK).touch(mode=0o600)
        directory.chmod(0o700)
        free = shutil.disk_usage(directory).free
    except OSError as error:
        raise EnvironmentProblem(f"data directory `{directory}` cannot be used: {error.strerror}; {REMEDY}") from error
    if free < LEAST_FREE_BYTES:
        raise EnvironmentProblem(
            f"data directory `{directory}` has {free / 1e6:.0f} MB free but needs {LEAST_FREE_BYTES / 1e6:.0f} MB: "
            f"free some, or {REMEDY}"
        )


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes from starting or stopping this database meanwhile; the lock ends with its holder."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    try:
        stream = (directory / LOCK).open("r+")
    except OSError as error:
        raise EnvironmentProblem(f"data directory `{directory}` cannot be used: {error.strerror}; {REMEDY}") from error
    with stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EnvironmentProblem(
                        f"another process has been starting or stopping the database in `{directory}` for "
                        f"{LOCK_TIMEOUT_S:g} s: end that process, then try again"
                    ) from None
                time.sleep(0.05)
            except OSError as error:
                raise EnvironmentProblem(
                    f"`{directory / LOCK}` cannot be locked ({error.strerror}): {REMEDY}"
                ) from error
        yield
