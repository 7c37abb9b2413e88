"""`simulation.confirm_minimum: if_unsure`, the default: DFT is asked only where the model is not sure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.constraints import FixBondLength
from ase.optimize import BFGS

from al_workflows import offline, steps
from al_workflows.curvature import Modes, modes, next_mode, with_spread
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.potential import PotentialCalculator
from al_workflows.records import Label, Request, StopReason, VerdictKind
from al_workflows.results import RunResult
from al_workflows.run_directory import read_run_directory
from al_workflows.termination import Progress
from al_workflows.termination.curvature import CURVATURE
from tests.builders import EMPTY, bridge, cycle, label, run_spec, slab


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


def at_rest(atoms: object = None, index: int = 1, **changes: object) -> Progress:
    found = slab(1.6)
    found.calc = EMT()
    BFGS(found, logfile=None).run(fmax=0.01)
    found.calc = None
    if atoms is not None:
        found.set_constraint(atoms)
    return Progress(index, EMPTY, (label(found, cycle=index),), None, (label(slab(2.0)),), (cycle(0),))


def test_where_dft_cannot_be_asked_forces_decide() -> None:
    bent = steps.check(run_spec(), at_rest(FixBondLength(0, 1)))
    assert bent.criterion in ("dft_force", "stall", "none")
    spent = steps.check(run_spec(termination={"max_dft_calls": 2}), at_rest())
    last = steps.check(run_spec(termination={"max_cycles": 1}), at_rest())
    assert [(one.kind, one.criterion) for one in (spent, last)] == [(VerdictKind.CONVERGED, "dft_force")] * 2


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
