"""Campaigns of the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ase import Atoms

from al_workflows.campaign.file import Campaign, parse_campaign
from al_workflows.campaign.members import plan_campaign
from al_workflows.campaign.plan import Plan


def nothing(mp_id: str) -> Atoms:
    """For campaigns without the Materials Project."""
    raise AssertionError(f"{mp_id} was asked for")


def campaign(directory: Path = Path(), **changes: Any) -> Campaign:
    """O on the hollows of Cu(111) by EMT; keyword arguments replace top-level keys."""
    data: dict[str, Any] = {
        "name": "test",
        "bulks": ["Cu"],
        "slabs": {"miller": [[1, 1, 1]]},
        "adsorbates": ["O"],
        "sites": {"positions": ["hollow"]},
        "run": {"simulation": {"kind": "relaxation", "fmax": 0.05}, "dft": {"kind": "emt"}},
    }
    return Campaign(parse_campaign(data | changes), directory)


def planned(directory: Path = Path(), **changes: Any) -> Plan:
    """The plan of :func:`campaign`."""
    return plan_campaign(campaign(directory, **changes), nothing)


def keys(plan: Plan) -> list[str]:
    """Of the members."""
    return [member.key for member in plan.members]


def skipped(plan: Plan) -> dict[str, str]:
    """Why, by key."""
    return {one.key: one.why for one in plan.skipped}
