"""What the page of all runs shows."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fireworks import LaunchPad

from fw_specs.keys import RUN, RUNS
from fw_specs.store import Store
from launchpad.status import RunStatus, run_status

#: what `?sort=` sorts by
COLUMNS = {"created": "created", "run": "_id", "kind": "spec.simulation.kind"}


@dataclass(frozen=True)
class RunRow:
    """A run in one line; ``campaign`` is that which made it, if any did. ``fmax``: DFT's by cycle, eV/Å."""

    status: RunStatus
    kind: str
    formula: str
    campaign: str
    created: datetime.datetime
    fmax: Sequence[float]


def read_runs(
    launchpad: LaunchPad, where: Mapping[str, Any], sort: str, down: bool, skip: int, limit: int
) -> tuple[list[RunRow], int]:
    """Some of the runs that fit ``where``, and how many fit; the work is in proportion to ``limit``."""
    runs = launchpad.db[RUNS]
    shown = {"created": 1, "mark": 1, "spec.simulation.kind": 1, "spec.simulation.fmax": 1, "start.numbers": 1}
    found = list(runs.find(where, shown).sort(COLUMNS[sort], -1 if down else 1).skip(skip).limit(limit))
    ids = [one["_id"] for one in found]
    cycles = Store(launchpad.db).cycles_by_run(ids)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    group = {"_id": {"run": f"$spec.{RUN}", "state": "$state"}, "number": {"$sum": 1}}
    for row in launchpad.fireworks.aggregate([{"$match": {f"spec.{RUN}": {"$in": ids}}}, {"$group": group}]):
        counts[row["_id"]["run"]][row["_id"]["state"]] = row["number"]
    rows = []
    for one in found:
        run, simulation, own = one["_id"], one["spec"]["simulation"], cycles.get(one["_id"], ())
        rows.append(
            RunRow(
                status=run_status(run, simulation.get("fmax"), own, counts[run]),
                kind=simulation["kind"],
                formula=_formula(one["start"].get("numbers", ())),
                campaign=(one.get("mark") or {}).get("al_campaign", ""),
                created=one["created"],
                fmax=[cycle.fmax for cycle in own if cycle.fmax is not None],
            )
        )
    return rows, runs.count_documents(dict(where)) if where else runs.estimated_document_count()


def _formula(numbers: Sequence[int]) -> str:
    from ase.formula import Formula
    from ase.symbols import Symbols

    return str(Formula(str(Symbols(numbers))).format("metal")) if len(numbers) else ""
