"""The figures of a campaign's page, of the members as the page has read them."""

from __future__ import annotations

import datetime

from al_workflows.analysis.gallery_campaign import CAMPAIGN_GALLERY as CAMPAIGN_GALLERY
from al_workflows.campaign.history import CampaignHistory
from fw_specs.campaign_store import StoredCampaign
from launchpad.dashboard.data.members import Members


def history(campaign: StoredCampaign, members: Members) -> CampaignHistory:
    """What the figures take; when a run began they do not ask."""
    return CampaignHistory(
        results=members.results,
        budget=campaign.limits.dft_calls,
        submitted=_seconds(campaign.created),
        ended={row.outcome.key: _seconds(row.ended) for row in members.rows if row.ended is not None},
        created=f"{campaign.created:%Y-%m-%d %H:%M} UTC",
        skipped=[(one["key"], one["why"]) for one in campaign.skipped],
    )


def _seconds(time: datetime.datetime) -> float:
    """Of a time from the database, UTC: s since 1970."""
    return time.replace(tzinfo=datetime.UTC).timestamp()
