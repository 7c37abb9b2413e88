"""The structure that was displaced from a stationary point, whatever strategy the run has for trajectories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from al_workflows.potential import Potential
from al_workflows.queries import Choice
from al_workflows.records import Pool


class Displaced:
    """The last frame of a pool that asks for a curvature; nothing where no mode is left to ask about."""

    batch = 1

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        if len(pool) > 1:
            yield Choice(len(pool) - 1, pool.stop_detail)
