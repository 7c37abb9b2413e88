"""The loop in one process, and the files that it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.io import read

from al_workflows import offline
from al_workflows.analysis.baseline import relax_directly
from al_workflows.analysis.figures import convergence_figure
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.preflight import prepare_structure
from al_workflows.records import Label, LabelStatus, Request, VerdictKind
from al_workflows.results import RunResult, run_id, write_result
from al_workflows.structures import max_force
from tests.builders import label, run_spec, slab


def by_emt(request: Request, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), directory=directory)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return offline.run(run_spec(), slab(2.4, seed=0), tmp_path_factory.mktemp("run"), labeller=by_emt)


def test_it_converges_on_the_parents_forces_with_a_fraction_of_its_calls(result: RunResult) -> None:
    direct = relax_directly(slab(2.4, seed=0), EMT(), 0.05)
    assert result.verdict.kind is VerdictKind.CONVERGED
    answer = result.answer
    assert answer is not None
    atoms = answer.atoms.copy()
    atoms.calc = EMT()
    assert max_force(atoms, atoms.get_forces(apply_constraint=False)) <= 0.05
    assert direct.converged
    assert result.dft_calls < direct.calls / 2
    assert answer.energy == pytest.approx(direct.energies[-1], abs=0.005)


def test_every_label_says_who_asked_and_why(result: RunResult) -> None:
    first, *others = [one.request for one in result.labels]
    assert (first.strategy, first.reason) == ("start", "the starting structure")
    assert first.predicted_energy is None
    assert all(request.strategy == "final" and "last frame" in request.reason for request in others)
    assert all(request.uncertainty is not None and request.predicted_forces is not None for request in others)
    assert [one.key for one in result.labels] == sorted({one.key for one in result.labels})


def test_a_seed_repeats_the_run_and_another_does_not(result: RunResult, tmp_path: Path) -> None:
    same = offline.run(run_spec(), slab(2.4, seed=0), tmp_path, labeller=by_emt)
    assert [one.energy for one in same.labels] == [one.energy for one in result.labels]
    assert same.run == result.run
    other = offline.run(run_spec(seed=2), slab(2.4, seed=0), tmp_path, labeller=by_emt)
    assert other.run != result.run
    assert [one.energy for one in other.labels] != [one.energy for one in result.labels]


@pytest.mark.parametrize("kind", ["random", "final_random", "final_uncertainty", "farthest"])
def test_every_strategy_runs(kind: str, tmp_path: Path) -> None:
    spec = run_spec(query={"kind": kind, "batch": 2}, termination={"max_cycles": 2})
    run = offline.run(spec, slab(2.4, seed=0), tmp_path, labeller=by_emt)
    assert {one.request.strategy for one in run.labels} == {"start", kind}
    assert max(cycle.dft_calls for cycle in run.cycles) == 2
    assert run.verdict.kind in (VerdictKind.CONVERGED, VerdictKind.BUDGET_SPENT)


def test_the_budget_is_never_exceeded(tmp_path: Path) -> None:
    spec = run_spec(query={"kind": "random", "batch": 4}, termination={"max_dft_calls": 3})
    run = offline.run(spec, slab(2.4, seed=0), tmp_path, labeller=by_emt)
    assert run.dft_calls == 3
    assert run.verdict.kind is VerdictKind.BUDGET_SPENT


def test_a_run_goes_on_without_the_points_that_failed(tmp_path: Path) -> None:
    def sometimes(request: Request, directory: Path) -> Label:
        answer = by_emt(request, directory)
        if answer.cycle in (1, 3):
            return label(request.atoms, status=LabelStatus.SCF_NOT_CONVERGED, request=request)
        return answer

    run = offline.run(run_spec(), slab(2.4, seed=0), tmp_path, labeller=sometimes)
    assert run.verdict.kind is VerdictKind.CONVERGED
    failed = [one for one in run.labels if not one.ok]
    assert len(failed) >= 1
    assert run.summary()["failures"][0]["status"] == "scf_not_converged"


def test_a_start_that_fails_ends_at_once(tmp_path: Path) -> None:
    def never(request: Request, directory: Path) -> Label:
        return label(request.atoms, status=LabelStatus.CRASHED, request=request)

    run = offline.run(run_spec(), slab(), tmp_path, labeller=never)
    assert run.verdict.kind is VerdictKind.FAILED
    assert run.answer is None
    assert run.summary()["energy_eV"] is None
    write_result(run, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "result.json").read_text())["verdict"] == "FAILED"
    assert not (tmp_path / "out" / "final.extxyz").exists()


def test_points_that_are_there_are_not_computed_again(tmp_path: Path) -> None:
    spec, start = run_spec(termination={"max_cycles": 1}), slab(2.4, seed=0)
    first = offline.run(spec, start, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("label.json")}
    assert len(times) == 2
    again = offline.run(spec, start, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("label.json")} == times
    assert [one.to_dict() for one in again.labels] == [one.to_dict() for one in first.labels]


def test_the_files_hold_the_result(result: RunResult, tmp_path: Path) -> None:
    write_result(result, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "result.json").read_text())
    keys = {"verdict", "dft_calls", "cycles", "energy_eV", "fmax_eV_per_A", "seconds", "seed"}
    assert keys <= summary.keys()
    assert summary["seconds"].keys() == {"train", "simulate", "query", "dft"}
    assert summary["dft_calls"] == len(result.labels)
    assert summary["cycles"] == len(result.cycles) - 1
    final = read(tmp_path / "out" / "final.extxyz")
    assert final.get_potential_energy() == pytest.approx(summary["energy_eV"], abs=1e-6)
    assert (final.constraints[0].index == slab().constraints[0].index).all()
    images = read(tmp_path / "out" / "labels.extxyz", index=":")
    assert len(images) == len(result.labels)
    for image, one in zip(images, result.labels, strict=True):
        assert image.info["key"] == one.key
        assert image.get_forces(apply_constraint=False) == pytest.approx(one.forces, abs=1e-6)


def test_run_ids_follow_the_content() -> None:
    start = slab()
    base = run_id(run_spec(), start)
    assert base.startswith("test-")
    assert run_id(run_spec(resources={"dft": {"category": "big"}}), start) == base
    assert run_id(run_spec(seed=7), start) != base
    assert run_id(run_spec(simulation={"kind": "relaxation", "fmax": 0.04}), start) != base
    moved = slab()
    moved.positions[-1, 0] += 1e-9
    assert run_id(run_spec(), moved) != base


def test_direct_relaxations_count_every_geometry(result: RunResult, tmp_path: Path) -> None:
    direct = relax_directly(slab(2.4, seed=0), EMT(), 0.05)
    assert len(set(direct.energies)) == direct.calls == len(direct.fmax)
    assert direct.fmax[-1] <= 0.05 < min(direct.fmax[:-1])
    convergence_figure(result, 0.05, tmp_path / "figure.png", [direct])
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_a_start_below_the_distance_gate_is_refused_before_dft() -> None:
    from al_workflows.errors import InputError

    spec: Any = run_spec(dft={"kind": "emt", "min_distance": 0.98})
    with pytest.raises(InputError, match=r"dft\.min_distance"):
        prepare_structure(spec, slab(0.9))
    assert np.isfinite(prepare_structure(run_spec(), slab()).start.positions).all()
