"""Whole runs of dynamics on EMT in this process: what they end with, and what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ase.calculators.emt import EMT
from ase.io import read

from al_workflows import offline, steps
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.potential import Image, train_potential
from al_workflows.records import Pool, StopReason, VerdictKind
from al_workflows.results import RunResult, write_result
from al_workflows.run_directory import read_run_directory
from al_workflows.simulations.dynamics import FRAME_INTERVAL, STEPS_DONE, STEPS_MOVED
from al_workflows.spec import GaussianProcessSpec
from tests.builders import cycle, label, run_spec, slab

SHORT = {"kind": "md", "steps": 100, "equilibration": 40, "stride": 5}


def run(tmp_path: Path, **changes: Any) -> RunResult:
    emt = EMT()
    spec = run_spec(**{"simulation": SHORT, **changes})
    return offline.run(
        spec, slab(1.0), tmp_path, lambda request, where: single_point_in_process(request, emt, spec.dft, where)
    )


def test_a_run_converges_on_dft_checked_frames(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.verdict.criterion == "force_error"
    assert result.dft_calls <= 25
    last, before = result.cycles[-1], result.cycles[-2]
    assert (before.verdict.evidence["passes"], last.verdict.evidence["passes"]) == (1, 2)
    fresh = [one for one in result.labels if one.cycle == last.index]
    assert all(one.request.predicted_forces is not None for one in fresh)
    write_result(result, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["force_mae_eV_per_A"].keys() == {"all", "Cu", "O"}
    assert written["force_mae_eV_per_A"]["all"] < 0.05
    assert written["energy_mae_eV"] < 0.05
    assert written["md_steps_done"] == 100
    assert written["answer"] == fresh[-1].key
    assert read(tmp_path / "out" / "final.extxyz").info["key"] == fresh[-1].key


def test_it_is_validated_where_that_is_asked_for(tmp_path: Path) -> None:
    result = run(tmp_path, simulation={**SHORT, "validation_frames": 10})
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.verdict.evidence["frames"] == 10
    assert "validated" in result.verdict.reason
    checked = [one for one in result.labels if one.request.strategy == "validation"]
    assert len(checked) == 10
    assert result.dft_calls == len(result.labels)


def test_the_papers_way_counts_cycles(tmp_path: Path) -> None:
    simulation = {**SHORT, "accuracy": None, "start_from": "start", "thermostat": {"kind": "berendsen"}}
    result = run(tmp_path, simulation=simulation, query={"kind": "random", "batch": 5}, termination={"max_cycles": 2})
    assert result.verdict.kind is VerdictKind.BUDGET_SPENT
    assert 1 < result.dft_calls <= 11
    assert result.summary()["force_mae_eV_per_A"]["Cu"] < 0.3
    history = read_run_directory(tmp_path)
    assert len(history.pools) == 2
    assert history.pools[2].stop_reason in (StopReason.MAX_STEPS, StopReason.UNCERTAIN)


@pytest.mark.parametrize(
    "changes", [{"potential": {"prior": {"kind": "none"}}}, {"potential": {"hidden": [10]}}], ids=str
)
def test_other_potentials(changes: dict[str, Any], tmp_path: Path) -> None:
    result = run(tmp_path, **changes, termination={"max_dft_calls": 12})
    assert result.verdict.kind in (VerdictKind.CONVERGED, VerdictKind.BUDGET_SPENT)
    assert all(one.ok for one in result.labels)


def test_a_run_of_dynamics_is_never_kicked() -> None:
    """What shakes a relaxation that makes no progress would only heat a trajectory."""
    start = slab(1.0)
    known = label(start)
    assert known.energy is not None
    assert known.forces is not None
    potential = train_potential([Image(start, known.energy, known.forces)], GaussianProcessSpec(), seed=0)
    spec = run_spec(simulation={**SHORT, "equilibration": 0, "start_from": "start"})
    idle = [cycle(number, fmax=1.0 + number, energy=float(number)) for number in range(12)]
    pool = steps.simulate(spec, 12, start, potential, [known], idle)
    assert (pool.positions[0] == start.positions).all()


def test_a_pool_survives_its_way_through_the_database(tmp_path: Path) -> None:
    result = run(tmp_path, termination={"max_cycles": 1})
    pool = read_run_directory(tmp_path).pools[1]
    again = Pool.from_bytes(pool.to_bytes())
    assert again.measures == pool.measures
    assert again.measures.keys() >= {STEPS_DONE, STEPS_MOVED, FRAME_INTERVAL}
    assert (again.positions == pool.positions).all()
    assert result.cycles[-1].trust_radius is None
