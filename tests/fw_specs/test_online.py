"""Online runs through FireWorks: each cycle goes on from the stored pool of the last, to the numbers of one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket

from al_workflows import offline
from al_workflows.records import Pool, StopReason, VerdictKind
from al_workflows.results import run_id
from fw_specs.store import Store
from fw_specs.submit import submit
from tests.builders import run_spec, slab
from tests.fw_specs.test_run import in_a_directory_of_its_own, numbers, state, through_fireworks, work

__all__ = ["in_a_directory_of_its_own"]  # a fixture

pytestmark = pytest.mark.workflow
ONLINE = {"loop": {"kind": "online"}}
SHORT = {"kind": "md", "steps": 60, "equilibration": 20, "stride": 5}


@pytest.mark.parametrize("simulation", [{"kind": "relaxation", "fmax": 0.05}, SHORT], ids=lambda one: one["kind"])
def test_the_numbers_are_those_of_the_loop_in_process(
    simulation: dict[str, Any], lpad: LaunchPad, tmp_path: Path
) -> None:
    spec, start = run_spec(simulation=simulation, termination={"max_dft_calls": 6}, **ONLINE), slab(1.0, seed=0)
    stored = through_fireworks(lpad, spec, start, tmp_path)
    direct = offline.run(spec, start, tmp_path / "direct")
    ends = {"relaxation": VerdictKind.CONVERGED, "md": VerdictKind.BUDGET_SPENT}
    assert stored.verdict.kind is ends[simulation["kind"]]
    assert stored.verdict == direct.verdict
    assert numbers(stored.labels) == numbers(direct.labels)
    assert [cycle.verdict for cycle in stored.cycles] == [cycle.verdict for cycle in direct.cycles]
    assert any(one.request.strategy == "online" for one in stored.labels)
    assert stored.summary()["uncertainty_calibration"] == direct.summary()["uncertainty_calibration"]
    # its own continuation was appended each time: train, simulate, query, its single points and check
    fireworks = 2 + sum(4 + cycle.dft_calls for cycle in stored.cycles[1:])
    assert lpad.fireworks.count_documents({}) == fireworks
    assert lpad.fireworks.distinct("state") == ["COMPLETED"]


@pytest.mark.parametrize("simulation", [{"kind": "relaxation", "fmax": 0.05}, SHORT], ids=lambda one: one["kind"])
def test_a_simulation_that_is_lost_is_made_again_to_the_last_bit(
    simulation: dict[str, Any], lpad: LaunchPad, tmp_path: Path
) -> None:
    """As after a kill before it was stored: it goes on from where the last cycle's stopped once more."""
    spec, start = run_spec(simulation=simulation, termination={"max_dft_calls": 4}, **ONLINE), slab(1.0, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    run = run_id(spec, start)
    while lpad.fireworks.count_documents({"spec.al_step": "simulate", "spec.al_cycle": 3, "state": "COMPLETED"}) == 0:
        assert launch_rocket(lpad, FWorker())
    store = Store(lpad.db)
    before, interrupted = store.pool(run, 2), store.pool(run, 3)
    assert before is not None
    assert interrupted is not None
    assert before.stop_reason is StopReason.UNCERTAIN
    lpad.db["al_pools"].delete_one({"_id": f"{run}/0003"})
    (firework,) = lpad.fireworks.find({"spec.al_step": "simulate", "spec.al_cycle": 3})
    lpad.rerun_fw(firework["fw_id"])
    work(lpad, tmp_path)
    again = store.pool(run, 3)
    assert again is not None
    assert bits(again) == bits(interrupted)
    result = store.result(run)
    assert result is not None
    direct = offline.run(spec, start, tmp_path / "direct")
    assert numbers(result.labels) == numbers(direct.labels)
    assert result.verdict == direct.verdict


def bits(pool: Pool) -> tuple[Any, ...]:
    """All of a pool that a later cycle may use."""
    motion = None if pool.motion is None else pool.motion.packed()
    arrays = {} if motion is None else {name: array.tolist() for name, array in motion[1].items()}
    values = {} if motion is None else motion[0]
    return pool.positions.tolist(), pool.forces.tolist(), pool.stop_detail, pool.began, pool.measures, values, arrays


def test_rerunning_what_is_done_changes_nothing(lpad: LaunchPad, tmp_path: Path) -> None:
    spec = run_spec(termination={"max_dft_calls": 3}, **ONLINE)
    through_fireworks(lpad, spec, slab(1.0, seed=0), tmp_path)
    before = state(lpad)
    for firework in lpad.fireworks.find({"spec.al_cycle": 2}, {"fw_id": 1}):
        lpad.rerun_fw(firework["fw_id"])
        work(lpad, tmp_path)
    assert state(lpad) == before
