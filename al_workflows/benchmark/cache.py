"""Results that are kept by all that decides them, so that an interrupted benchmark goes on and a changed one is redone.

One file for each, written whole or not at all: any number of processes may share a directory.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import al_workflows
from al_workflows.files import write_atomically
from al_workflows.records import Record

Kind = TypeVar("Kind", bound=Record)
#: of this package, what no run depends on; of its benchmarks, what a caller does not name
_IRRELEVANT = ("analysis", "morse_fit", "benchmark", "study")
_SUFFIXES = (".py", ".yaml", ".json")
_ROOT = Path(al_workflows.__file__).parent


@dataclass(frozen=True)
class Cache:
    """Records below ``directory``. A key is a dictionary in the types of JSON; a title makes the file easy to find."""

    directory: Path

    def get(self, title: str, key: Mapping[str, Any], kind: type[Kind]) -> Kind | None:
        """The record of ``key``; None if there is none, or a damaged one."""
        try:
            found = json.loads(self._path(title, key).read_text())
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(found, dict) or found.get("key") != key or "record" not in found:
            return None
        return kind.from_dict(found["record"])

    def put(self, title: str, key: Mapping[str, Any], record: Record) -> None:
        """Keep ``record`` under ``key``, in the place of another."""
        content = json.dumps({"key": key, "record": record.to_dict()})
        write_atomically(self._path(title, key), content, durable=False)

    def discard(self, title: str, key: Mapping[str, Any]) -> None:
        """Forget what is kept under ``key``."""
        self._path(title, key).unlink(missing_ok=True)

    def _path(self, title: str, key: Mapping[str, Any]) -> Path:
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.directory / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', title)}-{digest[:12]}.json"


@cache
def package_hash(*modules: str) -> str:
    """SHA-256 of all code and data of this package that a run's numbers may depend on, with ``modules`` of benchmarks.

    A module is named from the package on, as ``benchmark.parent``. Layout, comments and docstrings do not enter.
    """
    files = [
        path
        for path in sorted(_ROOT.rglob("*"))
        if path.suffix in _SUFFIXES and path.relative_to(_ROOT).parts[0] not in _IRRELEVANT
    ]
    return _hash([*files, *map(_file, modules)])


@cache
def modules_hash(*modules: str) -> str:
    """As :func:`package_hash`, of the named modules alone."""
    return _hash(map(_file, modules))


def _file(module: str) -> Path:
    return _ROOT.joinpath(*module.split(".")).with_suffix(".py")


def _hash(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = _meaning(path.read_text()) if path.suffix == ".py" else path.read_text()
        digest.update(f"{path.relative_to(_ROOT)}\n{content}\n".encode())
    return digest.hexdigest()


def _meaning(source: str) -> str:
    """A module without layout, comments and docstrings, which change no number."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
