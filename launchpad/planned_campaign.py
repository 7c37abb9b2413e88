"""From a campaign's file to what is submitted: the one place where the two meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from al_workflows.campaign.member import Member
from al_workflows.campaign.states import Limits
from al_workflows.errors import EnvironmentProblem


@dataclass(frozen=True, eq=False)
class PlannedCampaign:
    """A campaign's name, members, limits, and what its plan left out (``key`` and ``why`` of each)."""

    name: str
    members: Sequence[Member]
    limits: Limits
    skipped: Sequence[Mapping[str, str]] = ()


def planned(path: Path) -> PlannedCampaign:
    """The campaign that the YAML file ``path`` (``-``: standard input) describes.

    Raises
    ------
    InputError
        The file breaks a rule.
    """
    raise EnvironmentProblem(f"{path} cannot be planned: this version of al-workflows has no planner of campaigns")
