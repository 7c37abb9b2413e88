"""Labels that runs lend each other: what a run leaves to be found by, and what another takes.

The choice is made once, by the query of the borrower's cycle 0, and stored there by the labels' keys.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from ase import Atoms
from pymongo import DESCENDING
from pymongo.database import Database

from al_workflows.dft.settings import own_settings
from al_workflows.records import Label
from al_workflows.sharing import Lender, evenly, fingerprint, most_similar
from al_workflows.spec import DftSpec, RunSpec
from fw_specs.keys import CYCLES, LABELS, LENDS, RUNS, cycle_id

Document = dict[str, Any]

#: of the runs that could lend, so many are looked at, the latest first
MOST_LENDERS = 2000


def lends(spec: RunSpec, start: Atoms) -> Document:
    """What is kept with a run, for others to find it: DFT settings, elements, and what surrounds its atoms."""
    return {"dft": _settings_key(spec.dft), "elements": sorted(set(start.symbols)), "fingerprint": fingerprint(start)}


def borrow(database: Database[Document], run: str, spec: RunSpec, start: Atoms) -> list[Label]:
    """The labels that ``run`` takes from others, those of the most similar runs last; the same when asked again.

    Only labels of the DFT settings, the code's version included, of which there are most; none where the run's
    ``sharing`` is off.
    """
    if spec.sharing is None:
        return []
    cycle, key = database[CYCLES], cycle_id(run, 0)
    if cycle.find_one({"_id": key, "borrowed": {"$exists": True}}, {"_id": 1}) is None:
        chosen = [label.key for label in _choose(database, run, spec, start)]
        cycle.update_one({"_id": key}, {"$set": {"run": run, "cycle": 0, "borrowed": chosen}}, upsert=True)
    return borrowed(database, run)


def borrowed(database: Database[Document], run: str) -> list[Label]:
    """What ``run`` has borrowed, in its order; nothing if it has not, or not yet."""
    keys = borrowed_keys(database, run)
    found = {one["_id"]: Label.from_dict(one) for one in database[LABELS].find({"_id": {"$in": keys}})}
    return [found[key] for key in keys if key in found]


def borrowed_keys(database: Database[Document], run: str) -> list[str]:
    """The keys of what ``run`` has borrowed."""
    document = database[CYCLES].find_one({"_id": cycle_id(run, 0)}, {"borrowed": 1}) or {}
    return list(document.get("borrowed", []))


def _choose(database: Database[Document], run: str, spec: RunSpec, start: Atoms) -> list[Label]:
    assert spec.sharing is not None, "asked for by the caller"
    elements = sorted(set(start.symbols))
    where = {
        f"{LENDS}.dft": _settings_key(spec.dft),
        f"{LENDS}.elements": {"$not": {"$elemMatch": {"$nin": elements}}},
        "_id": {"$ne": run},
    }
    shown = {f"{LENDS}.fingerprint": 1}
    runs = {
        one["_id"]: one[LENDS]["fingerprint"]
        for one in database[RUNS].find(where, shown).sort("created", DESCENDING).limit(MOST_LENDERS)
    }
    counted = database[LABELS].aggregate(
        [
            {"$match": {"run": {"$in": list(runs)}, "status": "ok", "reused_from": None}},
            {"$group": {"_id": {"run": "$run", "hash": "$dft_hash"}, "labels": {"$sum": 1}}},
        ]
    )
    counts = [(one["_id"]["run"], one["_id"]["hash"], one["labels"]) for one in counted]
    kinds = Counter[str]()
    for _, kind, labels in counts:
        kinds[kind] += labels
    if not kinds:
        return []
    kind = max(kinds, key=lambda name: (kinds[name], name))
    lenders = [Lender(name, runs[name], labels) for name, of, labels in counts if of == kind]
    taken: list[Label] = []
    for lender, count in reversed(most_similar(fingerprint(start), lenders, spec.sharing.labels)):
        mine = {"run": lender.run, "status": "ok", "dft_hash": kind, "reused_from": None}
        found = [Label.from_dict(one) for one in database[LABELS].find(mine).sort("_id", 1)]
        taken += evenly(found, count)
    return taken


def _settings_key(dft: DftSpec) -> str:
    """A hash of what decides a label's numbers, without the code's version, which may not be known here."""
    content = {"kind": dft.kind, "settings": own_settings(dft)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
