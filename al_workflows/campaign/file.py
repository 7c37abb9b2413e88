"""From a campaign's YAML file to its specification, or one line that says what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from al_workflows.campaign.spec import CampaignSpec
from al_workflows.errors import InputError
from al_workflows.spec_file import first_problem, name_of, read_yaml


@dataclass(frozen=True)
class Campaign:
    """A campaign file that was read; its relative paths are meant from ``directory``."""

    spec: CampaignSpec
    directory: Path


def load_campaign(path: Path) -> Campaign:
    """The campaign that the YAML file ``path`` describes.

    Raises
    ------
    InputError
        The file is missing, no YAML, or breaks a rule; the message names the first broken key.
    """
    data = read_yaml(path)
    if "structure" in data:
        raise InputError(
            f"{path} has a `structure` and so is a run's file; use `alflow run`, or give a campaign's file"
        )
    if data.get("name") is None:
        data["name"] = name_of(path, 30).rstrip("-._") or "campaign"
    return Campaign(parse_campaign(data, str(path)), path.parent.resolve())


def parse_campaign(data: dict[str, Any], source: str = "campaign") -> CampaignSpec:
    """A :class:`CampaignSpec` from plain data; an :class:`InputError` names the first broken key in one line."""
    try:
        return CampaignSpec.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{source}: {first_problem(error)}") from error
