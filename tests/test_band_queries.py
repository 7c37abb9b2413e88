"""Which images of a band DFT is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from al_workflows.potential import Image, Potential, train_potential
from al_workflows.queries import Query
from al_workflows.queries.band import Saddle, SaddleAndEnds
from al_workflows.queries.uncertainty import Uncertainty
from al_workflows.records import Pool, StopReason
from al_workflows.spec import GaussianProcessSpec
from tests.bands import hop
from tests.builders import label, pool

LAST = 6


@pytest.fixture(scope="module")
def potential() -> Potential:
    found = label(hop()[0])
    assert found.energy is not None
    assert found.forces is not None
    return train_potential([Image(found.atoms, found.energy, found.forces)], GaussianProcessSpec(), seed=(0,))


def band(spreads: Sequence[float] | None = None, stop: StopReason = StopReason.CONVERGED, **measures: float) -> Pool:
    """A line from one end of the hop to the other, highest at image 2."""
    initial, final = hop(seed=0)
    frames = [initial.copy() for _ in range(LAST + 1)]
    for share, frame in zip(np.linspace(0.0, 1.0, LAST + 1), frames, strict=True):
        frame.positions[:] = initial.positions + share * (final.positions - initial.positions)
    found = replace(pool(frames, spreads), stop_reason=stop, measures=measures)
    found.energies[:] = [0.0, 0.1, 0.5, 0.3, 0.2, 0.1, 0.0]
    return found


def asked(query: Query, frames: Pool, potential: Any, known: Sequence[Atoms] = (), count: int = 9) -> list[int | None]:
    ranking = query.rank(frames, potential, known, np.random.default_rng(0))
    return [choice.index for choice, _ in zip(ranking, range(count), strict=False)]


def test_saddle_and_ends_come_first(potential: Potential) -> None:
    assert asked(Saddle(0.05), band(), potential) == [2, 0, LAST]
    assert asked(SaddleAndEnds(), band([9.0] * 7), potential) == [2, 0, LAST]


def test_an_end_that_dft_is_not_likely_to_confirm_is_asked_for_alone_or_with_the_saddle(potential: Potential) -> None:
    hopeless = band([0.3, 0, 0, 0, 0, 0, 0.4])
    assert asked(Saddle(0.05), hopeless, potential) == [LAST]
    unsure = band([0.1, 0, 0, 0, 0, 0, 0.04])
    assert asked(Saddle(0.05), unsure, potential) == [2, 0]
    assert asked(Saddle(0.5), unsure, potential) == [2, 0, LAST]


def test_what_dft_knows_at_an_end_says_nothing_of_its_uncertainty(potential: Potential) -> None:
    frames = band([0.3, 0, 0, 0, 0, 0, 0.4])
    assert asked(Saddle(0.05), frames, potential, [frames.frame(LAST)]) == [0]
    assert asked(Saddle(0.05), frames, potential, [frames.frame(0), frames.frame(LAST)]) == [2, 0, LAST]


def test_uncertain_images_stand_in_where_all_is_known(potential: Potential) -> None:
    frames = band([0.0, 0.1, 0.0, 0.3, 0.2, 0.05, 0.0])
    known = [frames.frame(index) for index in (0, 2, LAST)]
    assert asked(Saddle(0.05), frames, potential, known) == [2, 0, LAST, 3, 4, 1, 5, 2]


def test_ends_that_have_merged_have_no_saddle(potential: Potential) -> None:
    frames = band([0.0, 0.1, 0.0, 0.3, 0.0, 0.0, 0.0], StopReason.ENDS_MERGED)
    assert asked(Saddle(0.05), frames, potential) == [0, LAST, 3]


def test_an_end_on_a_saddle_of_the_model_is_displaced(potential: Potential) -> None:
    frames = band(stop=StopReason.SADDLE_AT_END, model_final_negative_modes=1.0)
    *others, beside = Saddle(0.05).rank(frames, potential, [], np.random.default_rng(0))
    assert [choice.index for choice in others] == [2, 0, LAST]
    assert beside.index is None
    assert "beside the final end" in beside.reason
    moved = np.linalg.norm(beside.structure(frames).atoms.positions - frames.positions[-1], axis=1)
    assert moved.max() == pytest.approx(0.15)


def test_the_most_uncertain_come_first(potential: Potential) -> None:
    frames = band([0.0, 0.1, 0.0, 0.3, 0.2, 0.05, 0.0])
    assert asked(Uncertainty(2), frames, potential, count=3) == [3, 4, 1]
