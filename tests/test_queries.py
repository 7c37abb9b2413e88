"""What the strategies ask for, and what never gets through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase import Atoms

from al_workflows import spec
from al_workflows.geometry import nearest
from al_workflows.queries import Query
from al_workflows.records import Label, LabelStatus, Pool, Selection
from al_workflows.registry import query_of
from al_workflows.selection import EXCLUSION, LABELLED, admit
from tests.builders import label, pool, run_spec, slab

FRAMES = [slab(2.4 - 0.1 * index) for index in range(8)]
UNCERTAINTIES = [0.0, 0.1, 0.7, 0.3, 0.9, 0.2, 0.4, 0.05]
KINDS = ["final", "random", "final_random", "final_uncertainty", "farthest"]


class Fingerprints:
    """A potential whose descriptor is the height of the last atom."""

    def fingerprint(self, atoms: Atoms) -> Any:
        return atoms.positions[-1, 2:]


@pytest.fixture(scope="module")
def frames() -> Pool:
    return pool(FRAMES, UNCERTAINTIES)


def strategy(kind: str, **keys: Any) -> Query:
    return query_of(run_spec(query={"kind": kind, **keys}))


def ranked(query: Query, frames: Pool, known: list[Atoms], seed: int = 0) -> list[int]:
    potential: Any = Fingerprints()
    return [choice.index for choice in query.rank(frames, potential, known, np.random.default_rng(seed))]


def asked(frames: Pool, labels: list[Any], batch: int = 1, kind: str = "final") -> Selection:
    potential: Any = Fingerprints()
    known = [one.atoms for one in labels]
    ranking = strategy(kind).rank(frames, potential, known, np.random.default_rng(0))
    return admit(ranking, frames, labels, [f"r/0001/{i:02d}" for i in range(batch)], kind, min_distance=0.6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_strategy_ranks_each_frame_once_and_gives_reasons(kind: str, frames: Pool) -> None:
    potential: Any = Fingerprints()
    choices = list(strategy(kind).rank(frames, potential, [FRAMES[0]], np.random.default_rng(0)))
    assert sorted(choice.index for choice in choices) == list(range(len(frames)))
    assert all(choice.reason for choice in choices)


@pytest.mark.parametrize("kind", KINDS)
def test_every_strategy_repeats_itself_for_a_seed(kind: str, frames: Pool) -> None:
    assert ranked(strategy(kind), frames, [FRAMES[0]], 5) == ranked(strategy(kind), frames, [FRAMES[0]], 5)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"random"}))
def test_the_last_frame_comes_first(kind: str, frames: Pool) -> None:
    assert ranked(strategy(kind), frames, [FRAMES[0]])[0] == len(frames) - 1


def test_random_depends_on_the_seed_alone(frames: Pool) -> None:
    assert ranked(strategy("random"), frames, [], 1) != ranked(strategy("random"), frames, [], 2)


def test_uncertain_frames_come_by_falling_uncertainty(frames: Pool) -> None:
    assert ranked(strategy("final_uncertainty"), frames, [])[1:4] == [4, 2, 6]


def test_farthest_points_are_far_from_labels_and_from_each_other(frames: Pool) -> None:
    # known: frame 0, chosen: frame 7; the farthest from both is in the middle, then the quarters
    order = ranked(strategy("farthest"), frames, [FRAMES[0]])
    assert order[1] in (3, 4)
    assert {order[2], order[3]} <= {1, 2, 5, 6}


def test_batches_are_what_was_written() -> None:
    assert [strategy(kind, batch=4).batch for kind in KINDS[1:]] == [4] * 4
    assert strategy("final").batch == 1
    assert isinstance(run_spec().query, spec.FinalQuerySpec)


def test_requests_carry_what_the_model_predicted(frames: Pool) -> None:
    (request,) = asked(frames, [label(FRAMES[0])]).requests
    assert request.pool_index == 7
    assert request.key == "r/0001/00"
    assert request.predicted_energy == frames.energies[7]
    assert request.predicted_forces is not None
    assert (request.predicted_forces == frames.forces[7]).all()
    assert request.uncertainty == UNCERTAINTIES[7]
    assert request.strategy == "final"


def test_nothing_is_asked_twice(frames: Pool) -> None:
    selection = asked(frames, [label(FRAMES[0]), label(FRAMES[7])])
    (request,) = selection.requests
    assert request.pool_index in (3, 4)  # the farthest from both
    assert selection.rejected[0].pool_index == 7
    assert "labelled" in selection.rejected[0].reason


def test_a_pool_of_known_frames_gives_no_request() -> None:
    selection = asked(pool([FRAMES[0], FRAMES[0]]), [label(FRAMES[0])])
    assert not selection.requests
    assert len(selection.rejected) == 2


def test_frames_of_one_batch_differ() -> None:
    near = slab(2.0)
    near.positions[-1, 0] += LABELLED / 2
    selection = asked(pool([FRAMES[0], slab(2.0), near]), [label(FRAMES[0])], batch=2)
    assert [request.pool_index for request in selection.requests] == [2]


def failed(atoms: Atoms, status: LabelStatus, index: int = 0) -> Label:
    return label(atoms, cycle=1, index=index, status=status)


def test_the_surroundings_of_a_rejected_geometry_are_avoided(frames: Pool) -> None:
    selection = asked(frames, [label(FRAMES[0]), failed(FRAMES[7], LabelStatus.GEOMETRY_REJECTED)])
    for request in selection.requests:
        assert nearest(request.atoms, [FRAMES[7]])[1] >= EXCLUSION
    assert "geometry_rejected" in selection.rejected[0].reason


def test_an_scf_failure_spoils_its_surroundings_when_it_is_repeated(frames: Pool) -> None:
    once = [label(FRAMES[0]), failed(FRAMES[7], LabelStatus.SCF_NOT_CONVERGED)]
    assert 6 in [request.pool_index for request in asked(frames, once, batch=7).requests]
    twice = [*once, failed(FRAMES[6], LabelStatus.SCF_NOT_CONVERGED, 1)]
    for request in asked(frames, twice, batch=4).requests:
        assert nearest(request.atoms, FRAMES[6:])[1] >= EXCLUSION


def test_no_surroundings_are_lost_where_dft_has_succeeded(frames: Pool) -> None:
    labels = [label(FRAMES[0]), label(FRAMES[5]), failed(FRAMES[6], LabelStatus.GEOMETRY_REJECTED)]
    assert asked(frames, labels).requests[0].pool_index == 7


def test_a_crash_spoils_its_own_structure_alone(frames: Pool) -> None:
    selection = asked(frames, [label(FRAMES[0]), label(FRAMES[7], status=LabelStatus.CRASHED)], batch=3)
    assert len(selection.requests) == 3
    assert 7 not in [request.pool_index for request in selection.requests]


def test_colliding_frames_are_not_asked_for() -> None:
    colliding = slab(2.0)
    colliding.positions[-1] = colliding.positions[-2] + [0, 0, 0.8]
    selection = asked(pool([FRAMES[0], slab(2.0), colliding]), [label(FRAMES[0])])
    assert [request.pool_index for request in selection.requests] == [1]
    assert "apart" in selection.rejected[0].reason
