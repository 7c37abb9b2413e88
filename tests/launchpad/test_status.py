"""The status of all runs at once is that of each, in the order of submission."""

from __future__ import annotations

from pathlib import Path

import pytest
from fireworks import LaunchPad

from al_workflows.records import Verdict, VerdictKind
from al_workflows.results import run_id
from fw_specs.keys import RUN
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.status import RunState, read_all, read_status
from tests.builders import cycle, run_spec, slab

pytestmark = pytest.mark.workflow


def test_all_runs_at_once(lpad: LaunchPad, tmp_path: Path) -> None:
    dynamics = {"simulation": {"kind": "md", "steps": 60, "stride": 5}}
    specs = [run_spec(seed=7), run_spec(**dynamics), run_spec(seed=2)]
    runs = [run_id(spec, slab()) for spec in specs]
    for spec, run in zip(specs, runs, strict=True):
        submit(lpad, spec, slab(), tmp_path / run)
    store = Store(lpad.db)
    for index in range(12):
        store.put_cycle(runs[0], cycle(index, fmax=1.0 / (index + 1)))
    ended = cycle(0)
    verdict = Verdict(VerdictKind.STALLED, criterion="stall", reason="no progress")
    store.put_cycle(runs[2], type(ended)(**{**vars(ended), "verdict": verdict}))
    lpad.fireworks.insert_one({"fw_id": 99, "state": "READY", "spec": {}})  # of somebody else
    found = read_all(lpad)
    assert found == [read_status(lpad, run) for run in runs]
    assert [status.run for status in found] == runs
    assert [status.cycles for status in found] == [11, 0, 0]
    assert [status.target for status in found] == [0.05, None, 0.05]
    assert [status.state for status in found] == [RunState.WAITING, RunState.WAITING, RunState.STALLED]
    assert found[0].fmax == pytest.approx(1 / 12)
    assert found[1].fireworks == {"READY": 1, "WAITING": 1}


def test_fireworks_are_counted_by_an_index_alone(lpad: LaunchPad) -> None:
    """With many runs the documents would take seconds to read."""
    Store(lpad.db).ensure_indexes()
    pipeline = [
        {"$match": {f"spec.{RUN}": {"$gt": ""}}},
        {"$group": {"_id": {"run": f"$spec.{RUN}", "state": "$state"}, "number": {"$sum": 1}}},
    ]
    plan = str(lpad.db.command("explain", {"aggregate": "fireworks", "pipeline": pipeline, "cursor": {}}))
    assert "IXSCAN" in plan
    assert "FETCH" not in plan
