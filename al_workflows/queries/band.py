"""The images of a band: its saddle, its ends, and what the members dispute."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from al_workflows.band import FINAL_MODES, INITIAL_MODES, saddle_index
from al_workflows.curvature import displaced, modes
from al_workflows.geometry import nearest
from al_workflows.path_ends import NAMES
from al_workflows.potential import Potential, PotentialCalculator
from al_workflows.queries import Choice, Proposal
from al_workflows.queries.uncertainty import most_uncertain
from al_workflows.records import Pool, StopReason
from al_workflows.selection import DUPLICATE

#: eV/Å: where the members disagree by more at an end, its place is nobody's, and the saddle's between such ends less so
CREDIBLE = 0.5


class Saddle:
    """The highest image between the ends, and each end that DFT has not found relaxed.

    Such an end is one that has moved since DFT was asked; the other is a label, which is not asked for again. Where
    none of the three is new, the most uncertain images stand in. An end that DFT has found relaxed but that the model
    holds for a saddle is displaced along its lowest mode, for DFT to tell. As long as the model knows too little of an
    end, that is all it asks for: what DFT says there teaches the other end and the saddle as well.
    """

    batch = 3

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        unsure = _unknown_end(pool, known)
        if unsure is not None:
            yield unsure
            return
        wanted = list(_saddle_and_ends(pool))
        if pool.stop_reason is StopReason.ENDS_MERGED:
            wanted += itertools.islice(_between(pool), 1)
        if pool.stop_reason is StopReason.SADDLE_AT_END:
            wanted += _beside_ends(pool, potential)
        yield from wanted
        if all(nearest(choice.structure(pool).atoms, known)[1] < DUPLICATE for choice in wanted):
            yield from _between(pool)


class SaddleAndEnds:
    """The highest image between the ends, and both ends, whatever DFT has said of them before."""

    batch = 3

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        yield from _saddle_and_ends(pool)


def _unknown_end(pool: Pool, known: Sequence[Atoms]) -> Choice | None:
    """The end on which the members disagree most, if they do by too much; one that DFT knows is none."""
    unknown = [index for index in (0, len(pool) - 1) if nearest(pool.frame(index), known)[1] >= DUPLICATE]
    index = max(unknown, key=lambda end: pool.uncertainties[end], default=None)
    if index is None or pool.uncertainties[index] <= CREDIBLE:
        return None
    spread = f"on which the ensemble disagrees by {pool.uncertainties[index]:.2f} eV/Å"
    return Choice(index, f"the {NAMES[index > 0]} end, {spread}: before the saddle")


def _saddle_and_ends(pool: Pool) -> Iterator[Choice]:
    if pool.stop_reason is not StopReason.ENDS_MERGED:
        top, relaxed = saddle_index(pool.energies), pool.stop_reason.value.replace("_", " ")
        yield Choice(top, f"the saddle: the highest image between the ends (band {relaxed})")
    yield Choice(0, "the initial end, relaxed on the model")
    yield Choice(len(pool) - 1, "the final end, relaxed on the model")


def _between(pool: Pool) -> Iterator[Choice]:
    """The images between the ends, by falling uncertainty."""
    yield from (choice for choice in most_uncertain(pool, len(pool)) if choice.index not in (0, len(pool) - 1))


def _beside_ends(pool: Pool, potential: Potential) -> Iterator[Choice]:
    for name, key, index in zip(NAMES, (INITIAL_MODES, FINAL_MODES), (0, -1), strict=True):
        if pool.measures.get(key):
            end = pool.frame(index)
            lowest = modes(end, PotentialCalculator(potential)).lowest(1)
            beside = displaced(end, lowest.directions[0])
            reason = f"beside the {name} end, along its lowest mode ({lowest.curvatures[0]:.2f} eV/Å² on the model)"
            yield Choice(None, reason, Proposal.of(beside, potential))
