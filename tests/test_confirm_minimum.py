"""`simulation.confirm_minimum`: small forces are not enough, and a run falls off a saddle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixBondLength
from ase.io import read
from ase.optimize import BFGS

from al_workflows import offline, steps
from al_workflows.curvature import AMPLITUDE, TOLERANCE, displaced, modes
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import InputError
from al_workflows.preflight import prepare_structure
from al_workflows.records import Cycle, Label, LabelStatus, Pool, Request, StopReason, Verdict, VerdictKind
from al_workflows.results import RunResult
from al_workflows.run_directory import read_run_directory
from al_workflows.simulations.displacement import ASKED_CURVATURE, SHARES, Displacement, beside_saddle, energy_on
from al_workflows.spec import RunSpec
from al_workflows.start import simulation_start
from al_workflows.structures import max_force
from al_workflows.termination import Progress
from al_workflows.termination.curvature import CURVATURE, LOWEST_CURVATURE, MAX_DISPLACEMENTS, open_question, questions
from launchpad.examples import copy_example
from tests.builders import EMPTY, bridge, cycle, label, pool, run_spec, slab


def confirming(fmax: float = 0.05, **changes: Any) -> RunSpec:
    """A run whose relaxations stay on the saddles of the model, so that it is DFT's word that takes it off."""
    simulation: dict[str, Any] = {"kind": "relaxation", "fmax": fmax, "confirm_minimum": "always"}
    simulation |= {"leave_saddles": False, "also_from_start": False} | changes.pop("simulation", {})
    return run_spec(simulation=simulation, **changes)


def by_emt(request: Request, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), directory=directory)


def answers(result: RunResult) -> list[Label]:
    """The labels that were asked for to tell a curvature."""
    return [one for one in result.labels if one.request.strategy == CURVATURE]


# --- whole runs -------------------------------------------------------------------------------------------------


def test_the_example_falls_off_the_second_order_saddle_and_ends_in_the_minimum(tmp_path: Path) -> None:
    copy_example("relax", tmp_path)
    start = read(tmp_path / "c_cu100.extxyz")
    found = offline.run(confirming(seed=0), start, tmp_path / "run", labeller=by_emt)
    first = questions(found.cycles, found.labels)[0].point
    assert modes(first.atoms, EMT()).negative() == 2
    assert found.verdict.kind is VerdictKind.CONVERGED
    answer = found.answer
    assert answer is not None
    assert answer.energy is not None
    assert first.energy is not None
    assert answer.energy < first.energy - 0.3
    assert modes(answer.atoms, EMT()).curvatures[0] > 0.3
    assert "no minimum" in " ".join(one.verdict.reason for one in found.cycles)


@pytest.fixture(scope="module")
def minimum(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path]:
    where = tmp_path_factory.mktemp("minimum")
    return offline.run(confirming(), slab(1.6, seed=0), where, labeller=by_emt), where


def test_in_a_minimum_it_costs_one_call(minimum: tuple[RunResult, Path], tmp_path: Path) -> None:
    result, _ = minimum
    spec = confirming(simulation={"confirm_minimum": "never"})
    plain = offline.run(spec, slab(1.6, seed=0), tmp_path, labeller=by_emt)
    assert plain.verdict.criterion == "dft_force"
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.dft_calls == plain.dft_calls + 1
    assert [one.energy for one in result.labels[:-1]] == [one.energy for one in plain.labels]
    assert result.answer is not None
    assert plain.answer is not None
    assert result.answer.energy == plain.answer.energy


def test_the_verdict_names_its_evidence(minimum: tuple[RunResult, Path]) -> None:
    result, _ = minimum
    (asked,) = answers(result)
    assert result.answer is not None
    point = result.answer
    shift = asked.atoms.positions - point.atoms.positions
    assert np.linalg.norm(shift, axis=1).max() == pytest.approx(AMPLITUDE)
    assert not shift[point.atoms.constraints[0].index].any()
    assert f"from {point.key.partition('/')[2]}: is that a minimum?" in asked.request.reason
    assert asked.request.predicted_energy is not None
    evidence = result.verdict.evidence
    assert evidence[LOWEST_CURVATURE] > 0.3
    assert evidence["model_negative_modes"] == 0
    assert point.forces is not None
    assert evidence["fmax_eV_per_A"] == max_force(point.atoms, point.forces) <= 0.05
    assert "eV/Å²" in result.verdict.reason
    assert "the model's word" in result.verdict.reason
    asking, learning, closing = result.cycles[-3:]
    assert (asking.verdict.kind, asking.verdict.label_key) == (VerdictKind.CONTINUE, point.key)
    assert (learning.dft_calls, learning.trust_radius) == (1, None)
    assert (closing.dft_calls, closing.trust_radius, closing.fmax) == (0, None, None)


def test_its_pools_are_kept_and_are_no_relaxations(minimum: tuple[RunResult, Path]) -> None:
    result, where = minimum
    history = read_run_directory(where)
    last = len(result.cycles) - 1
    assert history.pools[last].stop_reason is StopReason.MODES_CHECKED
    assert history.pools[last - 1].stop_reason is StopReason.DISPLACED
    assert history.pools[last].measures["model_curvature_eV_per_A2"] > TOLERANCE
    assert set(history.relaxations) == set(history.pools) - {last, last - 1}


def test_running_it_again_gives_the_same_run(minimum: tuple[RunResult, Path]) -> None:
    result, where = minimum
    again = offline.run(confirming(), slab(1.6, seed=0), where, labeller=by_emt)
    assert [one.verdict for one in again.cycles] == [one.verdict for one in result.cycles]


def test_a_failed_displacement_is_tried_on_the_other_side(tmp_path: Path) -> None:
    def sometimes(request: Request, directory: Path) -> Label:
        if request.strategy == CURVATURE and not (tmp_path / "failed").exists():
            (tmp_path / "failed").touch()
            return label(request.atoms, status=LabelStatus.SCF_NOT_CONVERGED, request=request)
        return by_emt(request, directory)

    result = offline.run(confirming(), bridge(), tmp_path, labeller=sometimes)
    question = questions(result.cycles, result.labels)[0]
    lost, one = question.displaced[:2]
    assert not lost.ok
    assert one.ok
    there, here = (moved.atoms.positions - question.point.atoms.positions for moved in (lost, one))
    assert np.vdot(there, here) / np.linalg.norm(there) / np.linalg.norm(here) < -0.9
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.answer is not None
    assert modes(result.answer.atoms, EMT()).curvatures[0] > 0.3


def test_a_run_that_begins_at_its_start_each_time_does_not_return_to_the_saddle(tmp_path: Path) -> None:
    spec = confirming(simulation={"start_from": "start"})
    result = offline.run(spec, bridge(), tmp_path, labeller=by_emt)
    places = [question.point for question in questions(result.cycles, result.labels)]
    assert [one.energy for one in places] == sorted((one.energy for one in places), reverse=True)
    assert len(places) > 1
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.answer is not None
    assert modes(result.answer.atoms, EMT()).curvatures[0] > 0.3


@pytest.mark.parametrize("kind", ["random", "farthest"])
def test_other_strategies_leave_the_displacement_alone(kind: str, tmp_path: Path) -> None:
    spec = confirming(0.1, query={"kind": kind, "batch": 3})
    result = offline.run(spec, slab(1.5), tmp_path, labeller=by_emt)
    assert {len([one for one in answers(result) if one.cycle == k]) for k in range(len(result.cycles))} == {0, 1}


# --- the criterion ----------------------------------------------------------------------------------------------


def point(fmax: float = 0.02) -> Label:
    """A label with small forces; cycle 1 asked for it."""
    forces = np.zeros((9, 3))
    forces[-1, 2] = fmax
    return label(slab(), cycle=1, energy=0.0, forces=forces)


def beside(curvature: float, number: int = 2) -> Label:
    """A label 0.2 Å beside the point along x of the last atom, on a parabola of that curvature (eV/Å²)."""
    atoms = slab()
    atoms.positions[-1, 0] += 0.2
    forces = np.zeros((9, 3))
    forces[-1] = [-0.2 * curvature, 0.0, 0.02]
    request = Request(f"run/{number:04d}/00", atoms, strategy=CURVATURE, reason="test")
    return label(atoms, energy=0.02 * curvature, forces=forces, request=request)


def asking(*others: Cycle) -> tuple[Cycle, ...]:
    """A history whose cycle 1 asked about the point."""
    asks = Verdict(VerdictKind.CONTINUE, CURVATURE, "is it?", label_key=point().key)
    return (
        cycle(0),
        Cycle(1, asks, 1, 0.02, 0.0, 0.8, {}),
        *(Cycle(n.index, asks, 1, 0.1, 0.1, None, {}) for n in others),
    )


def asked(
    *labels: Label, tries: int = 0, reason: StopReason = StopReason.DISPLACED, spec: RunSpec | None = None
) -> Verdict:
    """The check of the cycle behind ``tries`` displacements; the last label is its own, if it is of that cycle."""
    history = asking(*(cycle(2 + n) for n in range(tries)))
    now = 2 + tries
    own = tuple(one for one in labels if one.cycle == now)
    before = (label(slab(2.0)), point(), *(one for one in labels if one.cycle < now))
    frames = pool([slab()])
    there = Pool(
        *(getattr(frames, name) for name in ("template", "positions", "energies", "forces", "uncertainties")),
        reason,
        "",
        {"model_negative_modes": 1.0},
    )
    return steps.check(spec or confirming(0.03), Progress(now, EMPTY, own, there, before, history))


def test_small_forces_are_a_question() -> None:
    progress = Progress(1, EMPTY, (point(),), None, (label(slab(2.0)),), (cycle(0),))
    verdict = steps.check(confirming(0.03), progress)
    assert (verdict.kind, verdict.criterion, verdict.label_key) == (VerdictKind.CONTINUE, CURVATURE, point().key)
    assert "whether that is a minimum" in verdict.reason
    assert steps.check(confirming(0.03, simulation={"confirm_minimum": "never"}), progress).criterion == "dft_force"
    assert steps.check(confirming(0.01), progress).criterion == "none"


def test_a_positive_curvature_is_learned_from_before_it_is_believed() -> None:
    verdict = asked(beside(0.5))
    assert (verdict.kind, verdict.label_key) == (VerdictKind.CONTINUE, point().key)
    assert verdict.evidence[LOWEST_CURVATURE] == pytest.approx(0.5)
    verdict = asked(beside(0.5), tries=1, reason=StopReason.MODES_CHECKED)
    assert (verdict.kind, verdict.label_key) == (VerdictKind.CONVERGED, point().key)


@pytest.mark.parametrize(("curvature", "saddle"), [(-0.9 * TOLERANCE, False), (-1.1 * TOLERANCE, True)])
def test_a_negative_curvature_beyond_the_tolerance_sends_the_run_on(curvature: float, saddle: bool) -> None:
    verdict = asked(beside(curvature))
    assert verdict.kind is VerdictKind.CONTINUE
    assert (verdict.label_key is None) == saddle
    assert ("no minimum" in verdict.reason) == saddle


def test_what_dft_cannot_tell_stays_undecided_and_the_structure_is_still_the_answer() -> None:
    tries = MAX_DISPLACEMENTS - 1
    failures = [
        label(slab(), status=LabelStatus.CRASHED, request=beside(0.1, 2 + n).request) for n in range(MAX_DISPLACEMENTS)
    ]
    verdict = asked(*failures[:1])
    assert (verdict.kind, verdict.label_key) == (VerdictKind.CONTINUE, point().key)
    verdict = asked(*failures, tries=tries)
    assert (verdict.kind, verdict.label_key) == (VerdictKind.STALLED, point().key)
    assert "did not tell" in verdict.reason
    refused = asked(tries=tries)  # no displaced structure passed the gate
    assert (refused.kind, refused.label_key) == (VerdictKind.STALLED, point().key)


def test_the_budget_ends_a_question_and_names_the_structure_in_question() -> None:
    verdict = asked(beside(0.5), spec=confirming(0.03, termination={"max_dft_calls": 3}))
    assert (verdict.kind, verdict.label_key) == (VerdictKind.BUDGET_SPENT, point().key)
    assert "0.50 eV/Å²" in verdict.reason
    verdict = asked(beside(-0.5), spec=confirming(0.03, termination={"max_dft_calls": 3}))
    assert (verdict.kind, verdict.label_key) == (VerdictKind.BUDGET_SPENT, None)


def test_a_question_is_no_stall() -> None:
    spec = confirming(0.03, termination={"stall_cycles": 1})
    assert asked(beside(0.5), spec=spec).kind is VerdictKind.CONTINUE


# --- the displacement -------------------------------------------------------------------------------------------


class Nothing(Calculator):  # type: ignore[misc]  # ase is untyped
    """Predicts no number."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(self, atoms: Any = None, properties: Any = (), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": float("nan"), "forces": np.full((len(self.atoms), 3), np.nan)}


def test_a_displacement_is_downhill_and_after_failures_elsewhere() -> None:
    atoms = slab(1.5, seed=3)  # with forces
    found = modes(atoms, EMT())
    one = label(atoms)
    shifts = [Displacement(one, [], tries).run(EMT()).positions[1] - atoms.positions for tries in range(5)]
    down = np.sign(np.vdot(one.forces, found.directions[0]))
    assert np.vdot(shifts[0], found.directions[0]) * down > 0
    sizes = [np.vdot(shift, shifts[0]) / np.vdot(shifts[0], shifts[0]) for shift in shifts]
    assert sizes == pytest.approx([*SHARES, SHARES[0]])


def test_what_is_near_zero_on_one_side_is_asked_about_on_the_other() -> None:
    atoms = slab(1.5)
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=0.01)
    atoms.calc = None
    point = label(atoms)
    there = label(displaced(atoms, modes(atoms, EMT()).directions[0]), cycle=2)
    assert Displacement(point, [there], 1).run(EMT()).stop_reason is StopReason.MODES_CHECKED
    flat = replace(there, energy=point.energy, forces=point.forces)  # as noise might have it
    pool = Displacement(point, [flat], 1).run(EMT())
    assert "to the other side" in pool.stop_detail
    assert pool.positions[1] + there.atoms.positions == pytest.approx(2 * atoms.positions)
    both = [flat, label(pool.frame(1))]
    assert Displacement(point, both, 2).run(EMT()).stop_reason is StopReason.MODES_CHECKED


def test_a_model_that_was_wrong_about_the_sign_is_asked_again() -> None:
    atoms = slab(1.5)
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=0.01)
    atoms.calc = None
    point = label(atoms, cycle=1)
    request = Request("run/0002/00", displaced(atoms, modes(atoms, EMT()).directions[-1]), CURVATURE, "test")
    there = label(request.atoms, request=request)
    asks, said = asking()[-1].verdict, {ASKED_CURVATURE: -1.0}
    history = (*asking()[:-1], replace(asking()[-1], verdict=replace(asks, label_key=point.key)))
    answered = Cycle(2, replace(asks, label_key=point.key, evidence=said), 1, 0.1, 0.1, None, {})
    right = Cycle(2, replace(asks, label_key=point.key, evidence={ASKED_CURVATURE: 1.0}), 1, 0.1, 0.1, None, {})
    for closed, surprised in ((answered, True), (right, False)):
        question = open_question((*history, closed), (point, there))
        assert question is not None
        assert question.surprised == surprised
        pool = Displacement(point, question.answered, 1, question.surprised).run(EMT())
        assert (pool.stop_reason is StopReason.DISPLACED) == surprised
        assert (ASKED_CURVATURE in pool.measures) == surprised


def test_a_model_without_numbers_asks_for_nothing() -> None:
    pool = Displacement(label(slab()), [], 0).run(Nothing())
    assert (len(pool), pool.stop_reason) == (1, StopReason.NOT_FINITE)
    assert "model_curvature_eV_per_A2" not in pool.measures


def test_a_flat_saddle_is_left_far_enough_for_a_relaxation_to_begin() -> None:
    saddle = bridge()
    down = modes(saddle, EMT()).directions[0]
    moved = displaced(saddle, down, 0.05)
    far = beside_saddle(saddle, moved, EMT(), fmax=10.0).positions - saddle.positions
    assert far == pytest.approx(3 * (moved.positions - saddle.positions))
    near = beside_saddle(saddle, moved, EMT(), fmax=1e-4)
    assert near.positions == pytest.approx(moved.positions)
    up = displaced(saddle, np.eye(27)[26].reshape(9, 3), 1.0)  # away from the surface, where the energy rises
    assert beside_saddle(saddle, up, EMT(), fmax=10.0).positions == pytest.approx(up.positions)


@pytest.mark.parametrize("higher", [False, True])
def test_the_start_behind_a_saddle_is_off_it_even_where_dft_displaced_it_upwards(higher: bool) -> None:
    saddle, request = bridge(), Request("run/0001/00", bridge(), strategy="final", reason="test")
    point = label(saddle, request=request)
    assert point.energy is not None
    moved = displaced(saddle, modes(saddle, EMT()).directions[0])
    request = Request("run/0002/00", moved, strategy=CURVATURE, reason="test")
    there = label(moved, request=request, energy=point.energy + (0.01 if higher else -0.01))
    found = Cycle(2, Verdict(VerdictKind.CONTINUE, CURVATURE, "a saddle"), 1, 0.1, 0.0, None, {})
    history = (*asking(), found)
    labels = (label(slab(2.4)), point, there)
    start = simulation_start(confirming(), slab(2.4), labels, history, EMT())
    shift = start.positions - saddle.positions
    assert np.linalg.norm(shift, axis=1).max() >= 0.999 * AMPLITUDE
    assert energy_on(EMT(), start) < energy_on(EMT(), saddle)
    unasked = simulation_start(confirming(), slab(2.4), labels, asking(), EMT())
    assert unasked.positions == pytest.approx((saddle if higher else moved).positions)


def test_constraints_without_straight_directions_are_refused_before_anything_runs() -> None:
    atoms = slab()
    atoms.set_constraint(FixBondLength(0, 8))
    prepare_structure(run_spec(), atoms)
    with pytest.raises(InputError, match=r"start\.extxyz: `simulation\.confirm_minimum`.*FixBondLengths"):
        prepare_structure(confirming(), atoms)


def test_a_pool_keeps_its_measures_and_an_old_one_has_none() -> None:
    found = Displacement(label(slab(1.5)), [], 0).run(EMT())
    assert Pool.from_bytes(found.to_bytes()).measures == found.measures != {}
    assert pool([slab()]).measures == {}
