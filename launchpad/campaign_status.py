"""Where a campaign stands. Imports little: looking is quick, also as a command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fireworks import LaunchPad

from al_workflows.campaign.schedule import BUDGET
from al_workflows.campaign.states import MemberState
from fw_specs.campaign_store import CampaignStore, Document, StoredCampaign

#: members that the status names one by one, of each kind
SHOWN = 20
_GOING_ON = (MemberState.UNDER_WAY, MemberState.HELD, MemberState.PAUSED)


@dataclass(frozen=True)
class CampaignStatus:
    """Where a campaign stands.

    ``states`` counts its members; ``calls`` are their DFT calls and ``seconds`` their steps', summed. ``under_way`` and
    ``parked`` are the first members of these, with their documents' fields.
    """

    campaign: StoredCampaign
    states: Mapping[str, int]
    roles: Mapping[str, Mapping[str, int]]
    calls: int
    seconds: float
    failed: int
    under_way: Sequence[Document]
    parked: Sequence[Document]

    @property
    def members(self) -> int:
        """How many there are."""
        return sum(self.states.values())

    @property
    def going_on(self) -> int:
        """How many wait, are under way, held or paused."""
        return self.number(MemberState.WAITING, *_GOING_ON)

    @property
    def over(self) -> bool:
        """Whether nothing is under way or can begin without its user: what still waits, waits for a larger budget."""
        if self.number(MemberState.UNDER_WAY, MemberState.PAUSED):
            return False
        return not self.number(MemberState.WAITING, MemberState.HELD) or set(self.campaign.waiting) == {BUDGET}

    def number(self, *states: MemberState) -> int:
        """How many are in one of ``states``."""
        return sum(self.states.get(state.value, 0) for state in states)


def read_status(launchpad: LaunchPad, name: str, shown: int = SHOWN) -> CampaignStatus:
    """Where the campaign stands, by one count of its members whatever their number.

    ``shown`` are named of those under way and of those parked; 0: all.

    Raises
    ------
    InputError
        There is no such campaign.
    """
    store = CampaignStore(launchpad.db)
    campaign, counts = store.campaign(name), store.counts(name)
    states: Counter[str] = Counter()
    roles: dict[str, Counter[str]] = {}
    for one in counts:
        states[one["_id"]["state"]] += one["members"]
        roles.setdefault(one["_id"]["role"], Counter())[one["_id"]["state"]] += one["members"]
    return CampaignStatus(
        campaign=campaign,
        states=states,
        roles=roles,
        calls=sum(one["calls"] for one in counts),
        seconds=sum(one["seconds"] for one in counts),
        failed=sum(one["failures"] for one in counts),
        under_way=store.first(name, _GOING_ON, shown),
        parked=store.first(name, [state for state in MemberState if state.parked], shown),
    )
