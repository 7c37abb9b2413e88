"""From a campaign file to its plan, with what the environment has for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from al_workflows.campaign.file import Campaign, load_campaign
from al_workflows.campaign.materials_project import KEY_VARIABLES, MaterialsProject
from al_workflows.campaign.members import Listener, plan_campaign
from al_workflows.campaign.plan import Plan


def materials_project(campaign: Campaign, environment: Mapping[str, str] = os.environ) -> MaterialsProject:
    """Who gives crystals of the Materials Project, by the user's key if there is one."""
    key = next((environment[name] for name in KEY_VARIABLES if environment.get(name)), None)
    return MaterialsProject(key, campaign.directory)


def read_plan(path: Path, listener: Listener = lambda done, of, members: None) -> tuple[Campaign, Plan]:
    """The campaign in the file ``path``, and its members; ``listener`` is told of each facet.

    Raises
    ------
    InputError
        The file, or the settings of its runs, break a rule.
    """
    campaign = load_campaign(path)
    return campaign, plan_campaign(campaign, materials_project(campaign), listener)
