"""From a campaign's file to its plan and to what is submitted, with what the environment has for it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from al_workflows.campaign.file import Campaign, load_campaign
from al_workflows.campaign.materials_project import KEY_VARIABLES, MaterialsProject
from al_workflows.campaign.member import Member
from al_workflows.campaign.members import plan_campaign
from al_workflows.campaign.plan import Plan
from al_workflows.campaign.states import Limits


@dataclass(frozen=True, eq=False)
class PlannedCampaign:
    """A campaign's name, members, limits, and what its plan left out (``key`` and ``why`` of each)."""

    name: str
    members: Sequence[Member]
    limits: Limits
    skipped: Sequence[Mapping[str, str]] = ()


def materials_project(campaign: Campaign, environment: Mapping[str, str] = os.environ) -> MaterialsProject:
    """Who gives crystals of the Materials Project, by the user's key if there is one."""
    key = next((environment[name] for name in KEY_VARIABLES if environment.get(name)), None)
    return MaterialsProject(key, campaign.directory)


def read_plan(path: Path) -> tuple[Campaign, Plan]:
    """The campaign in the file ``path``, and its members.

    Raises
    ------
    InputError
        The file, or the settings of its runs, break a rule.
    """
    campaign = load_campaign(path)
    return campaign, plan_campaign(campaign, materials_project(campaign))


def planned(path: Path) -> PlannedCampaign:
    """What is submitted of the campaign in the file ``path``.

    Raises
    ------
    InputError
        The file, or the settings of its runs, break a rule.
    """
    campaign, plan = read_plan(path)
    schedule = campaign.spec.schedule
    limits = Limits(schedule.max_dft_calls, schedule.at_once, schedule.at_least, schedule.waves)
    skipped = [{"key": one.key, "why": one.why} for one in plan.skipped]
    return PlannedCampaign(plan.name, plan.members, limits, skipped)
