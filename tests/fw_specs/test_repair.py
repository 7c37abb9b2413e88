"""A worker killed between FireWorks' two writes, and two who submit at once."""

from __future__ import annotations

import multiprocessing
import os
import threading
from pathlib import Path

import pytest
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket

from al_workflows import offline
from al_workflows.results import run_id
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.workers import mend
from tests.builders import run_spec, slab
from tests.fw_specs.test_run import in_a_directory_of_its_own, numbers, work

__all__ = ["in_a_directory_of_its_own"]  # a fixture

pytestmark = pytest.mark.workflow
UPSERT = LaunchPad._upsert_fws


def killed_after_the_first_write(lpad_file: str) -> None:
    """One rocket of a worker that is gone as soon as the new Fireworks are stored."""

    def upsert_and_die(self: LaunchPad, fws: list[object], reassign_all: bool = False) -> object:
        new = any(fw.fw_id < 0 for fw in fws)  # type: ignore[attr-defined]
        ids = UPSERT(self, fws, reassign_all)
        if new:
            os._exit(9)
        return ids

    LaunchPad._upsert_fws = upsert_and_die
    launch_rocket(LaunchPad.from_file(lpad_file), FWorker())


@pytest.mark.parametrize("victim", ["check", "query"])
def test_a_kill_between_the_two_writes_is_mended(victim: str, lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    run = run_id(spec, start)
    submit(lpad, spec, start, tmp_path / "work")
    while lpad.fireworks.find_one({"spec.al_step": victim, "state": "READY"}) is None:
        launch_rocket(lpad, FWorker())
    child = multiprocessing.get_context("spawn").Process(target=killed_after_the_first_write, args=(str(lpad_file),))
    child.start()
    child.join()
    assert child.exitcode == 9
    lpad.workflows.update_many({}, {"$unset": {"locked": 1}})
    before = lpad.fireworks.count_documents({})
    done = mend(lpad, run)
    assert any("belong to no workflow" in what for what in done)
    assert lpad.fireworks.count_documents({}) < before
    assert mend(lpad, run) == []
    work(lpad, tmp_path)
    result = Store(lpad.db).result(run)
    assert result is not None
    assert numbers(result.labels) == numbers(offline.run(spec, start, tmp_path / "direct").labels)
    assert {fw["state"] for fw in lpad.fireworks.find({}, {"state": 1})} == {"COMPLETED"}


def test_a_sound_run_needs_no_repair(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    for _ in range(8):
        assert mend(lpad, run_id(spec, start)) == []
        launch_rocket(lpad, FWorker())
    work(lpad, tmp_path)
    assert mend(lpad, run_id(spec, start)) == []


def test_two_who_submit_at_once_make_one_workflow(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(seed=0)
    Store(lpad.db).ensure_indexes()
    new: list[bool] = []
    gate = threading.Barrier(4)

    def send() -> None:
        gate.wait()
        new.append(submit(lpad, spec, start, tmp_path / "work"))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [False, False, False, True]
    assert lpad.workflows.count_documents({}) == 1
    assert lpad.fireworks.count_documents({}) == 2
