"""The last frame and the frames on which the ensemble disagrees most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from al_workflows.potential import Potential
from al_workflows.queries import Choice
from al_workflows.queries.final import last_frame
from al_workflows.records import Pool


class FinalUncertainty:
    """The last frame, then by falling force uncertainty."""

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        yield last_frame(pool)
        yield from most_uncertain(pool, len(pool) - 1)


def most_uncertain(pool: Pool, count: int) -> Iterator[Choice]:
    """The first ``count`` frames of the pool by falling force uncertainty."""
    for index in np.argsort(-pool.uncertainties[:count], kind="stable"):
        yield Choice(int(index), f"a force is uncertain by {pool.uncertainties[index]:.3f} eV/Å")
