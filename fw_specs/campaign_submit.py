"""Put a campaign's members into the database: entries in bulk; a member's workflow is made when its turn comes."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fireworks import LaunchPad

from al_workflows.campaign.member import Member
from al_workflows.campaign.schedule import wave_of
from al_workflows.campaign.states import Limits, MemberState
from al_workflows.errors import InputError
from al_workflows.records import atoms_to_dict
from al_workflows.results import run_digest
from fw_specs import hold
from fw_specs.campaign_store import CampaignStore, Document
from fw_specs.campaign_turns import alone
from fw_specs.keys import LABELS
from fw_specs.member_store import member_id
from fw_specs.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True)
class Submitted:
    """What a submission changed: number of new members, of changed entries (``versions``), and of those as before.

    ``removed`` are members of earlier submissions that the plan no longer has; they are left as they are.
    """

    new: int
    versions: int
    unchanged: int
    removed: int


def submit_members(
    launchpad: LaunchPad,
    name: str,
    members: Sequence[Member],
    directory: Path,
    limits: Limits | None = None,
    skipped: Sequence[Any] = (),
    listener: Callable[[int], None] = lambda done: None,
) -> Submitted:
    """Store a campaign, or add to one what is new; nothing begins yet (:func:`fw_specs.campaign_turns.look_after`).

    Parameters
    ----------
    directory
        Absolute; the members' Fireworks will run in directories below it. A campaign that is there keeps its own.
    limits
        None: those of the campaign as it is stored, or the defaults.
    skipped
        In the types of JSON: what the plan left out, for the status to show.
    listener
        Told how many members are ready to be stored.

    Raises
    ------
    InputError
        The name is none for a directory, a key comes twice, or a reference is no member; nothing is stored.
    """
    _refuse(name, members)
    Store(launchpad.db).ensure_indexes()
    store = CampaignStore(launchpad.db)
    _refuse_unknown_references(name, members, store.known(name))
    store.put_campaign(name, directory, limits, skipped)
    with alone(launchpad, name):
        return _store_members(launchpad, store, name, members, listener)


def _store_members(
    launchpad: LaunchPad, store: CampaignStore, name: str, members: Sequence[Member], listener: Callable[[int], None]
) -> Submitted:
    known = store.known(name)
    places = Counter(entry["group"] for entry in known.values())
    order = max((entry["order"] for entry in known.values()), default=-1) + 1
    inputs: list[Document] = []
    new: list[Document] = []
    changed: list[Document] = []
    # the most urgent of a group teach the others
    for number, member in enumerate(sorted(members, key=lambda member: -member.priority)):
        listener(number)
        source = _source(member)
        entry = known.get(member.key)
        if entry is not None and entry["origin"] == source["_id"]:
            continue
        inputs.append(source)
        group = _group(member.tags)
        if entry is None:
            new.append(_document(name, member, source, 1, order, wave_of(places[group])))
            places[group] += 1
            order += 1
        else:
            changed.append(_document(name, member, source, entry["version"] + 1, entry["order"], entry["wave"]))
    _count_from_here(launchpad, [*new, *changed])
    store.put_inputs(inputs)
    store.replace_members(changed)
    store.put_members(new)
    _hold_what_changed(launchpad, store, name, [*new, *changed])
    removed = len(known.keys() - {member.key for member in members})
    return Submitted(len(new), len(changed), len(members) - len(new) - len(changed), removed)


def _hold_what_changed(launchpad: LaunchPad, store: CampaignStore, name: str, members: Sequence[Document]) -> None:
    """Spend nothing more on runs of entries that have changed; one that is an entry's again goes on."""
    runs, held = store.of_nobody(name), Store(launchpad.db).held()
    for run in runs:
        if run not in held:
            hold.hold(launchpad, run)
    for run in {member["run"] for member in members if held.get(member["run"]) == "PAUSED"} & store.once(name):
        hold.let_go(launchpad, run)


def start_anew(launchpad: LaunchPad, name: str, member: Document) -> str:
    """Put a run with another seed in the place of one that ended without an answer; its id.

    The same seed would give the same numbers, so the only other run of these settings is one of another seed.
    """
    store = CampaignStore(launchpad.db)
    source = store.inputs(member["run"])
    spec = {**source["spec"], "seed": (source["spec"]["seed"] + 1_000_003 * member["version"]) % 2**32}
    prefix = member["run"].rpartition("-")[0]
    run = f"{prefix}-{run_digest(spec, source['start'], source['final'])}"
    store.put_inputs([{**source, "_id": run, "spec": spec}])
    kept = ("_id", "campaign", "key", "origin", "order", "wave", "group", "kind", "role", "tags", "references")
    entry = {key: member[key] for key in (*kept, "priority", "target")}
    entry |= {"version": member["version"] + 1, "run": run, "anew": True, **_unbegun()}
    _count_from_here(launchpad, [entry])
    store.replace_members([entry])
    return run


def _refuse(name: str, members: Sequence[Member]) -> None:
    if _NAME.fullmatch(name) is None:
        raise InputError(
            f"the campaign's name is {name!r} but must be letters, digits, `_`, `.` and `-`, 80 at most; rename it"
        )
    twice = [key for key, number in Counter(member.key for member in members).items() if number > 1]
    if twice:
        raise InputError(f"campaign {name} has {len(twice)} keys more than once, as {twice[0]!r}; keys must differ")


def _refuse_unknown_references(name: str, members: Sequence[Member], known: Any) -> None:
    keys = {member.key for member in members} | set(known)
    for member in members:
        for reference in member.references:
            if reference not in keys:
                raise InputError(
                    f"member {member.key!r} of campaign {name} refers to {reference!r}, which is no member; add it"
                )


def _source(member: Member) -> Document:
    """What the member's run is made of, under the run's id."""
    # as :func:`al_workflows.results.run_id`, of what is stored: written out once
    spec, start = member.spec.model_dump(mode="json"), atoms_to_dict(member.start)
    final = None if member.final is None else atoms_to_dict(member.final)
    run = f"{member.spec.name or member.spec.structure.stem}-{run_digest(spec, start, final)}"
    return {"_id": run, "spec": spec, "start": start, "final": final}


def _document(name: str, member: Member, source: Document, version: int, order: int, wave: int) -> Document:
    formula = member.start.get_chemical_formula()
    kind = "|".join([formula, *(member.tags.get(tag, "") for tag in ("bulk", "miller", "termination"))])
    return {
        "_id": member_id(name, member.key),
        "campaign": name,
        "key": member.key,
        "version": version,
        "run": source["_id"],
        "origin": source["_id"],
        "order": order,
        "wave": wave,
        "group": _group(member.tags),
        "kind": kind,
        "role": member.role.value,
        "tags": dict(member.tags),
        "references": [[key, number] for key, number in member.references.items()],  # keys may hold dots
        "priority": member.priority,
        "target": member.spec.target_fmax,
        **_unbegun(),
    }


def _unbegun() -> Document:
    numbers: Document = {"calls": 0, "before": 0, "failed": 0, "seconds": 0.0, "fmax": None, "energy": None}
    return {"state": MemberState.WAITING.value, "reason": "", "created": datetime.datetime.now(datetime.UTC), **numbers}


def _group(tags: Mapping[str, str]) -> str:
    """What members share that teach each other, and between which places are shared out."""
    return f"{tags.get('bulk', '')}|{tags.get('adsorbate', '')}"


def _count_from_here(launchpad: LaunchPad, members: Sequence[Document]) -> None:
    """What a run had cost before it became a member's is not the campaign's."""
    store = CampaignStore(launchpad.db)
    there = store.runs_there([member["run"] for member in members])
    if not there:
        return
    stages = [{"$match": {"run": {"$in": sorted(there)}, "attempts": {"$gt": 0}}}, {"$sortByCount": "$run"}]
    before = {found["_id"]: found["count"] for found in launchpad.db[LABELS].aggregate(stages)}
    for member in members:
        member["calls"] = member["before"] = before.get(member["run"], 0)
