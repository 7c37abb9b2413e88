"""The members of a campaign as its page shows them: all of them, slim enough to be kept for ten thousand."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fireworks import LaunchPad

from al_workflows.campaign.results import CampaignResults, Entry, Outcome, campaign_results
from al_workflows.campaign.states import MemberState
from al_workflows.path_result import HEIGHT, HEIGHT_BACK, REACTION
from fw_specs.campaign_store import CampaignStore
from fw_specs.keys import CYCLES, MEMBERS
from fw_specs.member_store import current_members, outcome
from launchpad.timeline import read_ends

#: of a run's result, what a row of the results shows
_SUMMARY = (HEIGHT, HEIGHT_BACK, REACTION, "failures", "reused", "borrowed", "borrowed_from")
#: ends that are looked for among FireWorks' records at most
MOST_ENDS = 2000
_OWN = ("key", "role", "run", "version", "state", "reason", "tags", "references", "energy", "fmax", "calls", "seconds")
_SHOWN = (*_OWN, "order", "cycles", "target", "failed", "begun", "ended", *(f"result.{name}" for name in _SUMMARY))


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member; ``ended``: when its verdict was heard of, UTC (None: it has none, or none knows)."""

    entry: Entry
    order: int
    cycles: int | None
    target: float | None
    failed: int
    begun: bool
    ended: datetime.datetime | None

    @property
    def outcome(self) -> Outcome:
        """The member and what became of it."""
        return self.entry.outcome

    @property
    def barrier(self) -> float | None:
        """Of a path, eV."""
        found: float | None = self.entry.outcome.summary.get(HEIGHT)
        return found


@dataclass(frozen=True)
class Members:
    """All members of a campaign in the plan's order; ``tags`` are the names of tags that any of them has."""

    rows: Sequence[MemberRow]
    results: CampaignResults
    tags: Sequence[str]


def read_members(launchpad: LaunchPad, name: str) -> Members:
    """All members of the campaign, by one query and without what is long.

    Raises
    ------
    InputError
        There is no such campaign.
    """
    CampaignStore(launchpad.db).campaign(name)
    shown = dict.fromkeys(_SHOWN, 1) | {"_id": 0}
    found = list(launchpad.db[MEMBERS].find(current_members(name), shown).batch_size(5000))
    found.sort(key=lambda one: one["order"])  # here: there, it would sort all that the members hold
    results = campaign_results(name, [outcome(one) for one in found])
    ends = _ends(launchpad, found)
    rows = [
        MemberRow(
            entry=entry,
            order=one["order"],
            cycles=one.get("cycles"),
            target=one.get("target"),
            failed=one.get("failed", 0),
            begun=one.get("begun", False),
            ended=one.get("ended") or ends.get(one["run"]),
        )
        for one, entry in zip(found, results.entries, strict=True)
    ]
    return Members(rows, results, tuple(dict.fromkeys(tag for one in found for tag in one["tags"])))


def _ends(launchpad: LaunchPad, found: Sequence[Mapping[str, Any]]) -> dict[str, datetime.datetime]:
    """When the runs of members that note no time ended, by FireWorks' records, unless they are too many."""
    runs = [one["run"] for one in found if one.get("ended") is None and MemberState(one["state"]).ended]
    if not 0 < len(runs) <= MOST_ENDS:
        return {}
    ends = read_ends(launchpad, runs)
    return {run: datetime.datetime.fromtimestamp(end, datetime.UTC).replace(tzinfo=None) for run, end in ends.items()}


def read_forces(launchpad: LaunchPad, runs: Sequence[str]) -> dict[str, list[tuple[int, float]]]:
    """Of each of ``runs`` the largest DFT force on a free atom (eV/Å) by cycle, where the cycle has one."""
    found: dict[str, list[tuple[int, float]]] = {}
    where = {"run": {"$in": list(runs)}, "closed.fmax": {"$ne": None}}
    shown = {"_id": 0, "run": 1, "cycle": 1, "closed.fmax": 1}
    for one in launchpad.db[CYCLES].find(where, shown).sort([("run", 1), ("cycle", 1)]):
        found.setdefault(one["run"], []).append((one["cycle"], one["closed"]["fmax"]))
    return found
