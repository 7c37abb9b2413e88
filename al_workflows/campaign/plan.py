"""What a campaign would make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from al_workflows.campaign.member import Member, Role


@dataclass(frozen=True)
class Skipped:
    """An entry of a campaign that cannot be made, and why, in one line; ``key`` begins what its members' would be."""

    key: str
    why: str


@dataclass(frozen=True, eq=False)
class Plan:
    """The members of a campaign in the order of its file, references before what is compared with them.

    ``duplicates`` says how many entries were left out because symmetry makes them equal to others: ``facets``,
    ``terminations``, ``sites``, ``paths``. ``remarks`` are lines on what a user should know and need not change.
    """

    name: str
    members: tuple[Member, ...]
    skipped: tuple[Skipped, ...] = ()
    duplicates: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[Role, int]:
        """Number of members by role, those of none left out."""
        counts = Counter(member.role for member in self.members)
        return {role: counts[role] for role in Role if counts[role]}

    @property
    def max_dft_calls(self) -> int:
        """Upper bound of DFT single points: all that the members' own limits allow."""
        return sum(member.spec.termination.max_dft_calls for member in self.members)
