"""Where an online simulation stopped to ask, or else a frame on the way there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from al_workflows.potential import Potential
from al_workflows.queries import Choice
from al_workflows.records import Pool


class Stopped:
    """The last frame; where it is refused, the one halfway back to where the simulation went on, then those between."""

    batch = 1

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        *way, last = since_it_went_on(pool)
        yield Choice(last, f"it stopped here: {pool.stop_detail}")
        for index in halving(way):
            yield Choice(index, f"{last - index} frames before it stopped, as the last one was refused")


def since_it_went_on(pool: Pool) -> list[int]:
    """The frames of ``pool`` that its own cycle has made; dynamics keep those of the cycles before as well."""
    if pool.motion is None:
        return list(range(len(pool)))
    return [int(index) for index in pool.motion.index if index >= 0] or [len(pool) - 1]


def halving(places: Sequence[int]) -> Iterator[int]:
    """All of ``places``: the middle one, the middles of both halves, the earlier first, and so on."""
    parts = [places]
    while parts:
        middles = [len(part) // 2 for part in parts]
        yield from (part[middle] for part, middle in zip(parts, middles, strict=True) if part)
        halves = [
            half
            for part, middle in zip(parts, middles, strict=True)
            for half in (part[:middle], part[middle + 1 :])
            if half
        ]
        parts = halves
