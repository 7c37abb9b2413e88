"""All that is known of a campaign, as its figures and its report take it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from fireworks import LaunchPad

from al_workflows.campaign.compared import Direct
from al_workflows.campaign.history import CampaignHistory
from al_workflows.errors import InputError
from fw_specs.campaign_store import CampaignStore
from fw_specs.keys import RUNS
from launchpad.campaigns import read_results
from launchpad.timeline import read_ends


def read_campaign_history(launchpad: LaunchPad, name: str, reference: Path | None = None) -> CampaignHistory:
    """The campaign's results with their times, and what plain DFT took for it if ``reference`` is given.

    ``reference`` is the comparison.json that `alflow campaign reference` wrote.

    Raises
    ------
    InputError
        There is no such campaign, or ``reference`` is not of it.
    """
    method, direct = ("BFGS", {}) if reference is None else read_reference(reference, name)
    results = read_results(launchpad, name)
    campaign = CampaignStore(launchpad.db).campaign(name)
    outcomes = [entry.outcome for entry in results.entries]
    begun = {
        one["_id"]: _seconds(one["created"])
        for one in launchpad.db[RUNS].find({"_id": {"$in": [one.run for one in outcomes]}}, {"created": 1})
    }
    ends = read_ends(launchpad, [one.run for one in outcomes if one.state.ended])
    return CampaignHistory(
        results=results,
        budget=campaign.limits.dft_calls,
        submitted=_seconds(campaign.created),
        began={one.key: begun[one.run] for one in outcomes if one.run in begun},
        ended={one.key: ends[one.run] for one in outcomes if one.run in ends},
        direct=direct,
        method=method,
        created=f"{campaign.created:%Y-%m-%d %H:%M} UTC",
        skipped=[(one["key"], one["why"]) for one in campaign.skipped],
    )


def read_reference(path: Path, name: str) -> tuple[str, dict[str, Direct]]:
    """Method and answers of a comparison.json, by member.

    Raises
    ------
    InputError
        The file cannot be read, is no comparison, or is another campaign's.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        of, method = found["campaign"], str(found["method"])
        direct = {
            row["key"]: Direct(row["direct_energy_eV"], int(row["direct_dft_calls"]), row["direct_outcome"])
            for row in found["members"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "it is no comparison"
        raise InputError(
            f"{path} cannot be read ({reason}); give the comparison.json of `alflow campaign reference {name}`"
        ) from error
    if of != name:
        raise InputError(f"{path} is of campaign {of}, but must be of {name}; give that one's comparison.json")
    return method, direct


def _seconds(time: datetime.datetime) -> float:
    """Of a time from the database, UTC: s since 1970."""
    return time.replace(tzinfo=datetime.UTC).timestamp()
