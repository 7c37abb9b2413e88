"""Online active learning in this process: where it stops, what it asks, and where it goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import InputError
from al_workflows.geometry import largest_displacement
from al_workflows.online import FRAMES_BACK, place_to_go_on
from al_workflows.potential import Image, Potential, PotentialCalculator, train_potential
from al_workflows.queries.stopped import Stopped, halving, since_it_went_on
from al_workflows.records import Label, LabelStatus, Pool, Request, StopReason, VerdictKind
from al_workflows.results import RunResult, run_digest, write_result
from al_workflows.run_directory import read_run_directory
from al_workflows.simulations.dynamics import STEPS_DONE, STEPS_MOVED, Dynamics, state_of
from al_workflows.simulations.relaxation import Relaxation
from al_workflows.spec import GaussianProcessSpec, MdSpec, NetworkPotentialSpec, OnlineSpec, RelaxationSpec, RunSpec
from al_workflows.structures import max_force
from tests.builders import cycle, label, pool, run_spec, slab

ONLINE = {"loop": {"kind": "online"}}
SHORT = {"kind": "md", "steps": 60, "equilibration": 20, "stride": 5}
FAR = 1e9


def by_emt(request: Request, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), directory=directory)


def trained(labels: Sequence[Label], seed: int = 0) -> Potential:
    images = [Image(one.atoms, one.energy, one.forces) for one in labels]  # type: ignore[arg-type]
    return train_potential(images, GaussianProcessSpec(), seed=seed)


@pytest.fixture(scope="module")
def relaxed(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path]:
    where = tmp_path_factory.mktemp("online")
    return offline.run(run_spec(**ONLINE), slab(2.4, seed=0), where, by_emt), where


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path]:
    where = tmp_path_factory.mktemp("moved")
    return offline.run(run_spec(simulation=SHORT, **ONLINE), slab(1.0), where, by_emt), where


# --- whole runs -------------------------------------------------------------------------------------------------


def test_a_relaxation_goes_on_where_dft_answered(relaxed: tuple[RunResult, Path]) -> None:
    result, where = relaxed
    assert result.verdict.kind is VerdictKind.CONVERGED
    pools = read_run_directory(where).pools
    stops = [number for number, one in pools.items() if one.stop_reason is StopReason.UNCERTAIN]
    assert len(stops) >= 3
    for number in stops:
        (asked,) = (one for one in result.labels if one.cycle == number)
        assert asked.request.strategy == "online"
        assert asked.request.uncertainty is not None
        assert asked.request.uncertainty > 0.05
        assert "uncertain by" in asked.request.reason
        assert "limit 0.05" in asked.request.reason
        assert (asked.atoms.positions == pools[number].positions[-1]).all()
        if not pools[number + 1].began and pools[number + 1].stop_reason is not StopReason.MODES_CHECKED:
            assert (pools[number + 1].positions[0] == asked.atoms.positions).all()


def test_it_ends_with_dfts_word(relaxed: tuple[RunResult, Path]) -> None:
    answer = relaxed[0].answer
    assert answer is not None
    atoms = answer.atoms.copy()
    atoms.calc = EMT()
    assert max_force(atoms, atoms.get_forces(apply_constraint=False)) <= 0.05


def test_a_frame_that_was_followed_was_sure_or_beside_a_label(relaxed: tuple[RunResult, Path]) -> None:
    result, where = relaxed
    for number, one in read_run_directory(where).pools.items():
        known = [other.atoms for other in result.labels if other.cycle < number]
        for index in range(len(one) - 1):
            near = min(largest_displacement(one.frame(index), atoms) for atoms in known)
            assert one.uncertainties[index] <= 0.05 or near <= 0.05


def test_result_and_report_say_how_far_the_uncertainty_was_right(
    relaxed: tuple[RunResult, Path], tmp_path: Path
) -> None:
    from al_workflows.analysis.figures_model import uncertainty
    from al_workflows.analysis.report import facts

    result, where = relaxed
    write_result(result, tmp_path)
    found = json.loads((tmp_path / "result.json").read_text())["uncertainty_calibration"]
    assert found["frames"] == sum(one.request.predicted_forces is not None for one in result.labels) >= 4
    assert 0.05 < found["rms_error_over_uncertainty"] < 20
    assert 0 <= found["share_within_2"] <= 1
    history = read_run_directory(where)
    assert dict(facts(history))["force error ÷ uncertainty"].endswith("within 2")
    assert uncertainty(history) is not None


def test_a_lower_threshold_asks_more_often(relaxed: tuple[RunResult, Path], tmp_path: Path) -> None:
    strict = run_spec(loop={"kind": "online", "threshold": 0.01})
    assert offline.run(strict, slab(2.4, seed=0), tmp_path, by_emt).dft_calls > relaxed[0].dft_calls


def test_dynamics_are_one_trajectory_over_the_cycles(moved: tuple[RunResult, Path]) -> None:
    result, where = moved
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.verdict.criterion == "force_error"
    assert "2 new trajectories in a row" in result.verdict.reason
    pools = read_run_directory(where).pools
    stops = [number for number, one in pools.items() if one.stop_reason is StopReason.UNCERTAIN]
    continued = 0
    for number in stops:
        before, after = pools[number].motion, pools[number + 1].motion
        assert before is not None
        assert after is not None
        if pools[number + 1].began or after.stage != before.stage:
            continue
        continued += 1
        assert after.steps[0] == before.steps[-1]
        assert (after.positions[0] == before.positions[-1]).all()
        assert (after.momenta[0] == before.momenta[-1]).all()
    assert continued >= 2
    whole = [one for one in pools.values() if one.stop_reason is StopReason.MAX_STEPS]
    assert all(len(one) == 60 // 5 + 1 for one in whole)


def test_a_budget_is_kept(tmp_path: Path) -> None:
    result = offline.run(run_spec(termination={"max_dft_calls": 3}, **ONLINE), slab(2.4, seed=0), tmp_path, by_emt)
    assert (result.verdict.kind, result.dft_calls) == (VerdictKind.BUDGET_SPENT, 3)


def test_an_interrupted_run_is_taken_up_with_the_same_numbers(tmp_path: Path) -> None:
    spec, start = run_spec(termination={"max_dft_calls": 5}, **ONLINE), slab(2.4, seed=0)

    def killed(done: object, progress: Any) -> None:
        if progress.index == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        offline.run(spec, start, tmp_path / "run", listener=killed)
    taken_up = offline.run(spec, start, tmp_path / "run")
    whole = offline.run(spec, start, tmp_path / "whole", by_emt)
    assert [one.atoms.positions.tolist() for one in taken_up.labels] == [
        one.atoms.positions.tolist() for one in whole.labels
    ]
    assert taken_up.verdict == whole.verdict


@pytest.mark.parametrize("simulation", [{"kind": "relaxation", "fmax": 0.05}, SHORT], ids=lambda one: one["kind"])
def test_a_failed_single_point_sends_it_back(simulation: dict[str, Any], tmp_path: Path) -> None:
    def answer(request: Request, directory: Path) -> Label:
        if request.key.endswith("/0002/00"):
            return replace(label(request.atoms, status=LabelStatus.SCF_NOT_CONVERGED), request=request)
        return by_emt(request, directory)

    start = slab(2.4, seed=0) if simulation["kind"] == "relaxation" else slab(1.0)
    result = offline.run(run_spec(simulation=simulation, **ONLINE), start, tmp_path, answer)
    assert result.verdict.kind is VerdictKind.CONVERGED
    pools = read_run_directory(tmp_path).pools
    assert "no frame of the last cycle was answered" in pools[3].began
    assert pools[3].began in result.cycles[3].verdict.reason
    second, third = pools[2], pools[3]
    if second.motion is None or third.motion is None:
        assert (third.positions[0] == second.positions[0]).all()
    else:
        assert (third.motion.positions[0] == second.motion.positions[0]).all()
        assert np.abs(third.motion.momenta[0] - second.motion.momenta[0]).max() > 0.1
    asked = [one.atoms for one in result.labels]
    assert all(largest_displacement(a, b) > 1e-4 for n, a in enumerate(asked) for b in asked[:n])


def test_where_dft_always_fails_it_ends_with_a_reason(tmp_path: Path) -> None:
    def answer(request: Request, directory: Path) -> Label:
        if request.key.endswith("/0000/00"):
            return by_emt(request, directory)
        return replace(label(request.atoms, status=LabelStatus.TIMED_OUT), request=request)

    result = offline.run(run_spec(**ONLINE), slab(2.4, seed=0), tmp_path, answer)
    assert result.verdict.kind in (VerdictKind.FAILED, VerdictKind.STALLED)
    assert "failed, the last by timed_out" in result.verdict.reason
    assert len(result.cycles) <= 14


def test_it_learns_from_other_runs_as_well(relaxed: tuple[RunResult, Path], tmp_path: Path) -> None:
    """DFT is not asked for the start then; the first place to go on from is one without any label of its own."""
    spec = run_spec(seed=5, sharing={}, **ONLINE)
    result = offline.run(spec, slab(2.3, seed=3), tmp_path, by_emt, borrowed=relaxed[0].labels)
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.cycles[0].dft_calls == 0
    assert result.dft_calls < relaxed[0].dft_calls


def test_the_papers_ensemble_runs(tmp_path: Path) -> None:
    potential = {"kind": "behler_parrinello", "members": 3, "hidden": [10], "bagging": True}
    spec = run_spec(potential=potential, termination={"max_dft_calls": 5}, **ONLINE)
    result = offline.run(spec, slab(2.0, seed=0), tmp_path, by_emt)
    assert result.verdict.kind in (VerdictKind.CONVERGED, VerdictKind.BUDGET_SPENT)
    assert all(one.request.uncertainty for one in result.labels[1:])


# --- going back -------------------------------------------------------------------------------------------------


def driven_too_far(threshold: float = 5.0) -> tuple[Pool, Label, Label]:
    """A relaxation on a model of one label that believed itself too long, and DFT's word on where it stopped."""
    first = label(slab(2.4, seed=0))
    relaxation = Relaxation(RelaxationSpec(), 0.6, 0.8, online=OnlineSpec(threshold=threshold))
    calculator = PotentialCalculator(trained([first]))
    found = relaxation.run(first.atoms, calculator, [first.atoms], np.random.default_rng(0))
    last = len(found) - 1
    request = Request(
        "run/0001/00", found.frame(-1), "online", "", last, float(found.energies[-1]), found.forces[-1], 0.01
    )
    return found, first, replace(label(found.frame(-1), cycle=1), request=request)


def test_it_goes_back_where_dft_was_surprising() -> None:
    found, first, second = driven_too_far()
    assert len(found) > 3
    model = trained([first, second])
    rng = np.random.default_rng(0)
    place = place_to_go_on(run_spec(**ONLINE), found, [first, second], [cycle(0), cycle(1)], model, rng)
    assert place is not None
    assert 0 < place.back < len(found)
    assert "0001/00" in place.reason
    assert f"back by {place.back}" in place.reason
    reached = len(found) - 1 - place.back
    assert (place.atoms.positions == found.positions[reached]).all()
    for index in range(reached):  # what it went by up to there, the new model confirms
        forces = model.predict(found.frame(index)).forces
        assert np.linalg.norm(forces - found.forces[index], axis=1).max() <= 3 * 0.05
    never = run_spec(loop={"kind": "online", "rollback": None})
    there = place_to_go_on(never, found, [first, second], [cycle(0), cycle(1)], model, rng)
    assert there is not None
    assert (there.back, there.reason) == (0, "")
    assert (there.atoms.positions == found.positions[-1]).all()


def test_it_is_recorded(tmp_path: Path) -> None:
    spec = run_spec(loop={"kind": "online", "threshold": 0.5, "rollback": 0.2})
    result = offline.run(spec, slab(2.4, seed=0), tmp_path, by_emt)
    back = {number: one for number, one in read_run_directory(tmp_path).pools.items() if one.began}
    assert back
    for number, one in back.items():
        assert one.measures[FRAMES_BACK] >= 0
        assert one.began in result.cycles[number].verdict.reason
        assert result.cycles[number].verdict.criterion != "none"  # so that `alflow show` shows it


# --- dynamics, continued ----------------------------------------------------------------------------------------

LABELS = [label(slab(1.2, seed=0)), label(slab(1.0, seed=1), cycle=1), label(slab(0.8, seed=2), cycle=2)]


@pytest.mark.parametrize("kind", ["langevin", "berendsen", "nose_hoover", "nve"])
def test_stopping_and_going_on_changes_no_bit_of_a_trajectory(kind: str) -> None:
    spec = MdSpec.model_validate(
        {**SHORT, "max_uncertainty": None, "start_from": "start", "thermostat": {"kind": kind}}
    )
    start, calculator = slab(1.0), PotentialCalculator(trained(LABELS))
    known = [one.atoms for one in LABELS]

    def run(loop: OnlineSpec | None, state: Any = None, labelled: Sequence[Atoms] = known) -> Pool:
        dynamics = Dynamics(spec, 0.6, online=loop, goes_on=state)
        return dynamics.run(start, calculator, labelled, np.random.default_rng(3))

    whole, unwatched = run(OnlineSpec(threshold=FAR)), run(None)
    assert (whole.positions == unwatched.positions).all()
    assert whole.stop_reason is StopReason.MAX_STEPS
    limit = OnlineSpec(threshold=float(np.quantile(whole.uncertainties, 0.6)), every=1)
    part, stops, labelled = run(limit), 0, list(known)
    moved = part.measures[STEPS_MOVED]
    while part.stop_reason is StopReason.UNCERTAIN:
        stops += 1
        labelled.append(part.frame(-1))
        assert part.motion is not None
        again = Pool.from_bytes(part.to_bytes())
        part = run(limit, state_of(again, len(part.motion) - 1), labelled)
        moved += part.measures[STEPS_MOVED]
    assert stops >= 2
    assert (part.positions == whole.positions).all()
    assert (part.energies == whole.energies).all()
    assert moved == whole.measures[STEPS_MOVED]
    assert part.measures == whole.measures | {STEPS_MOVED: part.measures[STEPS_MOVED]}
    from_the_first_step = run(OnlineSpec(threshold=FAR), state_of(run(limit), 0))
    assert (from_the_first_step.positions == whole.positions).all()
    assert from_the_first_step.measures[STEPS_DONE] == 60


# --- queries ----------------------------------------------------------------------------------------------------


def test_a_refused_frame_is_replaced_by_one_on_the_way() -> None:
    frames = [slab(1.6 + 0.1 * number) for number in range(6)]
    found = pool(frames)
    choices = list(Stopped().rank(found, trained(LABELS), [], np.random.default_rng(0)))
    assert [choice.index for choice in choices] == [5, 2, 1, 4, 0, 3]
    assert since_it_went_on(found) == [0, 1, 2, 3, 4, 5]
    assert list(halving([])) == []


# --- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"simulation": {"kind": "relaxation", "max_uncertainty": 0.1}}, "loop.threshold"),
        ({"simulation": {"kind": "relaxation", "also_from_start": True}}, "also_from_start"),
        ({"simulation": {"kind": "relaxation", "start_from": "start"}}, "start_from"),
        ({"simulation": {"kind": "md", "accuracy": None}}, "accuracy"),
        ({"simulation": {"kind": "neb"}, "final_structure": "b.xyz"}, "offline"),
        ({"potential": {"members": 1}}, "members"),
        ({"loop": {"kind": "online", "threshold": 0}}, "threshold"),
        ({"loop": {"kind": "online", "tolerance": 0.1}}, "tolerance"),
        ({"loop": {"kind": "sometimes"}}, "sometimes"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_contradictions_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_spec(**{**ONLINE, **changes})


def test_defaults_suit_the_loop_and_survive_the_database() -> None:
    spec = run_spec(**ONLINE)
    assert isinstance(spec.simulation, RelaxationSpec)
    assert not spec.simulation.also_from_start
    assert spec.termination.max_cycles == 1000
    assert RunSpec.model_validate(spec.model_dump(mode="json")) == spec
    dynamics = run_spec(simulation={"kind": "md"}, **ONLINE)
    assert isinstance(dynamics.simulation, MdSpec)
    assert dynamics.simulation.max_uncertainty is None
    assert dynamics.query.kind == "mixed"
    assert run_spec(termination={"max_cycles": 7}, **ONLINE).termination.max_cycles == 7


def test_other_runs_keep_their_ids() -> None:
    """Those of files that were written before there was a loop or bagging."""
    for potential in ({}, {"potential": {"hidden": [10]}}):
        now = run_spec(**potential).model_dump(mode="json")
        before = json.loads(json.dumps(now))
        del before["loop"]
        before["potential"].pop("bagging", None)
        assert run_digest(now, {}, None) == run_digest(before, {}, None)
    assert run_digest(run_spec(**ONLINE).model_dump(mode="json"), {}, None) != run_digest(now, {}, None)


def test_members_draw_their_labels_with_replacement() -> None:
    from al_workflows.potential.network_training import _drawn

    drawn = np.array([_drawn(12, np.random.default_rng(seed)) for seed in range(200)])
    assert (drawn.sum(axis=1) == 12).all()
    assert np.mean(drawn == 0) == pytest.approx((1 - 1 / 12) ** 12, abs=0.03)
    images = [Image(one.atoms, one.energy, one.forces) for one in LABELS]  # type: ignore[arg-type]
    plain, bagged = (
        train_potential(images, NetworkPotentialSpec(hidden=(5,), members=3, bagging=bagging), seed=0)
        for bagging in (False, True)
    )
    where = slab(0.7)
    assert bagged.predict(where).force_std.max() != plain.predict(where).force_std.max()
