"""The records of a run without a database: what the collections would hold, as files that are whole or not there.

``run.json`` is the run; ``<cycle>/cycle.json`` a checked cycle with its labels; ``<cycle>/pool.npz`` its pool.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from ase import Atoms

from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.files import write_atomically
from al_workflows.history import RunHistory
from al_workflows.records import Cycle, Label, Pool, Rejection, Selection, VerdictKind, atoms_from_dict, atoms_to_dict
from al_workflows.spec import RunSpec
from al_workflows.spec_file import parse_spec
from al_workflows.versions import installed_versions

RUN_FILE = "run.json"
CYCLE_FILE = "cycle.json"
POOL_FILE = "pool.npz"


@dataclass(frozen=True)
class RunDirectory:
    """Writer of one run's records below ``directory``; writing one again replaces it."""

    directory: Path

    def put_run(self, run: str, spec: RunSpec, start: Atoms, final: Atoms | None = None) -> None:
        """Keep what the run is."""
        content = {
            "run": run,
            "spec": spec.model_dump(mode="json"),
            "start": atoms_to_dict(start),
            "final": None if final is None else atoms_to_dict(final),
            "created": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
            "versions": installed_versions(),
        }
        write_atomically(self.directory / RUN_FILE, json.dumps(content), durable=False)

    def put_pool(self, cycle: int, pool: Pool) -> None:
        """Keep the cycle's pool."""
        write_atomically(self.directory / f"{cycle:04d}" / POOL_FILE, pool.to_bytes(), durable=False)

    def put_cycle(self, run: str, cycle: Cycle, selection: Selection, labels: Sequence[Label]) -> None:
        """Keep what the check made of a cycle, what its query passed over, and its labels."""
        content = {
            "run": run,
            "closed": cycle.to_dict(),
            "rejected": [rejection.to_dict() for rejection in selection.rejected],
            "labels": [label.to_dict() for label in labels],
        }
        write_atomically(self.directory / f"{cycle.index:04d}" / CYCLE_FILE, json.dumps(content), durable=False)


def read_run_directory(directory: Path) -> RunHistory:
    """The run that was worked off without a database below ``directory``; it may be unfinished.

    Raises
    ------
    InputError
        There is none.
    EnvironmentProblem
        A file of it cannot be read.
    """
    if not (directory / RUN_FILE).is_file():
        raise InputError(
            f"{directory} holds no {RUN_FILE}, so no run that was made with `alflow run --in-process`; a run through "
            "FireWorks is in the database: give its name instead"
        )
    about = _read(directory / RUN_FILE)
    if not {"run", "spec", "start", "created", "versions"} <= about.keys():
        raise InputError(f"{directory / RUN_FILE} is not a run of this program; name the directory of `alflow run`")
    closed: list[dict[str, Any]] = []
    # a directory may hold cycles of an earlier run with other settings
    while (found := _read(directory / f"{len(closed):04d}" / CYCLE_FILE)).get("run") == about["run"]:
        closed.append(found)
    cycles = tuple(Cycle.from_dict(content["closed"]) for content in closed)
    verdict = cycles[-1].verdict if cycles else None
    return RunHistory(
        run=about["run"],
        spec=parse_spec(about["spec"], source=str(directory / RUN_FILE)),
        start=atoms_from_dict(about["start"]),
        final=None if about.get("final") is None else atoms_from_dict(about["final"]),
        cycles=cycles,
        labels=tuple(Label.from_dict(label) for content in closed for label in content["labels"]),
        pools=_pools(directory, len(cycles)),
        rejected={
            index: tuple(Rejection.from_dict(rejection) for rejection in content["rejected"])
            for index, content in enumerate(closed)
        },
        state=verdict.kind.value if verdict and verdict.kind is not VerdictKind.CONTINUE else "UNFINISHED",
        remark=verdict.reason if verdict else "no cycle has been checked yet",
        created=about["created"],
        versions=about["versions"],
    )


def _pools(directory: Path, count: int) -> dict[int, Pool]:
    paths = {cycle: directory / f"{cycle:04d}" / POOL_FILE for cycle in range(count)}
    return {cycle: _pool(path) for cycle, path in paths.items() if path.is_file()}


def _pool(path: Path) -> Pool:
    try:
        return Pool.from_bytes(_bytes(path))
    except (BadZipFile, InputError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def _read(path: Path) -> dict[str, Any]:
    """The dictionary in a JSON file; empty where there is no file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(_bytes(path))
    except ValueError as error:
        raise _damaged(path, error) from error
    return dict(content) if isinstance(content, dict) else {}


def _damaged(path: Path, error: Exception) -> EnvironmentProblem:
    return EnvironmentProblem(f"{path} is damaged ({error}); `alflow run --in-process` writes it again")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read ({error.strerror}); make it readable") from error
