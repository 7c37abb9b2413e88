"""When dynamics have converged: on synthetic errors, with luck, with correlated atoms, with a hidden adsorbate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from al_workflows import steps
from al_workflows.force_errors import ALL, ForceErrors, from_evidence, upper_bound
from al_workflows.records import Cycle, Label, LabelStatus, Pool, StopReason, Verdict, VerdictKind
from al_workflows.simulations.dynamics import STEPS_DONE, VALIDATION_FRAMES
from al_workflows.spec import RunSpec
from al_workflows.termination import Progress
from al_workflows.termination.force_error import PASSES, marked_for_validation
from tests.builders import EMPTY, cycle, label, pool, run_spec, slab

START = slab(1.0)


def spec(**accuracy: Any) -> RunSpec:
    return run_spec(simulation={"kind": "md", "steps": 100, "accuracy": {"force_mae": 0.05, **accuracy}})


def trajectory(reason: StopReason = StopReason.MAX_STEPS, **measures: float) -> Pool:
    return replace(pool([START]), stop_reason=reason, measures={STEPS_DONE: 100.0, **measures})


def predicted(errors: Sequence[float], cycle: int = 1, oxygen: float | None = None) -> list[Label]:
    """Labels whose model was wrong by so much (eV/Å) in every component of a frame, on O by ``oxygen``."""
    found = []
    for index, error in enumerate(errors):
        one = label(slab(1.0, seed=index), cycle=cycle, index=index)
        assert one.forces is not None
        assert one.energy is not None
        forces = one.forces + error
        forces[-1] = one.forces[-1] + (error if oxygen is None else oxygen)
        request = replace(one.request, predicted_forces=forces, predicted_energy=one.energy + 0.01)
        found.append(replace(one, request=request))
    return found


def judged(
    labels: list[Label], history: list[Cycle] | None = None, frames: Pool | None = None, run: RunSpec | None = None
) -> Verdict:
    past = (cycle(0), *(history or []))
    now = Progress(len(past), EMPTY, tuple(labels), frames or trajectory(), (label(START),), past)
    return steps.check(run or spec(), now)


def closed(verdict: Verdict, index: int = 1) -> Cycle:
    return replace(cycle(index), verdict=verdict)


def test_twice_in_a_row_is_converged_and_once_is_not() -> None:
    first = judged(predicted([0.01] * 4))
    assert first.kind is VerdictKind.CONTINUE
    assert first.evidence[PASSES] == 1
    second = judged(predicted([0.02] * 4, cycle=2), [closed(first)])
    assert second.kind is VerdictKind.CONVERGED
    assert second.evidence[PASSES] == 2
    assert second.evidence["force_mae_all_eV_per_A"] == pytest.approx(0.02)
    assert second.evidence["force_mae_O_eV_per_A"] == pytest.approx(0.02)
    assert second.evidence["energy_mae_eV"] == pytest.approx(0.01)
    assert second.label_key is not None
    assert "0.0200 eV/Å" in second.reason


def test_a_lucky_first_pass_is_not_enough() -> None:
    lucky = judged(predicted([0.01] * 4))
    unlucky = judged(predicted([0.2] * 4, cycle=2), [closed(lucky)])
    assert unlucky.kind is VerdictKind.CONTINUE
    assert unlucky.evidence[PASSES] == 0
    again = judged(predicted([0.01] * 4, cycle=3), [closed(lucky), closed(unlucky, 2)])
    assert again.kind is VerdictKind.CONTINUE
    assert again.evidence[PASSES] == 1


def test_one_bad_frame_among_good_ones_is_not_averaged_away() -> None:
    """The mean, 0.0325, is below the limit; what four frames say of it is not."""
    verdict = judged(predicted([0.01, 0.01, 0.01, 0.1]))
    assert verdict.evidence["force_mae_all_eV_per_A"] < 0.05 < verdict.evidence["force_bound_all_eV_per_A"]
    assert verdict.evidence[PASSES] == 0
    assert "which is above 0.05" in verdict.reason


def test_an_adsorbate_does_not_hide_in_the_slab() -> None:
    verdict = judged(predicted([0.005] * 4, oxygen=0.2))
    assert verdict.evidence["force_mae_all_eV_per_A"] < 0.05
    assert verdict.evidence[PASSES] == 0
    assert "of O may be 0.2000" in verdict.reason
    loose = judged(predicted([0.005] * 4, oxygen=0.2), run=spec(elements={"O": 0.3}))
    assert loose.evidence[PASSES] == 1
    strict = judged(predicted([0.005] * 4), run=spec(elements={"Cu": 0.001}))
    assert "of Cu" in strict.reason


@pytest.mark.parametrize("reason", [StopReason.UNCERTAIN, StopReason.EXPLODED, StopReason.TOO_HOT])
def test_a_trajectory_that_was_cut_short_is_no_test(reason: StopReason) -> None:
    verdict = judged(predicted([0.01] * 4), frames=trajectory(reason))
    assert verdict.evidence[PASSES] == 0
    assert "ended early" in verdict.reason


def test_few_frames_and_failures() -> None:
    assert "too few" in judged(predicted([0.01] * 2)).reason
    failed = label(slab(1.2), cycle=1, index=3, status=LabelStatus.CRASHED)
    assert judged([*predicted([0.01] * 3), failed]).evidence[PASSES] == 1
    assert "no frame" in judged([]).reason
    assert judged([]).kind is VerdictKind.CONTINUE


def test_fixed_atoms_do_not_count() -> None:
    found = predicted([0.01] * 3)
    for one in found:
        assert one.request.predicted_forces is not None
        one.request.predicted_forces[START.constraints[0].index] += 10.0
    assert ForceErrors.of(found).mean()[ALL] == pytest.approx(0.01)


def test_without_accuracy_cycles_are_counted_and_errors_told() -> None:
    run = run_spec(
        simulation={"kind": "md", "accuracy": None}, query={"kind": "random", "batch": 5}, termination={"max_cycles": 2}
    )
    assert judged(predicted([0.01] * 5), run=run).kind is VerdictKind.CONTINUE
    verdict = judged(predicted([0.01] * 5, cycle=2), [cycle(1)], run=run)
    assert verdict.kind is VerdictKind.BUDGET_SPENT
    assert verdict.evidence["force_mae_Cu_eV_per_A"] == pytest.approx(0.01)
    assert verdict.label_key == "run/0002/04"


def test_dynamics_do_not_stall() -> None:
    history = [replace(cycle(n, fmax=5.0), verdict=judged(predicted([0.2] * 3))) for n in range(1, 20)]
    assert judged(predicted([0.2] * 3, cycle=20), history).kind is VerdictKind.CONTINUE


def test_dynamics_that_learn_nothing_stall() -> None:
    silent = [replace(cycle(n, fmax=None, dft_calls=0), verdict=judged([])) for n in range(1, 12)]
    assert judged([], silent[:10]).kind is VerdictKind.CONTINUE
    verdict = judged([], silent, replace(trajectory(StopReason.TOO_HOT), stop_detail="it was hot"))
    assert verdict.kind is VerdictKind.STALLED
    assert "12 cycles in a row brought no label" in verdict.reason
    assert "it was hot" in verdict.reason
    assert judged(predicted([0.2] * 3, cycle=12), silent).kind is VerdictKind.CONTINUE


def test_validation_is_a_last_trajectory_with_more_frames() -> None:
    run = run_spec(simulation={"kind": "md", "steps": 100, "validation_frames": 8})
    first = judged(predicted([0.01] * 4), run=run)
    second = judged(predicted([0.01] * 4, cycle=2), [closed(first)], run=run)
    assert second.kind is VerdictKind.CONTINUE
    assert "8 frames of one more trajectory" in second.reason
    history = [closed(first), closed(second, 2)]
    marked = marked_for_validation(trajectory(), run.simulation, history)
    assert marked.measures[VALIDATION_FRAMES] == 8
    assert VALIDATION_FRAMES not in marked_for_validation(trajectory(), run.simulation, history[:1]).measures
    cut = trajectory(StopReason.UNCERTAIN)
    assert marked_for_validation(cut, run.simulation, history) is cut
    assert judged(predicted([0.01] * 8, cycle=3), history, marked, run).kind is VerdictKind.CONVERGED
    refuted = judged(predicted([0.2] * 8, cycle=3), history, marked, run)
    assert refuted.kind is VerdictKind.CONTINUE
    assert refuted.evidence[PASSES] == 0


@pytest.mark.parametrize(("count", "least"), [(3, 0.78), (4, 0.85), (8, 0.88), (30, 0.9)])
def test_the_bound_holds_nearly_as_often_as_it_says(count: int, least: float) -> None:
    """Errors of frames are skew, and no resampled mean is above the largest of them."""
    rng = np.random.default_rng(count)
    below = [upper_bound(rng.gamma(4.0, 0.25, count), 0.95) >= 1.0 for _ in range(300)]
    assert np.mean(below) >= least


def test_the_bound_of_few_values() -> None:
    assert upper_bound(np.array([0.1]), 0.95) == float("inf")
    assert upper_bound(np.full(5, 0.1), 0.95) == pytest.approx(0.1)
    values = np.random.default_rng(0).gamma(4.0, 0.25, 40)
    assert values.mean() < upper_bound(values, 0.9) < upper_bound(values, 0.99) < values.max()


def test_a_result_says_it_by_element() -> None:
    verdict = judged(predicted([0.01] * 4))
    found = from_evidence(verdict.evidence)
    assert found["force_mae_eV_per_A"] == pytest.approx({"all": 0.01, "Cu": 0.01, "O": 0.01})
    assert found["md_steps_done"] == 100
    assert from_evidence({"fmax_eV_per_A": 0.01}) == {}
