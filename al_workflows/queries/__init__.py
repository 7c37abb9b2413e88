"""Query strategies: which frames of a pool DFT is asked for, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms

from al_workflows.potential import Potential
from al_workflows.records import Pool


@dataclass(frozen=True)
class Choice:
    """One frame that a strategy wants, and why in a few words."""

    index: int
    reason: str


class Query(Protocol):
    """What every strategy offers: its batch size and its frames in the order of preference.

    The query step takes the first ``batch`` that are new and pass the geometry gate, so a strategy goes on beyond
    its batch: what it names later stands in for what was refused.
    """

    batch: int

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """Frames of ``pool``, most wanted first."""
        ...
