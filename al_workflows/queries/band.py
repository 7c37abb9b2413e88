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

#: eV/Å: where the members disagree by more at an end, the saddle between such ends is nobody's
CREDIBLE = 0.2
#: errors of the model's force are so many times the members' disagreement
CONFIDENCE = 2.0


class Saddle:
    """The highest image between the ends, and each end that DFT has not found relaxed.

    Such an end is one that has moved since DFT was asked; the other is a label, which is not asked for again. As long
    as an end is so uncertain that DFT is not likely to find it relaxed, only the more uncertain of both is asked for:
    what DFT says there teaches the other as well; and as long as the model knows too little of it, not even the saddle.
    Where nothing of these is new, the most uncertain images stand in. An end that DFT has found relaxed but that the
    model holds for a saddle is displaced along its lowest mode, for DFT to tell.

    Parameters
    ----------
    end_fmax
        The largest DFT force on a free atom at an end that is relaxed, eV/Å.
    """

    batch = 3

    def __init__(self, end_fmax: float) -> None:
        self._end_fmax = end_fmax

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        saddle, *ends = _saddle_and_ends(pool)
        unknown = [end for end in ends if not _is_known(end, pool, known)]
        unknown.sort(key=lambda end: -_spread(end, pool))
        if unknown and pool.stop_reason is not StopReason.ENDS_MERGED:
            if _spread(unknown[0], pool) > CREDIBLE:
                yield unknown[0]
                return
            if CONFIDENCE * _spread(unknown[0], pool) > self._end_fmax:
                yield from (saddle, unknown[0])
                return
        wanted = [saddle, *ends]
        if pool.stop_reason is StopReason.ENDS_MERGED:  # and there is no saddle
            wanted = [*ends, *itertools.islice(_between(pool), 1)]
        if pool.stop_reason is StopReason.SADDLE_AT_END:
            wanted += _beside_ends(pool, potential)
        yield from wanted
        if all(_is_known(choice, pool, known) for choice in wanted):
            yield from _between(pool)


class SaddleAndEnds:
    """The highest image between the ends, and both ends, whatever DFT has said of them before."""

    batch = 3

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        yield from _saddle_and_ends(pool)


def _saddle_and_ends(pool: Pool) -> Iterator[Choice]:
    stopped = pool.stop_reason.value.replace("_", " ")
    yield Choice(saddle_index(pool.energies), f"the saddle: the highest image between the ends (band {stopped})")
    for name, index in zip(NAMES, (0, len(pool) - 1), strict=True):
        spread = f"where the ensemble disagrees by {pool.uncertainties[index]:.3f} eV/Å"
        yield Choice(index, f"the {name} end, relaxed on the model, {spread}")


def _spread(choice: Choice, pool: Pool) -> float:
    return choice.structure(pool).uncertainty


def _is_known(choice: Choice, pool: Pool, known: Sequence[Atoms]) -> bool:
    return nearest(choice.structure(pool).atoms, known)[1] < DUPLICATE


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
