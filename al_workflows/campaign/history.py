"""All that is known of a campaign, finished or under way: what its figures and its report are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from al_workflows.campaign.compared import Direct
from al_workflows.campaign.results import CampaignResults, Entry


@dataclass(frozen=True)
class CampaignHistory:
    """A campaign's results, and when they came.

    ``budget`` is the most DFT calls that it may spend, None without a limit. ``submitted``, ``began`` and ``ended`` are
    times (s since 1970), the last two by member and only of those whose run has begun, or has its verdict; ``ended``
    may lack what nobody noted. ``direct`` is what plain DFT (``method``) took for the same relaxations, by member,
    where it was asked. ``created`` is UTC in words. ``skipped`` are what the plan left out: key and reason.
    """

    results: CampaignResults
    budget: int | None = None
    submitted: float | None = None
    began: Mapping[str, float] = field(default_factory=dict)
    ended: Mapping[str, float] = field(default_factory=dict)
    direct: Mapping[str, Direct] = field(default_factory=dict)
    method: str = "BFGS"
    created: str = ""
    skipped: Sequence[tuple[str, str]] = ()

    @property
    def done(self) -> list[Entry]:
        """The members that have a verdict, in the order in which they got it; in the plan's where a time is missing."""
        found = [one for one in self.results.entries if one.outcome.state.ended]
        return sorted(found, key=lambda one: self.ended[one.outcome.key]) if self.timed else found

    @property
    def timed(self) -> bool:
        """Whether it is known of each member with a verdict when it got that."""
        return all(one.outcome.key in self.ended for one in self.results.entries if one.outcome.state.ended)
