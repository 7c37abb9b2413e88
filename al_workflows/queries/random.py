"""Frames at random, alone or behind the last frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from al_workflows.potential import Potential
from al_workflows.queries import Choice
from al_workflows.queries.final import last_frame
from al_workflows.records import Pool


class Random:
    """``batch`` frames at random; with ``final``, the last frame is the first of them ("quasi-random")."""

    def __init__(self, batch: int, final: bool) -> None:
        self.batch = batch
        self._final = final

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        order = rng.permutation(len(pool))
        if self._final:
            yield last_frame(pool)
            order = order[order != len(pool) - 1]
        for index in order:
            yield Choice(int(index), "drawn at random")
