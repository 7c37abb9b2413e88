"""One attempt in a process of its own, and what its end means."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms

from al_workflows.dft.backend import Computed, one_line
from al_workflows.dft.guard import GRACE, STOP_SIGNALS
from al_workflows.dft.runner import REQUEST_FILE, RESULT_FILE
from al_workflows.errors import EnvironmentProblem, InputError, exception_line
from al_workflows.files import tells_full_disk
from al_workflows.records import LabelStatus, atoms_to_dict

STDOUT_FILE, STDERR_FILE = "stdout", "stderr"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failed:
    """An attempt without numbers: its status and a cause of one line."""

    status: LabelStatus
    cause: str


def attempt(kind: str, settings: dict[str, Any], atoms: Atoms, directory: Path, timeout: float) -> Computed | Failed:
    """Compute ``atoms`` once, in the existing empty ``directory``, for at most ``timeout`` s.

    No process that the attempt started is left when this returns, raises, or when this process is killed.

    Raises
    ------
    EnvironmentProblem
        The machine's fault: files cannot be written, a package is missing, or the attempt was told to stop
        (``STOP_SIGNALS``) by somebody else, as a queue does at the end of a job.
    InputError
        The settings cannot be carried out.
    """
    free = atoms.copy()
    free.set_constraint()  # forces are stored without; see `evaluate`
    request = {
        "kind": kind,
        "settings": settings,
        "atoms": atoms_to_dict(free),
        "pythonpath": os.environ.get("PYTHONPATH"),
    }
    try:
        (directory / REQUEST_FILE).write_text(json.dumps(request))
        returncode = _run(directory, timeout)
        return _timed_out(timeout) if returncode is None else _outcome(returncode, directory)
    except OSError as error:
        raise EnvironmentProblem(
            f"the attempt in {directory} cannot be run ({error.strerror or error}); "
            "give a writable directory with free space"
        ) from error


def _run(directory: Path, timeout: float) -> int | None:
    """Exit status of the runner, negative for a signal; None if it was stopped for the time it took."""
    command = [sys.executable, "-P", "-m", "al_workflows.dft.runner", str(os.getpid())]
    with (directory / STDOUT_FILE).open("wb") as stdout, (directory / STDERR_FILE).open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:  # after a time-out and whatever exception a signal handler raised
        _stop(process)


def _environment() -> dict[str, str]:
    """What the attempt inherits: everything, with two additions. The one place here that reads the environment.

    One thread unless the user says otherwise: on a node shared by several points, each taking all cores is slower. The
    runner must find the modules that this process finds; it takes PYTHONPATH back before the code runs.
    """
    environment = os.environ.copy()
    environment.setdefault("OMP_NUM_THREADS", "1")
    environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return environment


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the runner and all below it; nothing if it has ended by itself."""
    if process.poll() is None:
        process.terminate()  # its upper half stops the rest
        try:
            process.wait(GRACE + 5.0)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode == -signal.SIGKILL:
        # perhaps the upper half itself, which then stopped nobody; its session is its process group
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _timed_out(timeout: float) -> Failed:
    return Failed(LabelStatus.TIMED_OUT, f"stopped after {timeout:g} s (`timeout`)")


def _outcome(returncode: int, directory: Path) -> Computed | Failed:
    if returncode < 0:
        name = signal.Signals(-returncode).name
        if -returncode in STOP_SIGNALS:
            raise EnvironmentProblem(
                f"the attempt in {directory} was stopped from outside ({name}); it says nothing about the "
                "structure: run it again"
            )
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return Failed(LabelStatus.CRASHED, f"killed by {name}{hint}")
    if returncode > 0:
        return _failed(LabelStatus.CRASHED, last_words(directory) or f"exit status {returncode} without a message")
    path = directory / RESULT_FILE
    try:
        result = json.loads(path.read_text())
        outcome = result["outcome"]
    except FileNotFoundError:
        return Failed(LabelStatus.UNREADABLE, f"ended with exit status 0 but wrote no {RESULT_FILE}")
    except (ValueError, KeyError, TypeError):
        return Failed(LabelStatus.UNREADABLE, f"{RESULT_FILE} is damaged")
    if outcome == "computed":
        return Computed(result.get("energy"), result.get("forces"))
    if outcome == "input":
        raise InputError(result["cause"])
    if outcome == "environment":
        raise EnvironmentProblem(f"the attempt in {directory} lacks something here: {result['cause']}")
    return _failed(LabelStatus(outcome), one_line(result["cause"]))


def _failed(status: LabelStatus, cause: str) -> Failed:
    if tells_full_disk(cause):
        raise EnvironmentProblem(f"the attempt says nothing about the structure ({cause}); give free space")
    return Failed(status, cause)


def last_words(directory: Path) -> str:
    """The line that says what went wrong: the last traceback's exception, else the last line written."""
    stderr = _tail(directory / STDERR_FILE)
    if line := exception_line(stderr):
        return one_line(line)
    for text in (stderr, _tail(directory / STDOUT_FILE)):
        lines = [line for line in text.splitlines() if line.strip()]
        if lines:
            return one_line(lines[-1])
    return ""


def _tail(path: Path, size: int = 65536) -> str:
    with path.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - size))
        return stream.read().decode(errors="replace")
