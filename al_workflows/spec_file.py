"""From a run's YAML file to its specification, or one line that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from al_workflows.errors import InputError
from al_workflows.plugins import PluginSpec
from al_workflows.spec import RunSpec

#: pydantic names the chosen variant of a union in a problem's path; the user did not write it
_VARIANTS = {"plugin", "behler_parrinello", "auto", "levenberg_marquardt", "lbfgs", "paper"}
_VARIANTS |= {kind for room in PluginSpec.__subclasses__() for kind in room.builtin}


def load_spec(path: Path) -> RunSpec:
    """The run that the YAML file ``path`` describes, its ``structure`` made absolute relative to the file.

    Raises
    ------
    InputError
        The file is missing, no YAML, or breaks a rule; the message names the first broken key.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InputError(f"run file {path} cannot be read: {reason}; give the path of a run's YAML") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise InputError(f"{path} is not valid YAML{where}; see `alflow example relax` for a complete file") from error
    if not isinstance(data, dict):
        raise InputError(
            f"{path} holds {type(data).__name__} but must hold keys and values; see `alflow example relax`"
        )
    spec = parse_spec(data, source=str(path))
    return spec.model_copy(
        update={"structure": (path.parent / spec.structure).resolve(), "name": spec.name or path.stem}
    )


def parse_spec(data: dict[str, Any], source: str = "run") -> RunSpec:
    """A :class:`RunSpec` from plain data; an :class:`InputError` names the first broken key in one line."""
    try:
        return RunSpec.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{source}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    # pydantic names the chosen variant of a union in the path; the user did not write it
    kinds = {
        "plugin",
        "relaxation",
        "behler_parrinello",
        "morse",
        "none",
        "auto",
        "levenberg_marquardt",
        "lbfgs",
        "paper",
    }
    kinds |= {"final", "random", "final_random", "final_uncertainty", "farthest", "emt", "gpaw", "ase"}
    where = ".".join(str(part) for part in problem["loc"] if part not in _VARIANTS) or "the file"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        return f"`{where}` is not a key of this file; remove it or correct its spelling{more}"
    if problem["type"] == "missing":
        return f"`{where}` is missing; `structure`, `simulation` and `dft` must be given{more}"
    if problem["type"] == "union_tag_not_found":
        return f"`{where}` has no `kind:` but must say which one it is{more}"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"`{where}` is {problem['input']!r} but {message[0].lower() + message[1:]}{more}"
