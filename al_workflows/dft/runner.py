"""The process of one attempt: ``python -m al_workflows.dft.runner PARENT_PID`` in the attempt's directory.

Reads ``request.json``, writes ``result.json``. It ends with 0 when ``result.json`` says how it went; anything else
(an exception, a signal) is a crash, which the parent reads from the exit status and ``stderr``.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

REQUEST_FILE = "request.json"
RESULT_FILE = "result.json"
#: errors of the machine, not of the calculation
_MACHINE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then compute what the working directory asks for."""
    from al_workflows.dft.guard import guard

    guard(int(arguments[0]))
    run(Path.cwd())


def run(directory: Path) -> None:
    """Answer ``directory/request.json`` by ``directory/result.json``."""
    request = json.loads((directory / REQUEST_FILE).read_text())
    _restore_pythonpath(request["pythonpath"])
    result = _result(request, directory)
    temporary = directory / f"{RESULT_FILE}.part"
    temporary.write_text(json.dumps(result))
    temporary.replace(directory / RESULT_FILE)


def _restore_pythonpath(pythonpath: str | None) -> None:
    """The parent's own value for whatever this process starts; this one was started with the parent's whole path."""
    if pythonpath is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = pythonpath


def _result(request: dict[str, Any], directory: Path) -> dict[str, Any]:
    from al_workflows.dft.backend import Unsuccessful, one_line
    from al_workflows.dft.registry import make_backend
    from al_workflows.errors import EnvironmentProblem, InputError
    from al_workflows.records import atoms_from_dict

    try:
        backend = make_backend(request["kind"], request["settings"])
        computed = backend.compute(atoms_from_dict(request["atoms"]), directory)
    except Unsuccessful as error:
        return _said(error.status.value, error)
    except InputError as error:
        return _said("input", error)
    except EnvironmentProblem as error:
        return _said("environment", error)
    except ImportError as error:
        return _said("environment", error, f"{type(error).__name__}: {one_line(str(error))}")
    except OSError as error:
        if error.errno in _MACHINE_ERRORS:
            return _said("environment", error, f"{type(error).__name__}: {one_line(str(error))}")
        raise
    return {"outcome": "computed", "energy": computed.energy, "forces": computed.forces}


def _said(outcome: str, error: Exception, cause: str | None = None) -> dict[str, Any]:
    traceback.print_exception(error)
    return {"outcome": outcome, "cause": cause or str(error)}


if __name__ == "__main__":
    main(sys.argv[1:])
