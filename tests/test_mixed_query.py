"""Frames of dynamics: each kind in its number, and what is asked of a trajectory that was cut short."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from al_workflows import steps
from al_workflows.records import Pool, StopReason
from al_workflows.registry import query_of
from al_workflows.simulations.dynamics import VALIDATION_FRAMES
from tests.builders import label, pool, run_spec, slab

FRAMES = [slab(2.4 - 0.1 * index) for index in range(10)]
UNCERTAINTIES = [0.0, 0.1, 0.7, 0.3, 0.9, 0.2, 0.4, 0.05, 0.01, 0.02]


class Fingerprints:
    """A potential whose descriptor is the height of the last atom."""

    def fingerprint(self, atoms: Any) -> Any:
        return atoms.positions[-1, 2:]


@pytest.fixture(scope="module")
def frames() -> Pool:
    return replace(pool(FRAMES, UNCERTAINTIES), stop_reason=StopReason.MAX_STEPS)


def ranked(frames: Pool, seed: int = 0, known: int = 0, **keys: int) -> list[tuple[int, str]]:
    potential: Any = Fingerprints()
    query = query_of(run_spec(query={"kind": "mixed", **keys}))
    found = query.rank(frames, potential, [FRAMES[known]], np.random.default_rng(seed))
    return [(choice.index, choice.reason.split()[0]) for choice in found if choice.index is not None]


def test_each_kind_in_its_number_and_no_frame_twice(frames: Pool) -> None:
    found = ranked(frames, random_frames=3, uncertain_frames=2, farthest_frames=2)
    assert [index for index, _ in found[:4]] == [4, 2, 9, 6]
    assert [why for _, why in found] == ["a", "a", "farthest", "farthest"] + ["drawn"] * 6
    assert sorted(index for index, _ in found) == list(range(10))


def test_the_last_frame_is_one_like_the_others(frames: Pool) -> None:
    first = {ranked(frames, seed, random_frames=4, uncertain_frames=0, farthest_frames=0)[0][0] for seed in range(40)}
    assert first == set(range(10))


def test_a_trajectory_that_was_cut_short_is_learned_from_alone(frames: Pool) -> None:
    cut = replace(frames, stop_reason=StopReason.UNCERTAIN)
    assert [index for index, _ in ranked(cut, random_frames=3, uncertain_frames=1, farthest_frames=1)] == [4, 9]
    assert len(ranked(cut, random_frames=3, uncertain_frames=0, farthest_frames=0)) == 10


def test_validation_asks_for_random_frames(frames: Pool) -> None:
    run = run_spec(simulation={"kind": "md"})
    marked = replace(frames, measures={VALIDATION_FRAMES: 5.0})
    potential: Any = Fingerprints()
    selection = steps.query(run, "run", 3, marked, potential, [label(slab(1.0))])
    assert len(selection.requests) == 5
    assert {request.strategy for request in selection.requests} == {"validation"}
    assert {request.reason for request in selection.requests} == {"drawn at random"}
    assert all(request.predicted_forces is not None for request in selection.requests)
