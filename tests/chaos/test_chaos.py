"""The chaos test in short: no SLURM, few faults, both parts; and whether it would see what it looks for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import label, slab
from tests.chaos.judge import wrong_numbers
from tests.chaos.processes import MARK, kill, marked, working_below
from tests.chaos.storm import Plan, storm, table
from tests.chaos.surfaces import write_run

SHORT = Plan(seed=2, seconds=20, faulty=False, slurm=False, gap=3, outage=3)


@pytest.mark.workflow
def test_faults_of_the_machine_change_no_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ("trainer_killed", "database_killed", "disk_full")
    plan = replace(SHORT, runs=1, first=1, cycles=3, kinds=kinds)  # it trains for seconds
    outcome = storm(plan, tmp_path / "a")
    with capsys.disabled():
        print(table([outcome]))  # noqa: T201
    assert not outcome.wrong
    assert outcome.strikes


@pytest.mark.workflow
def test_faults_of_dft_change_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ("worker_killed", "database_frozen")
    # a seed whose draws hold no hang, which takes the whole time limit
    plan = replace(SHORT, seed=1, seconds=12, faulty=True, runs=1, kinds=kinds)
    outcome = storm(plan, tmp_path / "b")
    with capsys.disabled():
        print(table([outcome]))  # noqa: T201
    assert not outcome.wrong
    assert outcome.strikes
    assert outcome.draws


def test_a_run_of_a_chaos_test_is_the_same_whenever_it_is_written(tmp_path: Path) -> None:
    one, other = (write_run(tmp_path, 4, 7, faulty=True) for _ in range(2))
    assert one.name == other.name
    assert write_run(tmp_path, 0, 7, faulty=True).name != one.name  # the same surface, another start


def test_processes_are_found_by_mark_and_by_directory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    place = tmp_path / "gone"
    place.mkdir()
    environment = os.environ | {MARK: str(tmp_path)}
    with subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        place.rmdir()
        for found in (marked(str(tmp_path)), working_below(tmp_path)):
            assert [one.pid for one in found] == [process.pid]
        assert kill(found[0])
    end = time.monotonic() + 20
    while marked(str(tmp_path)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not marked(str(tmp_path))
    assert not working_below(tmp_path)


def test_a_label_that_is_not_the_parents_is_seen() -> None:
    sound = label(slab(2.0))
    assert wrong_numbers(sound) == []
    assert wrong_numbers(replace(sound, energy=sound.energy + 1e-5))
    assert wrong_numbers(replace(sound, forces=sound.forces + 1e-5))
