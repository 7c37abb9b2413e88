"""Single points that run at once: beyond the last frame, beside it, and no more than there is to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.constraints import FixBondLength

from al_workflows import offline, steps
from al_workflows.errors import InputError
from al_workflows.geometry import nearest
from al_workflows.potential import Potential, PotentialCalculator
from al_workflows.queries import Choice
from al_workflows.queries.parallel import AMPLITUDES, CONFIDENCE, STIFFNESS, disputed
from al_workflows.records import Label, Pool, Request, Selection, StopReason
from al_workflows.registry import query_of, simulation_of
from al_workflows.selection import APART
from al_workflows.simulations.relaxation import Relaxation
from al_workflows.spec import RelaxationSpec
from al_workflows.structures import max_force, min_distance_ratio
from tests.builders import label, run_spec, slab

PROCESS = {"kind": "gaussian_process", "features": 200}
START = slab(2.6, seed=0)


def by_emt(request: Request, directory: Path) -> Label:
    return label(request.atoms, request=request)


def spec(**changes: Any) -> Any:
    return run_spec(potential=PROCESS, query={"kind": "parallel", "single_points": 4}, **changes)


@pytest.fixture(scope="module")
def potential() -> Potential:
    return steps.train(spec(), 1, [label(START)])


@pytest.fixture(scope="module")
def stopped(potential: Potential) -> Pool:
    """A relaxation that its trust radius ended."""
    simulation = Relaxation(RelaxationSpec(max_uncertainty=None), 0.6, 0.2)
    pool = simulation.run(START, PotentialCalculator(potential), [START], np.random.default_rng(0))
    assert pool.stop_reason is StopReason.TRUST_RADIUS
    return pool


def asked(pool: Pool, potential: Potential, labels: list[Label] | None = None) -> Selection:
    return steps.query(spec(), "run", 1, pool, potential, labels or [label(START)])


def ranked(pool: Pool, potential: Potential) -> list[Choice]:
    return list(query_of(spec()).rank(pool, potential, [START], np.random.default_rng(0)))


def test_the_last_frame_is_first_and_every_request_says_why(stopped: Pool, potential: Potential) -> None:
    requests = asked(stopped, potential).requests
    assert requests[0].pool_index == len(stopped) - 1
    assert len(requests) == 4
    assert {request.pool_index for request in requests[1:]} == {None}
    for request in requests[1:]:
        assert "beyond the last frame" in request.reason or "to teach curvature" in request.reason
    assert any("beyond" in request.reason for request in requests)


def test_proposals_carry_what_the_model_says_of_them(stopped: Pool, potential: Potential) -> None:
    for request in asked(stopped, potential).requests[1:]:
        assert request.predicted_forces is not None
        found = potential.predict(request.atoms)
        assert request.predicted_energy == pytest.approx(found.energy, abs=1e-9)
        np.testing.assert_allclose(request.predicted_forces, found.forces, atol=1e-9)
        assert request.uncertainty == pytest.approx(found.force_std.max(), abs=1e-9)
        again = Request.from_dict(request.to_dict())
        assert again.to_dict() == request.to_dict()


def test_the_batch_is_distinct_and_passes_the_gate(stopped: Pool, potential: Potential) -> None:
    requests = asked(stopped, potential).requests
    for index, request in enumerate(requests):
        others = [other.atoms for other in requests[:index]]
        assert nearest(request.atoms, [START])[1] > 1e-3
        assert nearest(request.atoms, others)[1] >= APART
        assert min_distance_ratio(request.atoms).ratio >= spec().dft.min_distance


def test_fixed_atoms_stay_where_they_are(stopped: Pool, potential: Potential) -> None:
    fixed = START.constraints[0].index
    for choice in ranked(stopped, potential):
        assert np.array_equal(choice.structure(stopped).atoms.positions[fixed], START.positions[fixed])


def test_it_repeats_itself(stopped: Pool, potential: Potential) -> None:
    one, other = asked(stopped, potential), asked(stopped, potential)
    assert [request.to_dict() for request in one.requests] == [request.to_dict() for request in other.requests]


def relaxed(labels: list[Label]) -> tuple[Pool, Potential]:
    """The relaxation on what ``labels`` teach."""
    learned = steps.train(spec(), 1, labels)
    simulation = simulation_of(spec(simulation={"kind": "relaxation", "fmax": 0.05, "trust_radius": None}), None)
    return simulation.run(labels[-1].atoms, PotentialCalculator(learned), [], np.random.default_rng(0)), learned


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> list[Label]:
    """The labels of a run that has converged."""
    result = offline.run(run_spec(potential=PROCESS), START, tmp_path_factory.mktemp("run"), labeller=by_emt)
    assert result.verdict.kind.value == "CONVERGED"
    return list(result.labels)


def test_nothing_else_is_asked_where_the_model_is_sure(labels: list[Label]) -> None:
    pool, learned = relaxed(labels)
    pool.uncertainties[-1] = 0.001
    assert pool.stop_reason is StopReason.CONVERGED
    rank = query_of(spec()).rank(pool, learned, [START], np.random.default_rng(0))
    assert [choice.index for choice in rank] == [len(pool) - 1]


def test_beside_a_converged_frame_curvature_is_asked_as_far_as_it_is_disputed(labels: list[Label]) -> None:
    pool, learned = relaxed(labels[:-1])
    pool.uncertainties[-1] = 1.0
    last = pool.frame(-1)
    choices = list(query_of(spec()).rank(pool, learned, [START], np.random.default_rng(0)))[1:]
    matters = [spread for _, spread in disputed(last, learned) if CONFIDENCE * spread >= 0.05 / STIFFNESS]
    assert len(choices) == len(matters)
    for choice, spread in zip(choices, matters, strict=True):
        assert "curvature" in choice.reason
        amplitude = np.clip(CONFIDENCE * spread, *AMPLITUDES)
        assert nearest(choice.structure(pool).atoms, [last])[1] == pytest.approx(amplitude, abs=1e-6)


def test_disputes_fall_and_their_directions_are_orthonormal(potential: Potential) -> None:
    found = list(disputed(START, potential))
    norms = [float(np.linalg.norm(direction)) for direction, _ in found]
    spreads = [spread * norm for (_, spread), norm in zip(found, norms, strict=True)]
    assert spreads == sorted(spreads, reverse=True)
    some = np.array([direction.ravel() / norm for (direction, _), norm in zip(found, norms, strict=True)])
    some = some[np.array(spreads) > 1e-6]
    for direction, _ in found:
        assert np.linalg.norm(direction, axis=1).max() == pytest.approx(1.0)
    np.testing.assert_allclose(some @ some.T, np.eye(len(some)), atol=1e-8)
    held = np.array([direction[START.constraints[0].index] for direction, _ in found])
    assert np.abs(held[: len(some)]).max() < 1e-12


def test_constraints_without_straight_directions_are_kept(potential: Potential) -> None:
    tied = START.copy()
    bond = tied.get_distance(-1, -2)
    tied.set_constraint([*tied.constraints, FixBondLength(len(tied) - 1, len(tied) - 2)])
    direction, spread = next(disputed(tied, potential))
    moved = tied.copy()
    moved.set_positions(tied.positions + 0.1 * direction)
    assert spread > 0
    assert moved.get_distance(-1, -2) == pytest.approx(bond, abs=1e-6)


def test_the_model_is_not_followed_into_absurdity(stopped: Pool, potential: Potential) -> None:
    for choice in ranked(stopped, potential)[1:]:
        proposal = choice.structure(stopped)
        assert max_force(proposal.atoms, proposal.forces) <= 20.0
        assert abs(proposal.energy - stopped.energies[-1]) <= 10.0


def test_a_last_frame_that_is_labelled_makes_room_for_others(stopped: Pool, potential: Potential) -> None:
    done = [label(START), label(stopped.frame(-1), index=1)]
    selection = asked(stopped, potential, done)
    assert selection.requests
    assert "already labelled" in selection.rejected[0].reason


def test_networks_are_asked_for_their_disagreement_as_well(tmp_path: Path) -> None:
    run = run_spec(query={"kind": "parallel", "single_points": 3}, termination={"max_cycles": 2})
    result = offline.run(run, slab(2.4, seed=0), tmp_path, labeller=by_emt)
    assert max(cycle.dft_calls for cycle in result.cycles) in (2, 3)
    assert {one.request.strategy for one in result.labels} == {"start", "parallel"}


def test_what_it_needs_is_said_before_a_run() -> None:
    with pytest.raises(InputError, match=r"parallel.*potential\.members.* of 1, but must have 2 or more"):
        run_spec(query={"kind": "parallel"}, potential={"members": 1})
    with pytest.raises(InputError, match=r"single_points"):
        run_spec(query={"kind": "parallel", "single_points": 1})
