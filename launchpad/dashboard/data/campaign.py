"""What the page of one campaign shows: all of its members as they were in one version of it, and who needs its user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fireworks import LaunchPad

from al_workflows.campaign.states import MemberState
from fw_specs.campaign_turns import STOPPED
from launchpad.dashboard.data.members import MemberRow, Members
from launchpad.status import fizzled_cause

#: parked members that are named with their reasons; the table has all
NAMED = 20


def parked_members(members: Members) -> list[MemberRow]:
    """Those that ended, or stopped, without an answer, in the plan's order."""
    return [row for row in members.rows if row.outcome.state.parked]


def with_causes(launchpad: LaunchPad, rows: Sequence[MemberRow]) -> list[MemberRow]:
    """The same rows; of what a step's error stopped, the reason is that error."""
    return [_with_cause(launchpad, row) for row in rows]


def _with_cause(launchpad: LaunchPad, row: MemberRow) -> MemberRow:
    one = row.outcome
    if one.state is not MemberState.STOPPED or one.reason != STOPPED:
        return row
    return replace(row, entry=replace(row.entry, outcome=replace(one, reason=fizzled_cause(launchpad, one.run))))
