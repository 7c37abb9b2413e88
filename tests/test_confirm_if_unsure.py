"""`simulation.confirm_minimum: if_unsure`, the default: DFT is asked only where the model is not sure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.constraints import FixBondLength
from ase.optimize import BFGS

from al_workflows import offline, steps
from al_workflows.curvature import AMPLITUDE, Modes, modes, next_mode, with_spread
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.potential import PotentialCalculator
from al_workflows.records import Label, Request, StopReason, Verdict, VerdictKind
from al_workflows.results import RunResult
from al_workflows.run_directory import read_run_directory
from al_workflows.simulations.displacement import MODEL_NEGATIVE
from al_workflows.spec import RunSpec
from al_workflows.termination import Progress
from al_workflows.termination.curvature import CURVATURE, MAX_IF_UNSURE
from tests.builders import EMPTY, bridge, cycle, label, pool, run_spec, slab


def by_emt(request: Request, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), directory=directory)


@pytest.fixture(scope="module")
def minimum(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path]:
    where = tmp_path_factory.mktemp("minimum")
    return offline.run(run_spec(), slab(1.6, seed=0), where, labeller=by_emt), where


def test_a_stiff_minimum_costs_no_call(minimum: tuple[RunResult, Path], tmp_path: Path) -> None:
    result, where = minimum
    spec = run_spec(simulation={"kind": "relaxation", "fmax": 0.05, "confirm_minimum": "never"})
    plain = offline.run(spec, slab(1.6, seed=0), tmp_path, labeller=by_emt)
    assert (result.verdict.kind, result.verdict.criterion) == (VerdictKind.CONVERGED, CURVATURE)
    assert [one.energy for one in result.labels] == [one.energy for one in plain.labels]
    assert len(result.cycles) == len(plain.cycles) + 1
    assert result.cycles[-1].dft_calls == 0
    assert "sure of its softest mode" in result.verdict.reason
    history = read_run_directory(where)
    assert history.pools[len(result.cycles) - 1].stop_reason is StopReason.MODES_CHECKED


def test_it_falls_off_a_saddle(tmp_path: Path) -> None:
    simulation = {"kind": "relaxation", "fmax": 0.05, "leave_saddles": False, "also_from_start": False}
    result = offline.run(run_spec(simulation=simulation), bridge(), tmp_path, labeller=by_emt)
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.answer is not None
    assert modes(result.answer.atoms, EMT()).negative() == 0


def at_rest(*constraints: object) -> Label:
    """The label of cycle 1 of a structure without forces under its constraints."""
    found = slab(1.6)
    found.set_constraint([*found.constraints, *constraints])
    found.calc = EMT()
    BFGS(found, logfile=None).run(fmax=0.01)
    found.calc = None
    return label(found, cycle=1)


def judged(spec: RunSpec, point: Label, *beside: Label, tries: int | None = None) -> Verdict:
    """The check of the cycle that labelled ``point``, or of the one behind ``tries`` displacements from it."""
    start = label(slab(2.0))
    if tries is None:
        return steps.check(spec, Progress(1, EMPTY, (point,), None, (start,), (cycle(0),)))
    asks = Verdict(VerdictKind.CONTINUE, CURVATURE, "test", label_key=point.key)
    history = (cycle(0), *(replace(cycle(1 + n), verdict=asks) for n in range(tries + 1)))
    now = 2 + tries
    own = tuple(one for one in beside if one.cycle == now)
    before = (start, point, *(one for one in beside if one.cycle < now))
    there = replace(pool([point.atoms]), stop_reason=StopReason.DISPLACED, measures={MODEL_NEGATIVE: 0.0})
    return steps.check(spec, Progress(now, EMPTY, own, there, before, history))


def displaced_from(point: Label, asked_in: int, curvature: float) -> Label:
    """The label of ``asked_in`` of a structure beside ``point``, of a parabola of ``curvature`` (eV/Å²)."""
    assert point.energy is not None
    assert point.forces is not None
    shift = np.zeros_like(point.forces)
    shift[-1, asked_in % 3] = AMPLITUDE
    moved = point.atoms.copy()
    moved.set_constraint()
    moved.positions += shift
    moved.set_constraint(point.atoms.constraints)
    slope = -float(np.vdot(point.forces, shift)) / AMPLITUDE
    energy = point.energy + slope * AMPLITUDE + curvature * AMPLITUDE**2 / 2
    request = replace(label(moved, cycle=asked_in).request, strategy=CURVATURE)
    return label(moved, cycle=asked_in, request=request, energy=energy, forces=point.forces - curvature * shift)


def test_where_dft_cannot_be_asked_forces_decide() -> None:
    point = at_rest()
    assert judged(run_spec(), point).kind is VerdictKind.CONTINUE
    bent = judged(run_spec(), at_rest(FixBondLength(7, 8)))
    spent = judged(run_spec(termination={"max_dft_calls": 2}), point)
    last = judged(run_spec(termination={"max_cycles": 1}), point)
    assert [(one.kind, one.criterion) for one in (bent, spent, last)] == [(VerdictKind.CONVERGED, "dft_force")] * 3


def test_what_stays_open_has_converged_by_its_forces_and_says_so() -> None:
    point = at_rest()
    flat = [displaced_from(point, 2 + n, 0.0) for n in range(MAX_IF_UNSURE)]
    going = judged(run_spec(), point, *flat[:-1], tries=MAX_IF_UNSURE - 2)
    ended = judged(run_spec(), point, *flat, tries=MAX_IF_UNSURE - 1)
    assert (going.kind, ended.kind) == (VerdictKind.CONTINUE, VerdictKind.CONVERGED)
    assert "did not tell" in ended.reason
    spent = judged(run_spec(termination={"max_dft_calls": 3}), point, flat[0], tries=0)
    assert (spent.kind, spent.label_key) == (VerdictKind.CONVERGED, point.key)
    assert "is open" in spent.reason


def test_a_negative_curvature_is_no_minimum_whatever_is_left_to_ask() -> None:
    point = at_rest()
    verdict = judged(run_spec(), point, displaced_from(point, 2, -0.3), tries=0)
    assert (verdict.kind, verdict.label_key) == (VerdictKind.CONTINUE, None)
    assert "no minimum" in verdict.reason
    spent = judged(run_spec(termination={"max_dft_calls": 3}), point, displaced_from(point, 2, -0.3), tries=0)
    assert spent.kind is VerdictKind.BUDGET_SPENT


def test_the_mode_that_may_be_lowest_is_asked_first_and_only_where_its_sign_is_open() -> None:
    axes = np.eye(6).reshape(6, 2, 3)
    curvatures = np.array([0.1, 0.5, 0.8, 1.0, 1.0, 2.0])
    sure = Modes(curvatures, axes, 0.2 * curvatures)
    assert next_mode(sure, [], 0.0, if_unsure=True) is None
    open_sign = Modes(curvatures, axes, np.array([0.02, 0.3, 0.1, 0.1, 0.1, 1.2]))
    assert next_mode(open_sign, [], 0.0, if_unsure=True) == 5
    assert next_mode(open_sign, [axes[5]], 0.0, if_unsure=True) == 1
    assert next_mode(open_sign, [axes[5], axes[1]], 0.0, if_unsure=True) is None
    no_ensemble = Modes(curvatures, axes)
    assert next_mode(no_ensemble, [], 0.0, if_unsure=True) == 0
    assert next_mode(no_ensemble, [axes[0]], 0.0, if_unsure=True) is None


def test_the_spread_of_a_curvature_is_that_of_the_members() -> None:
    labels = [label(slab(height)) for height in (1.4, 1.7)]
    calculator = PotentialCalculator(steps.train(run_spec(), 1, labels))
    atoms = labels[0].atoms
    found = with_spread(modes(atoms, calculator), atoms, calculator)
    assert found.spread is not None
    assert found.spread.shape == found.curvatures.shape
    assert (found.spread > 0).all()
    bounds = found.at_least()
    assert bounds is not None
    assert (bounds < found.curvatures).all()
    assert with_spread(modes(atoms, EMT()), atoms, EMT()).spread is None
