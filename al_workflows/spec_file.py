"""From a run's YAML file to its specification, or one line that says what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from al_workflows.dft.spec import beside
from al_workflows.errors import InputError
from al_workflows.plugins import PluginSpec
from al_workflows.prior_spec import prior_beside
from al_workflows.spec import RunSpec

#: pydantic names the chosen variant of a union in a problem's path; the user did not write it
_VARIANTS = {"plugin", "behler_parrinello", "auto", "levenberg_marquardt", "lbfgs", "paper", "offline", "online"}
_VARIANTS |= {"gaussian_process", "behler_parrinello", "langevin", "berendsen", "nose_hoover", "nve"}
_VARIANTS |= {kind for room in PluginSpec.__subclasses__() for kind in room.builtin}


#: values that a file may hold once its aliases are written out; more is a mistake or a "YAML bomb"
MAX_VALUES = 100_000


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 1e-5 is a number (YAML 1.1 wants 1.0e-5), and a key that is given twice is a mistake."""

    def get_single_node(self) -> yaml.Node | None:
        """The file as a tree that is finite and no larger than ``MAX_VALUES``."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _written_out(node, {})
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys differ."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            problem = "is no text: quote it" if not isinstance(key, str) else "is given twice"
            if not isinstance(key, str) or keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} {problem}", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def _written_out(node: yaml.Node, known: dict[int, int]) -> int:
    """Number of values in ``node`` with every alias written out; ``known`` holds those of the nodes below so far."""
    if id(node) not in known:
        known[id(node)] = MAX_VALUES  # while it is being counted: one that holds itself has no end
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        below = [part for item in parts for part in (item if isinstance(item, tuple) else (item,))]
        known[id(node)] = 1 + sum(_written_out(part, known) for part in below)
    if known[id(node)] > MAX_VALUES:
        problem = f"with its aliases written out it holds more than {MAX_VALUES} values"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return known[id(node)]


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys and values that the YAML file ``path`` holds.

    Raises
    ------
    InputError
        The file is missing, no YAML, holds no keys, or one of them twice.
    """
    try:
        data = yaml.load(path.read_text(), _Loader)  # a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InputError(f"{path} cannot be read: {reason}; give the path of a YAML file") from error
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply to be read; see `alflow example relax`") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        what = getattr(error, "problem", None) or "it cannot be read"
        raise InputError(f"{path} is not valid YAML{where}: {what}; see `alflow example relax`") from error
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise InputError(f"{path} holds {found} but must hold keys and values; see `alflow example relax`")
    return data


def load_spec(path: Path) -> RunSpec:
    """The run that the YAML file ``path`` describes, its paths made absolute relative to the file.

    Raises
    ------
    InputError
        The file is missing, no YAML, or breaks a rule; the message names the first broken key.
    """
    data = read_yaml(path)
    if data.get("name") is None:
        data["name"] = name_of(path) or "run"
    spec = settings_beside(parse_spec(data, source=str(path)), path.parent)
    final = spec.final_structure
    return spec.model_copy(
        update={
            "structure": (path.parent / spec.structure).resolve(),
            "final_structure": None if final is None else (path.parent / final).resolve(),
        }
    )


def name_of(path: Path, longest: int = 80) -> str:
    """What a run or campaign of the file ``path`` is called: a part of directories and of FireWorks' names."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", path.stem).strip("-._")[:longest]


def settings_beside(spec: RunSpec, directory: Path) -> RunSpec:
    """``spec`` with the relative paths of its potential and DFT taken from ``directory``."""
    prior = prior_beside(spec.potential.prior, directory)
    potential = spec.potential.model_copy(update={"prior": prior})
    return spec.model_copy(update={"potential": potential, "dft": beside(spec.dft, directory)})


def parse_spec(data: dict[str, Any], source: str = "run") -> RunSpec:
    """A :class:`RunSpec` from plain data; an :class:`InputError` names the first broken key in one line."""
    try:
        return RunSpec.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{source}: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """The first broken key, in one line."""
    # a misspelt key says more than the absence of the right one
    problem = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in problem["loc"] if part not in _VARIANTS) or "the file"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        return f"`{where}` is not a key here; remove it or correct its spelling{more}"
    if problem["type"] == "missing":
        return f"`{where}` is missing but must be given{more}"
    if problem["type"] == "union_tag_not_found":
        return f"`{where}` has no `kind:` but must say which one it is{more}"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"`{where}` is {problem['input']!r} but {message[0].lower() + message[1:]}{more}"
