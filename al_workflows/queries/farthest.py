"""Farthest-point sampling: frames as different as possible from each other and from what is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from al_workflows.potential import Potential
from al_workflows.queries import Choice
from al_workflows.queries.final import last_frame
from al_workflows.records import FloatArray, Pool


class Farthest:
    """The last frame, then each time the frame farthest in descriptor space from all known and chosen ones."""

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        yield last_frame(pool)
        yield from farthest_frames(pool, potential, known, taken=len(pool) - 1)


def farthest_frames(
    pool: Pool, potential: Potential, known: Sequence[Atoms], taken: int | None = None
) -> Iterator[Choice]:
    """Each time the frame farthest in descriptor space from all known and chosen ones; frame ``taken`` is chosen."""
    points = np.array([potential.fingerprint(pool.frame(index)) for index in range(len(pool))])  # [F, D]
    gaps = np.full(len(pool), np.inf)
    for atoms in known:
        gaps = np.minimum(gaps, _distances(points, potential.fingerprint(atoms)))
    if taken is not None:
        gaps = np.minimum(gaps, _distances(points, points[taken]))
        gaps[taken] = -1.0
    for _ in range(len(pool) - (taken is not None)):
        index = int(np.argmax(gaps))
        yield Choice(index, f"farthest in descriptor space ({gaps[index]:.3g}) from labels and chosen frames")
        gaps = np.minimum(gaps, _distances(points, points[index]))
        gaps[index] = -1.0


def _distances(points: FloatArray, reference: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.norm(points - reference, axis=1))  # [F]
