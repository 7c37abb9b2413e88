"""One entry of a campaign: a run, what it is of, and what it is compared with."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from ase import Atoms

from al_workflows.results import run_id
from al_workflows.spec import RunSpec


class Role(enum.StrEnum):
    """What a member is for."""

    ADSORPTION = "adsorption"
    SLAB = "slab"
    MOLECULE = "molecule"
    PATH = "path"
    DYNAMICS = "dynamics"


@dataclass(frozen=True, eq=False)
class Member:
    """A run of a campaign.

    ``key`` names it within the campaign, in letters that suit a directory; it stays the same when settings change.
    ``tags`` say what it is of, for selectors and tables: ``bulk``, ``miller``, ``termination``, ``adsorbate``,
    ``site``, ``coverage``, each where it applies. ``references`` are keys of members and how many of them an
    adsorption energy takes off: E_ads = E − Σ n E_reference.
    """

    key: str
    role: Role
    spec: RunSpec
    start: Atoms
    final: Atoms | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, float] = field(default_factory=dict)
    priority: int = 0

    @property
    def run(self) -> str:
        """Id of its run; another one when settings or structures change."""
        return run_id(self.spec, self.start, self.final)
