"""What the page of all campaigns shows."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from fireworks import LaunchPad

from al_workflows.campaign.states import MemberState
from fw_specs.campaign_store import CampaignStore, StoredCampaign
from fw_specs.keys import CAMPAIGNS, MEMBERS


@dataclass(frozen=True)
class CampaignRow:
    """A campaign in one line; ``calls`` are its members' DFT calls, ``seconds`` their steps' wall time, summed."""

    campaign: StoredCampaign
    states: Mapping[str, int] = field(default_factory=dict)
    calls: int = 0
    seconds: float = 0.0
    failed: int = 0
    ended_today: int = 0

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
    def state(self) -> str:
        """What the campaign is doing, in a word."""
        if self.done == self.members:
            return "CONVERGED" if self.states.get(MemberState.CONVERGED.value) == self.members else "ENDED"
        if self.states.get(MemberState.UNDER_WAY.value):
            return "RUNNING"
        return "PAUSED" if self.states.get(MemberState.PAUSED.value) else "WAITING"


def read_campaigns(launchpad: LaunchPad) -> list[CampaignRow]:
    """All campaigns, the newest first; two queries and a small one for each."""
    store = CampaignStore(launchpad.db)
    of = {"_id": {"campaign": "$campaign", "state": "$state"}, "members": {"$sum": 1}}
    of |= {name: {"$sum": f"${name}"} for name in ("calls", "seconds", "failed")}
    stages = [{"$match": {"state": {"$ne": MemberState.SUPERSEDED.value}}}, {"$group": of}]
    states: dict[str, Counter[str]] = {}
    sums: dict[str, Counter[str]] = {}
    for one in launchpad.db[MEMBERS].aggregate(stages):
        name = one["_id"]["campaign"]
        states.setdefault(name, Counter())[one["_id"]["state"]] += one["members"]
        sums.setdefault(name, Counter()).update({key: one[key] for key in ("calls", "seconds", "failed")})
    day = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    rows = []
    for document in launchpad.db[CAMPAIGNS].find({}, {"_id": 1}).sort("created", -1):
        name = document["_id"]
        total: Mapping[str, float] = sums.get(name, Counter())
        rows.append(
            CampaignRow(
                campaign=store.campaign(name),
                states=states.get(name, Counter()),
                calls=int(total.get("calls", 0)),
                seconds=float(total.get("seconds", 0.0)),
                failed=int(total.get("failed", 0)),
                ended_today=launchpad.db[MEMBERS].count_documents({"campaign": name, "ended": {"$gte": day}}),
            )
        )
    return rows
