"""Campaigns as the command line deals with them: submit, collect results and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fireworks import LaunchPad

from al_workflows.campaign.export import DataSet, Exported, surface_of
from al_workflows.campaign.results import CampaignResults, Outcome, campaign_results
from al_workflows.campaign.states import Limits, MemberState
from al_workflows.claim import writable_directory
from al_workflows.errors import InputError
from al_workflows.spec import ResourcesSpec
from fw_specs import campaign_turns
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_submit import Submitted, submit_members
from fw_specs.member_store import outcome, selection
from fw_specs.store import Store
from launchpad.planned_campaign import PlannedCampaign
from launchpad.queue_keys import check_resources
from launchpad.status import fizzled_cause


def submit_campaign(
    launchpad: LaunchPad, plan: PlannedCampaign, directory: Path, limits: Limits
) -> tuple[Submitted, list[str]]:
    """Store what is new of a campaign and begin what may; what was stored, and what was begun in words.

    Parameters
    ----------
    directory
        Of the runs' directories; a campaign that is there keeps its own.
    limits
        In place of those of the plan.

    Raises
    ------
    InputError
        The plan breaks a rule, or ``resources`` ask of the queue what no job can be told; nothing is stored.
    EnvironmentProblem
        The directory cannot be written.
    """
    seen: list[ResourcesSpec] = []
    for member in plan.members:
        if member.spec.resources not in seen:
            check_resources(member.spec.resources)
            seen.append(member.spec.resources)
    there = plan.name in CampaignStore(launchpad.db).names()
    directory = directory if there else writable_directory(directory)
    done = submit_members(launchpad, plan.name, plan.members, directory, limits, plan.skipped)
    return done, campaign_turns.look_after(launchpad, plan.name)


def read_results(launchpad: LaunchPad, name: str) -> CampaignResults:
    """The campaign's results, finished or not.

    Raises
    ------
    InputError
        There is no such campaign.
    """
    store = CampaignStore(launchpad.db)
    store.campaign(name)
    return campaign_results(name, [_outcome(launchpad, one) for one in store.find(name)])


def _outcome(launchpad: LaunchPad, one: Mapping[str, Any]) -> Outcome:
    found = outcome(one)
    if found.state is MemberState.STOPPED and found.reason == campaign_turns.STOPPED:
        return replace(found, reason=fizzled_cause(launchpad, found.run))
    return found


def export_campaign(launchpad: LaunchPad, name: str, directory: Path, where: Mapping[str, str]) -> Exported:
    """Write the accepted labels of the campaign's members that fit ``where`` as one data set into ``directory``.

    Raises
    ------
    InputError
        There is no such campaign, no label, or labels of different DFT settings.
    EnvironmentProblem
        The directory cannot be written.
    """
    campaigns, store = CampaignStore(launchpad.db), Store(launchpad.db)
    campaigns.campaign(name)
    members = [one for one in campaigns.find(name, selection(where)) if one.get("begun")]
    if not members:
        raise InputError(
            f"no member of campaign {name} that fits has begun; `alflow campaign status {name}` tells more"
        )
    seen: set[str] = set()
    with DataSet(directory, [surface_of(one["tags"]) for one in members]) as data:
        for one in members:
            run = one["run"]
            if run in seen:
                continue
            seen.add(run)
            labels = [label for label in store.labels(run) if label.ok]
            dft = store.run(run).spec.dft if labels else None
            for label in labels:
                if dft is not None:
                    data.add(surface_of(one["tags"]), run, dft, label)
        return data.finish({"campaign": name, "members": len(members)})
