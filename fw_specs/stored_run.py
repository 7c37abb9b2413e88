"""A run as the database keeps it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ase import Atoms

from al_workflows.records import atoms_from_dict
from al_workflows.results import run_digest
from al_workflows.spec import RunSpec
from al_workflows.spec_file import parse_spec


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run as it was submitted.

    ``directory`` is where its Fireworks run; ``created`` is UTC; ``versions`` are those of the packages that submitted
    it (empty before they were kept). ``final`` is where a path ends. ``held``: what a paused or cancelled run still
    appends is in that state (PAUSED, DEFUSED); None for a run that goes on. ``edited``: settings or structures were
    changed since, so that the id no longer follows from them. ``mark`` is what its Fireworks carry beside
    what every run's do: the campaign that made it, and its priority.
    """

    run: str
    spec: RunSpec
    start: Atoms
    directory: Path
    created: datetime.datetime
    versions: Mapping[str, str] = field(default_factory=dict)
    final: Atoms | None = None
    held: str | None = None
    edited: bool = False
    mark: Mapping[str, Any] = field(default_factory=dict)


def stored_run(document: dict[str, Any]) -> StoredRun:
    """The run of a document of the store."""
    return StoredRun(
        run=document["_id"],
        spec=parse_spec(document["spec"], source=f"run {document['_id']}"),
        start=atoms_from_dict(document["start"]),
        directory=Path(document["directory"]),
        created=document["created"],
        versions=document.get("versions", {}),
        final=None if document.get("final") is None else atoms_from_dict(document["final"]),
        held=document.get("held"),
        mark=document.get("mark", {}),
        # of the document as it is: a newer version of this program fills in other defaults
        edited=not document["_id"].endswith(
            f"-{run_digest(document['spec'], document['start'], document.get('final'))}"
        ),
    )
