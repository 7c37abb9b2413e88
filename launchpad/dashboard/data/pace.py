"""How fast a campaign goes, and when it may end: by members that have ended, and only where there are enough."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from fireworks import LaunchPad

from al_workflows.campaign.states import Limits, MemberState
from fw_specs.keys import MEMBERS
from launchpad.dashboard.words import count
from launchpad.dashboard.words import hours as in_words

#: hours that are looked back; the shortest that holds :data:`ENOUGH` ends is taken
WINDOWS = (1, 3, 6, 24)
#: members that have to have ended in a window before it says when the rest will have
ENOUGH = 5
#: states of members that will end by themselves, in their turn
_LEFT = (MemberState.WAITING, MemberState.UNDER_WAY, MemberState.HELD)


@dataclass(frozen=True)
class Pace:
    """Members and DFT calls per hour over the last ``hours``, by the ``ended`` members that ended in them.

    ``end`` is when the rest will have ended at that rate, ``basis`` what it rests on; without an ``end`` it says why
    there is none.
    """

    hours: float
    ended: int
    members: float
    calls: float
    end: datetime.datetime | None
    basis: str


def read_pace(
    launchpad: LaunchPad,
    name: str,
    created: datetime.datetime,
    states: Mapping[str, int],
    limits: Limits,
    spent: int,
    now: datetime.datetime,
) -> Pace | None:
    """How fast the campaign goes; None where nothing has ended within a day, or no time of an end is known.

    Parameters
    ----------
    created, now
        UTC without a zone, as the database has them.
    states
        Number of members by state.
    spent
        DFT calls so far.
    """
    starts = {hours: max(created, now - datetime.timedelta(hours=hours)) for hours in WINDOWS}
    of: dict[str, object] = {"_id": None}
    for hours, start in starts.items():
        within = {"$gte": ["$ended", start]}
        of[f"n{hours}"] = {"$sum": {"$cond": [within, 1, 0]}}
        of[f"calls{hours}"] = {"$sum": {"$cond": [within, "$calls", 0]}}
    where = {"campaign": name, "ended": {"$gte": starts[WINDOWS[-1]]}, "state": {"$ne": MemberState.SUPERSEDED.value}}
    found = next(iter(launchpad.db[MEMBERS].aggregate([{"$match": where}, {"$group": of}])), None)
    if found is None or not found[f"n{WINDOWS[-1]}"]:
        return None
    window = next((hours for hours in WINDOWS if found[f"n{hours}"] >= ENOUGH), WINDOWS[-1])
    span = max((now - starts[window]).total_seconds() / 3600, 1 / 3600)
    ended, members, calls = found[f"n{window}"], found[f"n{window}"] / span, found[f"calls{window}"] / span
    end, basis = _end(ended, members, calls, in_words(span), states, limits, spent, now)
    return Pace(span, ended, members, calls, end, basis)


def _end(
    ended: int,
    members: float,
    calls: float,
    span: str,
    states: Mapping[str, int],
    limits: Limits,
    spent: int,
    now: datetime.datetime,
) -> tuple[datetime.datetime | None, str]:
    left = sum(states.get(state.value, 0) for state in _LEFT)
    if not left:
        return None, "no member is left that would go on by itself"
    if not states.get(MemberState.UNDER_WAY.value):
        return None, "not foretold: no member is under way"
    if ended < ENOUGH:
        return None, f"not foretold: {ended} ended in the last {span}, and it takes {ENOUGH}"
    end = now + datetime.timedelta(hours=left / members)
    basis = f"{count(left)} members are left, at the rate of the {count(ended)} that ended in the last {span}"
    if limits.dft_calls is not None and calls > 0 and (limits.dft_calls - spent) / calls < left / members:
        basis += f"; the budget of {count(limits.dft_calls)} DFT calls will be spent before that, at this rate"
    return end, basis
