"""The figures of a campaign's page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from al_workflows.analysis.style import Style
from launchpad.dashboard.data.members import Members


@dataclass(frozen=True)
class CampaignFigure:
    """A figure: its ``name`` in addresses, and why it is ``missing`` where ``draw`` gives none."""

    name: str
    title: str
    caption: str
    missing: str
    draw: Callable[[Members, Style], Figure | None]


FIGURES: Sequence[CampaignFigure] = ()
