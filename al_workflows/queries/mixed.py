"""Frames of a trajectory whose last frame is one like the others: some to learn from, some to test what was learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from al_workflows.md_spec import MixedQuerySpec
from al_workflows.potential import Potential
from al_workflows.queries import Choice
from al_workflows.queries.farthest import farthest_frames
from al_workflows.queries.random import Random
from al_workflows.queries.uncertainty import most_uncertain
from al_workflows.records import Pool, StopReason


class Mixed:
    """Frames at random, uncertain ones and far ones, each in its number; random ones stand in for what is refused.

    A trajectory that was cut short tests nothing: of it, only frames to learn from are asked for, unless all are to be
    random.
    """

    def __init__(self, spec: MixedQuerySpec) -> None:
        self.batch = spec.batch
        self._spec = spec

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        spec, taken = self._spec, set[int | None]()
        kinds = [(most_uncertain(pool, len(pool)), spec.uncertain_frames)]
        if spec.farthest_frames:  # which costs a prediction of every frame
            kinds.append((farthest_frames(pool, potential, known), spec.farthest_frames))
        if pool.stop_reason is StopReason.MAX_STEPS or not spec.uncertain_frames + spec.farthest_frames:
            kinds.append((Random(self.batch, final=False).rank(pool, potential, known, rng), len(pool)))
        for choices, count in kinds:
            for choice in _others(choices, taken, count):
                taken.add(choice.index)
                yield choice


def _others(choices: Iterator[Choice], taken: set[int | None], count: int) -> Iterator[Choice]:
    """The first ``count`` of ``choices`` that are not ``taken``."""
    left = count
    while left and (choice := next((one for one in choices if one.index not in taken), None)) is not None:
        left -= 1
        yield choice
