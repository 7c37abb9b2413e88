"""What is submitted of a campaign's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from al_workflows.campaign.member import Member
from al_workflows.campaign.members import Listener
from al_workflows.campaign.states import Limits
from al_workflows.dft.settings import check_available
from launchpad.campaign_file import read_plan


@dataclass(frozen=True, eq=False)
class PlannedCampaign:
    """A campaign's name, members, limits, and what its plan left out (``key`` and ``why`` of each)."""

    name: str
    members: Sequence[Member]
    limits: Limits
    skipped: Sequence[Mapping[str, str]] = ()


def planned(path: Path, listener: Listener = lambda done, of, members: None) -> PlannedCampaign:
    """What is submitted of the campaign in the file ``path``; ``listener`` is told of each facet.

    Raises
    ------
    InputError
        The file, or the settings of its runs, break a rule.
    EnvironmentProblem
        The DFT code is not installed or not complete: of a plan that is a remark, but a run checks it as well.
    """
    campaign, plan = read_plan(path, listener)
    _refuse_missing_code(plan.members)
    schedule = campaign.spec.schedule
    limits = Limits(schedule.max_dft_calls, schedule.at_once, schedule.at_least, schedule.waves)
    skipped = [{"key": one.key, "why": one.why} for one in plan.skipped]
    return PlannedCampaign(plan.name, plan.members, limits, skipped)


def _refuse_missing_code(members: Sequence[Member]) -> None:
    """Ask once for each kind of settings and elements."""
    asked = {(id(member.spec.dft), frozenset(member.start.get_chemical_symbols())): member for member in members}
    for member in asked.values():
        check_available(member.spec.dft, sorted(set(member.start.get_chemical_symbols())))
