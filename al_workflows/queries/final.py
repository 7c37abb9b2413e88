"""The last frame: where the simulation believes the answer to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from al_workflows.geometry import nearest
from al_workflows.potential import Potential
from al_workflows.queries import Choice
from al_workflows.records import Pool


def last_frame(pool: Pool) -> Choice:
    """The choice that most strategies begin with."""
    return Choice(len(pool) - 1, f"last frame ({pool.stop_reason.value.replace('_', ' ')})")


def farther_frames(pool: Pool, known: Sequence[Atoms]) -> Iterator[Choice]:
    """What stands in for a last frame that is refused: the others, the farthest from every label first."""
    distances = [nearest(pool.frame(index), known)[1] for index in range(len(pool) - 1)]
    for index in np.argsort(distances, kind="stable")[::-1]:
        yield Choice(int(index), f"{distances[index]:.2f} Å from every label, as the last frame was refused")


class Final:
    """The last frame; where it is refused, the frame farthest from every label."""

    batch = 1

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        yield last_frame(pool)
        yield from farther_frames(pool, known)
