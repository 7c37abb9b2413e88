"""Who ends a run, when, and on which numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.optimize import BFGS

from al_workflows import steps
from al_workflows.records import Cycle, Label, LabelStatus, VerdictKind
from al_workflows.spec import RunSpec
from al_workflows.structures import max_force
from al_workflows.termination import Progress
from tests.builders import EMPTY, cycle, label, run_spec, slab


def progress(
    labels: list[Label], index: int = 1, earlier: list[Label] | None = None, history: int | None = None
) -> Any:
    past = tuple(cycle(number) for number in range(index if history is None else history))
    before = tuple(earlier if earlier is not None else [label(slab(2.0))])
    return Progress(index, EMPTY, tuple(labels), None, before, past)


def by_forces() -> RunSpec:
    return run_spec(simulation={"kind": "relaxation", "fmax": 0.05, "confirm_minimum": "never"})


@pytest.fixture(scope="module")
def relaxed() -> Any:
    atoms = slab(1.6)
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=0.01)
    atoms.calc = None
    return atoms


def test_converged_on_dft_forces_of_free_atoms(relaxed: Any) -> None:
    one = label(relaxed, cycle=1)
    assert one.forces is not None
    verdict = steps.check(by_forces(), progress([label(slab(2.2), cycle=1, index=1), one]))
    assert verdict.kind is VerdictKind.CONVERGED
    assert verdict.label_key == one.key
    assert verdict.evidence["fmax_eV_per_A"] == max_force(relaxed, one.forces) <= 0.05
    assert verdict.evidence["target_eV_per_A"] == 0.05
    assert np.linalg.norm(one.forces, axis=1).max() > max_force(relaxed, one.forces)  # fixed atoms do not count


def test_a_start_that_is_relaxed_needs_one_call(relaxed: Any) -> None:
    verdict = steps.check(by_forces(), progress([label(relaxed)], index=0, earlier=[]))
    assert verdict.kind is VerdictKind.CONVERGED
    assert verdict.evidence["dft_calls"] == 1


def test_convergence_counts_before_the_budget(relaxed: Any) -> None:
    spec = run_spec(termination={"max_dft_calls": 2})
    assert steps.check(spec, progress([label(relaxed, cycle=1)])).kind is VerdictKind.CONVERGED


def test_going_on() -> None:
    verdict = steps.check(run_spec(), progress([label(slab(2.2), cycle=1)]))
    assert verdict.kind is VerdictKind.CONTINUE
    assert verdict.label_key is None


def test_budget_of_calls_counts_failures_but_not_rejected_geometries() -> None:
    spec = run_spec(termination={"max_dft_calls": 3})
    labels = [label(slab(2.2), cycle=1), label(slab(2.1), cycle=1, index=1, status=LabelStatus.GEOMETRY_REJECTED)]
    assert steps.check(spec, progress(labels)).kind is VerdictKind.CONTINUE
    labels.append(label(slab(2.1), cycle=1, index=2, status=LabelStatus.CRASHED))
    verdict = steps.check(spec, progress(labels))
    assert verdict.kind is VerdictKind.BUDGET_SPENT
    assert "3 DFT calls" in verdict.reason


def test_budget_of_cycles() -> None:
    spec = run_spec(termination={"max_cycles": 2})
    assert steps.check(spec, progress([label(slab(2.2), cycle=1)], index=1)).kind is VerdictKind.CONTINUE
    assert steps.check(spec, progress([label(slab(2.2), cycle=2)], index=2)).kind is VerdictKind.BUDGET_SPENT


@pytest.mark.parametrize("status", sorted(set(LabelStatus) - {LabelStatus.OK}))
def test_a_start_that_fails_ends_the_run(status: LabelStatus) -> None:
    verdict = steps.check(run_spec(), progress([label(slab(), status=status)], index=0, earlier=[]))
    assert verdict.kind is VerdictKind.FAILED
    assert status.value in verdict.reason
    assert "it broke" in verdict.reason
    assert "somewhere" in verdict.reason


def test_cycles_that_all_fail_end_the_run() -> None:
    spec = run_spec(termination={"max_failed_cycles": 3})
    start = label(slab(2.0))
    failed = [label(slab(2.2), cycle=number, status=LabelStatus.CRASHED) for number in range(1, 5)]
    assert steps.check(spec, progress([failed[1]], 2, [start, failed[0]])).kind is VerdictKind.CONTINUE
    verdict = steps.check(spec, progress([failed[2]], 3, [start, *failed[:2]]))
    assert verdict.kind is VerdictKind.FAILED
    assert verdict.evidence["failed_cycles"] == 3
    saved = [start, failed[0], label(slab(2.1), cycle=2)]
    assert steps.check(spec, progress([failed[2]], 3, saved)).kind is VerdictKind.CONTINUE


def history(fmax: list[float | None], energy: list[float | None]) -> tuple[Cycle, ...]:
    pairs = zip(fmax, energy, strict=True)
    return tuple(cycle(index, fmax=one, energy=other) for index, (one, other) in enumerate(pairs))


def test_a_stall_is_seen_after_as_many_idle_cycles_as_allowed() -> None:
    spec = run_spec(termination={"stall_cycles": 3})
    start = label(slab(2.0))
    for idle, expected in ((2, VerdictKind.CONTINUE), (3, VerdictKind.STALLED)):
        past = history([1.0, 0.2, *[0.3] * (idle - 1)], [0.0, -1.0, *[-1.0] * (idle - 1)])
        now = Progress(1 + idle, EMPTY, (), None, (start,), past)
        assert steps.check(spec, now).kind is expected


def test_a_stall_names_what_failed_on_the_way() -> None:
    failed = label(slab(), cycle=2, status=LabelStatus.GEOMETRY_REJECTED)
    past = history([1.0, 0.2, None, 0.3], [0.0, -1.0, None, -1.0])
    spec = run_spec(termination={"stall_cycles": 3})
    verdict = steps.check(spec, Progress(4, EMPTY, (), None, (label(slab(2.0)), failed), past))
    assert verdict.kind is VerdictKind.STALLED
    assert verdict.reason.endswith(
        "; 1 of the single points failed, the last by geometry_rejected: it broke (see somewhere)"
    )


def test_a_lower_energy_is_progress() -> None:
    spec = run_spec(termination={"stall_cycles": 2})
    past = history([0.2, 0.3, 0.3, 0.3], [0.0, -0.1, -0.2, -0.3])
    assert steps.check(spec, Progress(4, EMPTY, (), None, (), past)).kind is VerdictKind.CONTINUE
    past = history([0.2, 0.3, 0.3, 0.3], [0.0, -0.1, -0.1002, -0.1004])
    assert steps.check(spec, Progress(4, EMPTY, (), None, (), past)).kind is VerdictKind.STALLED


def test_a_closed_cycle_has_its_best_label(relaxed: Any) -> None:
    labels = [label(slab(2.2), cycle=1), label(relaxed, cycle=1, index=1)]
    closed = steps.close_cycle(run_spec(), progress(labels), {"train": 1.0})
    assert closed.dft_calls == 2
    assert closed.energy == labels[1].energy
    assert labels[1].forces is not None
    assert closed.fmax == max_force(relaxed, labels[1].forces)
    assert closed.seconds == {"train": 1.0}
    failed = steps.close_cycle(run_spec(), progress([label(slab(), cycle=1, status=LabelStatus.CRASHED)]), {})
    assert failed.fmax is None
    assert failed.energy is None
