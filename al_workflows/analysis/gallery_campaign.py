"""A campaign's figures in the order in which one reads them."""

from __future__ import annotations

from al_workflows.analysis import figures_campaign, figures_campaign_map
from al_workflows.analysis.gallery import Entry
from al_workflows.campaign.history import CampaignHistory

_NONE_ENDED = "no member has ended yet"

CAMPAIGN_GALLERY: tuple[Entry[CampaignHistory], ...] = (
    Entry(
        "learning_curve",
        "Learning from member to member",
        "DFT calls of each member in the order in which they ended, and their running median. Crosses ended without an "
        "answer. Dashed, where it has been asked: what an optimizer on plain DFT takes on average.",
        _NONE_ENDED,
        figures_campaign.learning_curve,
    ),
    Entry(
        "progress",
        "Progress",
        "Members that have ended, and the DFT calls that these took, over wall time since the campaign was submitted.",
        f"{_NONE_ENDED}, or it is not known when",
        figures_campaign.progress,
    ),
    Entry(
        "energy_map",
        "Adsorption energies",
        "The lowest adsorption energy of each surface and adsorbate. An empty cell has no member that converged "
        "together with its references.",
        "no adsorption energy is known yet",
        figures_campaign_map.energy_map,
    ),
    Entry(
        "calls_map",
        "DFT calls by surface and adsorbate",
        "What all members of a surface and an adsorbate have taken so far.",
        "no member on a surface has called DFT yet",
        figures_campaign_map.calls_map,
    ),
    Entry(
        "calls_by_kind",
        "DFT calls by adsorbate",
        "Of the members that have converged, each a point, with the median.",
        "no member has converged yet",
        figures_campaign.calls_by_kind,
    ),
)
