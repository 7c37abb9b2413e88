"""What the page of all campaigns shows of each, and the head of a campaign's own page."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from fireworks import LaunchPad

from al_workflows.campaign.states import MemberState
from fw_specs.campaign_store import CampaignStore, StoredCampaign
from fw_specs.keys import CAMPAIGNS, MEMBERS
from launchpad.dashboard.data.members import Members
from launchpad.dashboard.data.pace import Pace, read_pace
from launchpad.dashboard.words import tone

_SUMMED = ("calls", "seconds", "failed")


@dataclass(frozen=True)
class CampaignRow:
    """A campaign in one card.

    ``states`` counts its members; ``calls`` are their DFT calls, ``failed`` those of them that failed, and ``seconds``
    their steps' wall time, summed. ``pace`` is None where nothing has ended within a day.
    """

    campaign: StoredCampaign
    states: Mapping[str, int] = field(default_factory=dict)
    calls: int = 0
    seconds: float = 0.0
    failed: int = 0
    pace: Pace | None = None

    @property
    def members(self) -> int:
        """How many there are."""
        return sum(self.states.values())

    @property
    def done(self) -> int:
        """Members that will not go on by themselves: with a verdict, stopped or cancelled."""
        over = [state for state in MemberState if state.ended or state.parked or state is MemberState.CANCELLED]
        return sum(self.states.get(state.value, 0) for state in over)

    @property
    def parked(self) -> int:
        """Members that ended, or stopped, without an answer."""
        return sum(self.states.get(state.value, 0) for state in MemberState if state.parked)

    @property
    def state(self) -> str:
        """What the campaign is doing, in a word."""
        if not self.members:
            return "EMPTY"
        if self.done == self.members:
            return "CONVERGED" if self.states.get(MemberState.CONVERGED.value) == self.members else "ENDED"
        if self.states.get(MemberState.UNDER_WAY.value):
            return "RUNNING"
        return "PAUSED" if self.states.get(MemberState.PAUSED.value) else "WAITING"

    @property
    def begun(self) -> bool:
        """Whether anything has."""
        return any(number for state, number in self.states.items() if state != MemberState.WAITING.value)

    @property
    def in_order(self) -> list[tuple[str, int]]:
        """Numbers by state, as a member goes through them."""
        return [(state.value, self.states[state.value]) for state in MemberState if self.states.get(state.value)]

    @property
    def tones(self) -> list[tuple[str, int]]:
        """Members by how their states are coloured, those that there are."""
        found: Counter[str] = Counter()
        for state, number in self.states.items():
            found[tone(state)] += number
        return [(one, found[one]) for one in ("good", "bad", "busy", "idle") if found[one]]


def read_campaigns(launchpad: LaunchPad) -> list[CampaignRow]:
    """All campaigns, the newest first; one query for all members, and two small ones for each campaign."""
    store, states, sums = CampaignStore(launchpad.db), dict[str, Counter[str]](), dict[str, Counter[str]]()
    # asked this way, an index has all that it takes
    of = {"_id": {"campaign": "$campaign", "state": "$state"}, "members": {"$sum": 1}}
    of |= {name: {"$sum": f"${name}"} for name in _SUMMED}
    where = {"campaign": {"$gt": ""}, "state": {"$ne": MemberState.SUPERSEDED.value}}
    for one in launchpad.db[MEMBERS].aggregate([{"$match": where}, {"$group": of}]):
        name = one["_id"]["campaign"]
        states.setdefault(name, Counter())[one["_id"]["state"]] += one["members"]
        sums.setdefault(name, Counter()).update({key: one[key] for key in _SUMMED})
    names = [one["_id"] for one in launchpad.db[CAMPAIGNS].find({}, {"_id": 1}).sort("created", -1)]
    return [_row(launchpad, store.campaign(name), states.get(name, {}), sums.get(name, {})) for name in names]


def campaign_row(launchpad: LaunchPad, name: str, members: Members) -> CampaignRow:
    """One of them, whose members have been read.

    Raises
    ------
    InputError
        There is no such campaign.
    """
    found, failed = members.results, sum(row.failed for row in members.rows)
    sums = {"calls": found.dft_calls, "seconds": found.seconds, "failed": failed}
    return _row(launchpad, CampaignStore(launchpad.db).campaign(name), found.states, sums)


def _row(
    launchpad: LaunchPad, campaign: StoredCampaign, states: Mapping[str, int], sums: Mapping[str, float]
) -> CampaignRow:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    pace = read_pace(launchpad, campaign.name, campaign.created, states, campaign.limits, campaign.spent, now)
    calls, failed = int(sums.get("calls", 0)), int(sums.get("failed", 0))
    return CampaignRow(campaign, states, calls, float(sums.get("seconds", 0.0)), failed, pace)
