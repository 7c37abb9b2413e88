"""Paths end to end on EMT in one process: the barrier is DFT's, and what is no path is said to be none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.io import read
from ase.mep import NEB
from ase.optimize import BFGS

from al_workflows import offline
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.records import Label, LabelStatus, Request, VerdictKind
from al_workflows.results import RunResult, run_id, write_result
from al_workflows.structures import max_force
from tests.bands import hop, neb_spec
from tests.builders import bridge, label


def by_emt(request: Request, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), directory=directory)


def run(tmp_path: Path, ends: tuple[Atoms, Atoms], labeller: Any = by_emt, **changes: Any) -> RunResult:
    return offline.run(neb_spec(**changes), ends[0], tmp_path, labeller, final=ends[1])


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run(tmp_path_factory.mktemp("run"), hop(seed=0))


@pytest.fixture(scope="module")
def direct() -> np.ndarray:
    """Energies above the initial end along a converged band straight on EMT, eV."""
    ends = [end.copy() for end in hop(seed=0)]
    for end in ends:
        end.calc = EMT()
        BFGS(end, logfile=None).run(fmax=0.005)
    images = [ends[0], *(ends[0].copy() for _ in range(5)), ends[1]]
    for image in images[1:-1]:
        image.calc = EMT()
    band = NEB(images, climb=True, method="improvedtangent")
    band.interpolate(apply_constraint=False)
    assert BFGS(band, logfile=None).run(fmax=0.01, steps=300)
    energies = np.array([image.get_potential_energy() for image in images])
    return energies - energies[0]


def test_the_barrier_is_that_of_a_converged_band_on_the_parent(result: RunResult, direct: np.ndarray) -> None:
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.verdict.criterion == "barrier"
    evidence = result.verdict.evidence
    assert evidence["barrier_eV"] == pytest.approx(direct.max(), abs=0.005)
    assert evidence["reaction_energy_eV"] == pytest.approx(direct[-1], abs=0.005)
    assert evidence["barrier_back_eV"] == pytest.approx(evidence["barrier_eV"] - evidence["reaction_energy_eV"])
    assert result.dft_calls <= 14


def test_convergence_rests_on_dft(result: RunResult) -> None:
    evidence, answer = result.verdict.evidence, result.answer
    assert answer is not None
    saddle = answer.atoms.copy()
    saddle.calc = EMT()
    assert answer.energy == saddle.get_potential_energy()
    assert answer.request.predicted_energy is not None
    assert abs(evidence["saddle_error_eV"]) <= 0.01
    assert evidence["saddle_error_eV"] == pytest.approx(answer.request.predicted_energy - saddle.get_potential_energy())
    assert result.band is not None
    for index in (0, -1):
        end = result.band.frame(index)
        end.calc = EMT()
        assert max_force(end, end.get_forces(apply_constraint=False)) <= evidence["end_fmax_eV_per_A"] <= 0.05
    assert evidence["model_saddle_negative_modes"] == 1
    assert "by the model's word" in result.verdict.reason


def test_cycle_zero_asks_for_both_ends_and_an_end_is_not_asked_for_once_it_is_relaxed(result: RunResult) -> None:
    starts = [one for one in result.labels if one.cycle == 0]
    assert [one.request.reason for one in starts] == ["the initial structure", "the final structure"]
    for frame in (0, 6):
        asked = [one for one in result.labels if one.request.pool_index == frame]
        relaxed = [one.forces is not None and max_force(one.atoms, one.forces) <= 0.05 for one in asked]
        assert True not in relaxed[:-1]


def test_the_files_hold_the_barrier_and_the_band(result: RunResult, tmp_path: Path) -> None:
    write_result(result, tmp_path)
    summary = json.loads((tmp_path / "result.json").read_text())
    for key in ("barrier_eV", "barrier_back_eV", "reaction_energy_eV", "saddle_error_eV", "end_fmax_eV_per_A"):
        assert summary[key] == result.verdict.evidence[key]
    band = read(tmp_path / "band.extxyz", index=":")
    assert len(band) == 7
    labelled = [image.info["image"] for image in band if "DFT_energy" in image.info]
    assert {0, 6} < set(labelled)
    top = max(band, key=lambda image: image.get_potential_energy())
    height = top.info["DFT_energy"] - band[0].info["DFT_energy"]
    assert height == pytest.approx(summary["barrier_eV"], abs=1e-6)


def test_a_seed_repeats_the_path(result: RunResult, tmp_path: Path) -> None:
    again = run(tmp_path, hop(seed=0))
    assert [one.energy for one in again.labels] == [one.energy for one in result.labels]
    assert again.run == result.run


def test_dft_is_asked_beside_the_saddle_where_the_run_says_so(result: RunResult, tmp_path: Path) -> None:
    found = run(tmp_path, hop(seed=0), simulation={"check_mode": True})
    assert found.verdict.kind is VerdictKind.CONVERGED
    assert found.dft_calls == result.dft_calls + 1
    assert found.labels[-1].request.strategy == "curvature"
    assert found.verdict.evidence["lowest_curvature_eV_per_A2"] < -0.05
    assert found.verdict.evidence["barrier_eV"] == result.verdict.evidence["barrier_eV"]
    assert found.answer is not None
    assert found.answer.request.reason.startswith("the saddle")
    assert found.band is not None
    assert len(found.band) == 7


def test_run_ids_follow_the_final_structure() -> None:
    (initial, final), spec = hop(), neb_spec()
    other = final.copy()
    other.positions[-1, 2] += 1e-9
    assert run_id(spec, initial, final) != run_id(spec, initial, other)


def test_relaxed_ends_are_not_asked_for_again(tmp_path: Path) -> None:
    ends = [end.copy() for end in hop(shift=0.5)]
    for end in ends:
        end.calc = EMT()
        BFGS(end, logfile=None).run(fmax=0.02)
        end.calc = None
    found = run(tmp_path, (ends[0], ends[1]))
    assert found.verdict.kind is VerdictKind.CONVERGED
    assert {one.request.pool_index for one in found.labels if one.cycle > 0}.isdisjoint({0, 6})
    assert found.dft_calls <= 7


@pytest.mark.parametrize("query", [{"kind": "saddle_ends"}, {"kind": "random", "batch": 2}, {"kind": "uncertainty"}])
def test_every_strategy_runs(query: dict[str, Any], tmp_path: Path) -> None:
    found = run(tmp_path, hop(seed=1), query=query, termination={"max_cycles": 2})
    assert {one.request.strategy for one in found.labels} == {"start", query["kind"]}
    assert found.verdict.kind in (VerdictKind.CONVERGED, VerdictKind.BUDGET_SPENT)
    if found.verdict.kind is not VerdictKind.CONVERGED:
        assert found.summary()["barrier_eV"] is None


def test_a_path_goes_on_without_a_saddle_that_failed(tmp_path: Path) -> None:
    failed: list[str] = []

    def sometimes(request: Request, directory: Path) -> Label:
        if request.reason.startswith("the saddle") and not failed:
            failed.append(request.key)
            return label(request.atoms, status=LabelStatus.SCF_NOT_CONVERGED, request=request)
        return by_emt(request, directory)

    found = run(tmp_path, hop(seed=0), sometimes)
    assert failed
    assert found.verdict.kind is VerdictKind.CONVERGED


def test_an_end_that_fails_leaves_the_other(tmp_path: Path) -> None:
    def not_the_final(request: Request, directory: Path) -> Label:
        if request.key.endswith("0000/01"):
            return label(request.atoms, status=LabelStatus.CRASHED, request=request)
        return by_emt(request, directory)

    found = run(tmp_path, hop(seed=0), not_the_final)
    assert found.verdict.kind is VerdictKind.CONVERGED


def test_ends_that_relax_into_one_are_no_path(tmp_path: Path) -> None:
    found = run(tmp_path, hop(seed=0, shift=0.1))
    assert found.verdict.kind is VerdictKind.FAILED
    assert "both ends relax into one structure" in found.verdict.reason
    assert found.summary()["barrier_eV"] is None


def test_an_end_on_a_saddle_of_dft_is_no_end(tmp_path: Path) -> None:
    """O on the bridge of a symmetric slab has no forces."""
    saddle = bridge()
    saddle.calc = EMT()
    BFGS(saddle, logfile=None).run(fmax=0.02)
    saddle.calc = None
    hollow = saddle.copy()
    hollow.positions[-1] += [0.0, saddle.cell[1, 1] / 4, -0.2]
    found = run(tmp_path, (saddle, hollow))
    assert found.verdict.kind is VerdictKind.FAILED
    assert "the initial end has a negative mode on the model" in found.verdict.reason
    assert "confirm_minimum" in found.verdict.reason
    assert any("beside the initial end" in one.request.reason for one in found.labels)
    assert found.summary()["barrier_eV"] is None
