"""A single point that any run has computed is not computed again, and two that ask at once compute once.

Every point has a document under the hash of its structure and its DFT settings (code version and pseudopotentials
included). Whoever computes it holds a lease there and renews it; who comes second waits for the answer, or takes over
when the lease runs out. The database's clock decides, so that the workers' clocks need not agree.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ase import Atoms
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from al_workflows.dft.label_file import write_label
from al_workflows.dft.settings import dft_hash
from al_workflows.records import Label, Request
from al_workflows.spec import DftSpec
from al_workflows.structures import structure_key
from fw_specs import lease
from fw_specs.keys import POINTS

#: s that a lease lasts without being renewed
LEASE = 120
#: s between two looks of one who waits
POLL = 1.0


def point_key(atoms: Atoms, dft: DftSpec) -> str:
    """What a point is known by in the whole database."""
    return hashlib.sha256(f"{structure_key(atoms)} {dft_hash(dft)}".encode()).hexdigest()


def shared(
    database: Database[dict[str, Any]],
    request: Request,
    dft: DftSpec,
    directory: Path,
    compute: Callable[[], Label],
) -> Label:
    """The answer to ``request``: one that is there, one that another worker is about to give, or ``compute()``'s.

    Only accepted labels are shared; where another's point failed, this one is tried on its own. A label that was
    taken over has ``attempts`` 0 and says in ``reused_from`` whose it is.
    """
    points, key = database[POINTS], point_key(request.atoms, dft)
    with suppress(DuplicateKeyError):  # somebody asked before
        points.insert_one({"_id": key})
    while not lease.take(points, key, request.key, LEASE, {"label": {"$exists": False}}):
        found = points.find_one({"_id": key})
        if found is not None and "label" in found:
            label = dataclasses.replace(
                Label.from_dict(found["label"]), request=request, seconds=0.0, attempts=0, reused_from=found["of"]
            )
            write_label(label, dft, directory)
            return label
        time.sleep(POLL)
    try:
        with lease.renewed(points, key, request.key, LEASE):
            label = compute()
        if label.ok:
            points.update_one({"_id": key}, {"$set": {"label": label.to_dict(), "of": label.key}})
    finally:
        lease.give_back(points, key, request.key)
    return label
