"""The members of campaigns in MongoDB: what was asked of each, and what became of it.

A member's document has the id ``<campaign>/<key>`` and is the entry as it stands; one that was replaced by a changed
entry is kept as ``<campaign>/<key>/v<version>``. What its run is made of lies apart (one document a run), so that
looking at a campaign reads no structures.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, InsertOne, ReplaceOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from al_workflows.campaign.member import Role
from al_workflows.campaign.results import Outcome
from al_workflows.campaign.schedule import Entry
from al_workflows.campaign.states import BEGUN, MemberState
from al_workflows.errors import InputError
from fw_specs.keys import INPUTS, LABELS, MEMBERS, RUNS

Document = dict[str, Any]

#: documents written at once
BATCH = 500
_SUPERSEDED = MemberState.SUPERSEDED.value
_DUPLICATE = 11000
#: of a member, what the schedule needs
_ENTRY = ("key", "state", "group", "order", "wave", "priority", "calls", "fmax", "target", "energy", "kind")
#: members that may still cost something, or begin
OPEN = (MemberState.WAITING, MemberState.UNDER_WAY, MemberState.HELD)


def member_id(campaign: str, key: str) -> str:
    """The id of an entry as it stands."""
    return f"{campaign}/{key}"


class MemberStore:
    """The members of all campaigns of a database."""

    def __init__(self, database: Database[Document]) -> None:
        self._db = database
        self._members = database[MEMBERS]

    # --- what was asked -------------------------------------------------------------------------------------------

    def known(self, name: str) -> dict[str, Document]:
        """The campaign's entries by key: version, origin, group, order, wave, state and run."""
        shown = dict.fromkeys(("key", "version", "origin", "group", "order", "wave", "state", "run"), 1)
        return {one["key"]: one for one in self._members.find(current_members(name), shown)}

    def put_inputs(self, inputs: Sequence[Document]) -> None:
        """Store what runs are made of (ids are the runs'); those that are there are the same."""
        _insert(self._db[INPUTS], inputs)

    def put_members(self, members: Sequence[Document]) -> None:
        """Store new entries; of two who store the same one, the first is kept."""
        _insert(self._members, members)

    def replace_members(self, members: Sequence[Document]) -> None:
        """Store entries in the place of those of their ids, which are kept as earlier versions."""
        ids = [member["_id"] for member in members]
        earlier = []
        for one in self._members.find({"_id": {"$in": ids}}):
            about = {"_id": f"{one['_id']}/v{one['version']}", "state": _SUPERSEDED, "ended_as": one["state"]}
            earlier.append({**one, **about})
        _insert(self._members, earlier)
        if members:
            self._members.bulk_write([ReplaceOne({"_id": member["_id"]}, member) for member in members])

    def of_nobody(self, name: str) -> list[str]:
        """Runs that the campaign began for entries which have changed since, and that are no entry's any more."""
        changed = {"campaign": name, "state": _SUPERSEDED, "begun": True, "ended_as": {"$in": [*BEGUN]}}
        runs = self._members.distinct("run", changed)
        return sorted(
            set(runs) - set(self._members.distinct("run", {"run": {"$in": runs}, "state": {"$ne": _SUPERSEDED}}))
        )

    def once(self, name: str) -> set[str]:
        """Runs of the campaign's entries as they were before they changed."""
        return set(self._members.distinct("run", {"campaign": name, "state": _SUPERSEDED}))

    def inputs(self, run: str) -> Document:
        """What a run is made of: ``spec``, ``start`` and ``final``, in the types of JSON."""
        found = self._db[INPUTS].find_one({"_id": run})
        if found is None:
            raise InputError(f"what run {run} is made of is missing from the database; submit its campaign again")
        return found

    def rename(self, name: str, key: str, source: Document) -> None:
        """Have the entry's run be the one that ``source`` makes, whose id that is."""
        _insert(self._db[INPUTS], [source])
        found = {"run": source["_id"], "origin": source["_id"]}
        self._members.update_one({"_id": member_id(name, key)}, {"$set": found})

    def runs_there(self, runs: Sequence[str]) -> set[str]:
        """Those of ``runs`` that are in the database already."""
        return {found["_id"] for found in self._db[RUNS].find({"_id": {"$in": list(runs)}}, {"_id": 1})}

    # --- what became of it ----------------------------------------------------------------------------------------

    def find(self, name: str, where: Mapping[str, Any] | None = None) -> Iterator[Document]:
        """The campaign's entries that fit ``where``, in the plan's order."""
        yield from self._members.find({**current_members(name), **(where or {})}).sort("order", ASCENDING)

    def of_run(self, run: str) -> list[Document]:
        """Entries whose run that is: campaign, key, state, calls."""
        shown = {"campaign": 1, "key": 1, "state": 1, "calls": 1}
        return list(self._members.find({"run": run}, shown))

    def begun(self, name: str) -> list[Document]:
        """Entries whose run exists and, as far as the entry knows, has no verdict: key, run and state."""
        where = {"campaign": name, "state": {"$in": [*BEGUN]}, "begun": True}
        return list(self._members.find(where, {"key": 1, "run": 1, "state": 1}))

    def entries(self, name: str) -> list[Entry]:
        """What the schedule decides on: the members that wait, are under way or are held."""
        shown = dict.fromkeys((*_ENTRY, "uncertainty"), 1) | {"_id": 0}
        found = list(self._members.find({"campaign": name, "state": {"$in": [*OPEN]}}, shown))
        best: dict[str, float] = {}
        for one in found:
            if one.get("energy") is not None:
                best[one["kind"]] = min(one["energy"], best.get(one["kind"], one["energy"]))
        return [_entry(one, best) for one in found]

    def first(self, name: str, states: Sequence[MemberState], number: int) -> list[Document]:
        """The first ``number`` entries in one of ``states``, without what their runs' results hold."""
        where = {"campaign": name, "state": {"$in": [*states]}}
        return list(self._members.find(where, {"result": 0}).sort("order", ASCENDING).limit(number))

    def states(self, name: str) -> dict[str, int]:
        """Number of members by state."""
        stages: list[Document] = [{"$match": {"campaign": name}}, {"$group": {"_id": "$state", "n": {"$sum": 1}}}]
        return {one["_id"]: one["n"] for one in self._members.aggregate(stages)}

    def is_held(self, run: str) -> bool:
        """Whether the run is paused or cancelled."""
        return self._db[RUNS].find_one({"_id": run, "held": {"$ne": None}}, {"_id": 1}) is not None

    def has_open(self, name: str) -> bool:
        """Whether a member waits or is held, so that the end of a run may be another's turn."""
        where = {"campaign": name, "state": {"$in": [MemberState.WAITING, MemberState.HELD]}}
        return self._members.find_one(where, {"_id": 1}) is not None

    def set_state(self, name: str, key: str, state: MemberState, reason: str = "", **values: Any) -> None:
        """Say what a member does now."""
        found = {"state": state.value, "reason": reason, **values}
        self._members.update_one({"_id": member_id(name, key)}, {"$set": found})

    def set_states(self, name: str, where: Mapping[str, Any], state: MemberState, reason: str = "") -> int:
        """Say of all members that fit ``where`` what they do now; their number."""
        found = {"state": state.value, "reason": reason}
        return int(self._members.update_many({**current_members(name), **where}, {"$set": found}).modified_count)

    def put_progress(self, run: str, progress: Mapping[str, Any]) -> None:
        """Store where the run stands, with its members that have not ended."""
        where = {"run": run, "state": {"$in": [MemberState.WAITING, *BEGUN, MemberState.SUPERSEDED]}}
        self._members.update_many(where, {"$set": dict(progress)})

    def put_end(self, run: str, state: MemberState, reason: str, values: Mapping[str, Any]) -> None:
        """Store a run's verdict with all its members, and when it was first heard of."""
        found = {"reason": reason, "begun": True, **values}
        now = {"ended": datetime.datetime.now(datetime.UTC)}
        self._members.update_many({"run": run, "ended": {"$exists": False}}, {"$set": now})
        self._members.update_many({"run": run, "state": {"$ne": _SUPERSEDED}}, {"$set": {"state": state, **found}})
        self._members.update_many({"run": run, "state": _SUPERSEDED}, {"$set": {"ended_as": state, **found}})

    def spent(self, name: str) -> tuple[int, float | None]:
        """DFT calls that the campaign has cost, its earlier versions included, and those of a run that ended."""
        by_run = {"_id": "$run", "calls": {"$max": {"$subtract": ["$calls", "$before"]}}, "state": {"$first": "$state"}}
        waiting = {"campaign": name, "state": {"$ne": MemberState.WAITING.value}}
        ended = {"$in": ["$state", [state.value for state in MemberState if state.ended]]}
        total = {"_id": None, "calls": {"$sum": "$calls"}, "usual": {"$avg": {"$cond": [ended, "$calls", None]}}}
        stages: list[Document] = [{"$match": waiting}, {"$group": by_run}, {"$group": total}]
        for found in self._members.aggregate(stages):
            return int(found["calls"]), found["usual"] or None
        return 0, None

    def counts(self, name: str) -> list[Document]:
        """By role and state: ``members``, ``calls``, ``seconds`` and ``failures``; in one query."""
        of = {"_id": {"role": "$role", "state": "$state"}, "members": {"$sum": 1}, "calls": {"$sum": "$calls"}}
        of |= {"seconds": {"$sum": "$seconds"}, "failures": {"$sum": "$failed"}}
        return list(self._members.aggregate([{"$match": current_members(name)}, {"$group": of}]))

    def uncertainty(self, run: str, cycle: int) -> float | None:
        """The largest force uncertainty among the structures that the run asked for in ``cycle``, eV/Å."""
        found = self._db[LABELS].find({"run": run, "cycle": cycle}, {"request.uncertainty": 1})
        values = [one["request"]["uncertainty"] for one in found if one["request"].get("uncertainty") is not None]
        return max(values, default=None)


def outcome(one: Mapping[str, Any]) -> Outcome:
    """A member and what became of it, of its document."""
    return Outcome(
        key=one["key"],
        role=Role(one["role"]),
        run=one["run"],
        version=one["version"],
        state=MemberState(one["state"]),
        reason=one["reason"],
        tags=one["tags"],
        references=dict(one["references"]),
        energy=one["energy"],
        fmax=one["fmax"],
        calls=one["calls"],
        seconds=one["seconds"],
        summary=one.get("result", {}),
    )


def selection(where: Mapping[str, str]) -> Document:
    """A query of members from what a user writes: ``key``, ``role``, ``state``, ``run``, and any tag by its name.

    In the values ``*`` and ``?`` stand for any letters.
    """
    own = ("key", "role", "state", "run")
    return {name if name in own else f"tags.{name}": _like(value) for name, value in where.items()}


def _like(value: str) -> Any:
    if not set("*?") & set(value):
        return value
    pattern = re.escape(value).replace(re.escape("*"), ".*").replace(re.escape("?"), ".")
    return {"$regex": f"^{pattern}$"}


def current_members(name: str) -> Document:
    """A query of the campaign's entries as they stand."""
    return {"campaign": name, "state": {"$ne": _SUPERSEDED}}


def _entry(one: Document, best: Mapping[str, float]) -> Entry:
    energy = one.get("energy")
    return Entry(
        key=one["key"],
        state=MemberState(one["state"]),
        group=one["group"],
        order=one["order"],
        wave=one["wave"],
        priority=one["priority"],
        calls=one.get("calls", 0),
        fmax=one.get("fmax"),
        target=one.get("target"),
        above_best=None if energy is None else energy - best[one["kind"]],
        uncertainty=one.get("uncertainty"),
    )


def _insert(collection: Any, documents: Iterable[Document]) -> None:
    """Insert in batches; those whose id is there are left as they are."""
    rest = list(documents)
    for start in range(0, len(rest), BATCH):
        try:
            collection.bulk_write([InsertOne(one) for one in rest[start : start + BATCH]], ordered=False)
        except BulkWriteError as error:
            if any(one.get("code") != _DUPLICATE for one in (error.details or {}).get("writeErrors", [])):
                raise
