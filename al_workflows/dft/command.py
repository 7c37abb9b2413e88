"""The command line of an external code: its words, its executable, how it ended."""

from __future__ import annotations

import shlex
import shutil
import signal
from pathlib import Path

from al_workflows.dft.backend import Crashed, OutOfTime
from al_workflows.dft.guard import STOP_SIGNALS
from al_workflows.errors import EnvironmentProblem, InputError

#: exit status of coreutils' ``timeout``
_TIMEOUT_STATUS = 124


def words(command: str) -> list[str]:
    """The words of ``command`` as a shell splits them (nothing else of a shell is understood)."""
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise InputError(f"`dft.command` is {command!r} but must be words ({error}); close its quotes") from error
    if not found:
        raise InputError(f"`dft.command` is {command!r} but must name an executable, e.g. mpirun -np 8 pw.x")
    return found


def program(command: str, name: str) -> str:
    """The word that starts the code itself: the first whose file name contains ``name``, else the first of all."""
    parts = words(command)
    return next((word for word in parts if name in Path(word).name.lower()), parts[0])


def find_executables(command: str, name: str) -> str:
    """Path of the code's executable; EnvironmentProblem unless it and its launcher are there."""
    found = None
    for word in dict.fromkeys((words(command)[0], program(command, name))):
        found = shutil.which(word)
        if found is None:
            raise EnvironmentProblem(
                f"`dft.command` is {command!r} but {word} is not an executable on the PATH; install it, load its "
                "module, or give its absolute path"
            )
    return str(found)


def explain_exit(code: str, status: int, last_line: str) -> Crashed | OutOfTime | EnvironmentProblem:
    """What a nonzero exit status means; negative, or 128 more through a shell or mpirun, stands for a signal."""
    number = -status if status < 0 else status - 128 if status > 128 else 0
    if status == _TIMEOUT_STATUS:
        return OutOfTime(f"{code} was stopped by a `timeout` in its command (exit status {status})")
    name = signal.Signals(number).name if number in {int(known) for known in signal.Signals} else None
    if name is not None and number in STOP_SIGNALS:
        return EnvironmentProblem(f"{code} was stopped from outside ({name}); run it again")
    words_of_code = f": {last_line}" if last_line else ""
    if name is not None:
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return Crashed(f"{code} was killed by {name}{hint}{words_of_code}")
    return Crashed(f"{code} ended with exit status {status}{words_of_code}")
