"""The commands as a user types them, on a real database with real workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from fireworks import LaunchPad

from al_workflows.errors import EnvironmentProblem
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad import runs
from launchpad import workers as workers_module
from launchpad.examples import run_examples
from launchpad.runs import work_off
from launchpad.settings import resolve
from tests.builders import slab
from tests.chaos.processes import kill, working_in
from tests.launchpad.test_bad_input import ALFLOW, alflow
from tests.launchpad.test_rlaunch import (
    ENVIRONMENT,
    assert_same_as_in_process,
    prepared_run,
    processes_of,
    until,
)


def run_file(directory: Path, **changes: object) -> Path:
    slab(2.4, seed=0).write(directory / "start.traj")
    spec = {"structure": "start.traj", "simulation": {"kind": "relaxation", "fmax": 0.05}, "dft": {"kind": "emt"}}
    path = directory / "small.yaml"
    path.write_text(yaml.safe_dump(spec | changes))
    return path


@pytest.mark.workflow
def test_run_status_and_show(lpad_file: Path, tmp_path: Path) -> None:
    path = run_file(tmp_path)
    on = ["--launchpad", str(lpad_file)]
    assert "no runs yet" in alflow("status", *on, cwd=tmp_path).stdout
    done = alflow("run", str(path), "--workers", "2", "--output", "out", *on, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "CONVERGED" in done.stdout
    summary = json.loads((tmp_path / "out" / "result.json").read_text())
    run = summary["run"]
    assert (tmp_path / "out" / "final.extxyz").exists()
    status = alflow("status", *on, cwd=tmp_path).stdout
    assert run in status
    assert "CONVERGED" in status
    shown = alflow("show", run[:8], *on, cwd=tmp_path).stdout
    assert "the starting structure" in shown
    assert summary["answer"].partition("/")[2] in shown
    again = alflow("run", str(path), "--output", "out", *on, cwd=tmp_path)  # all there: nothing is computed
    assert again.returncode == 0
    assert "already" in again.stdout
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == summary
    direct = alflow("run", str(path), "--in-process", "--output", "direct", cwd=tmp_path)
    assert direct.returncode == 0
    other = json.loads((tmp_path / "direct" / "result.json").read_text())
    for key in ("run", "verdict", "dft_calls", "cycles", "energy_eV", "fmax_eV_per_A", "reason"):
        assert other[key] == summary[key]


@pytest.mark.workflow
def test_a_run_that_does_not_converge_says_so_and_exits_with_1(tmp_path: Path) -> None:
    path = run_file(tmp_path, termination={"max_dft_calls": 2})
    done = alflow("run", str(path), "--in-process", "--output", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "BUDGET_SPENT" in done.stdout


@pytest.mark.workflow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on_where_it_stopped(
    number: signal.Signals, lpad: LaunchPad, lpad_file: Path, tmp_path: Path
) -> None:
    path, prepared, log = prepared_run(tmp_path, delay=1.0)
    words = [ALFLOW, "run", str(path), "--output", "out", "--launchpad", str(lpad_file)]
    with (tmp_path / "screen").open("wb") as screen:
        process = subprocess.Popen(words, cwd=tmp_path, env=ENVIRONMENT, stdout=screen, stderr=screen)
        until(lambda: log.exists() and log.read_text().count("begin") == 2)
        process.send_signal(number)
        code = process.wait(timeout=60)
    until(lambda: not processes_of(log), seconds=10)
    if number is signal.SIGINT:
        assert code == 130
        assert "Traceback" not in (tmp_path / "screen").read_text()
        assert lpad.fireworks.count_documents({"state": {"$in": ["RUNNING", "FIZZLED"]}}) == 0
    assert not (tmp_path / "out" / "result.json").exists()
    time.sleep(0.5)
    done = alflow(*words[1:], cwd=tmp_path, PYTHONPATH=ENVIRONMENT["PYTHONPATH"])
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "out" / "result.json").read_text())
    lines = log.read_text().splitlines()
    assert sum(line.startswith("end") for line in lines) == summary["dft_calls"]
    assert sum(line.startswith("begin") for line in lines) == summary["dft_calls"] + 1
    assert summary["run"] == prepared.run


@pytest.mark.workflow
def test_a_broken_step_stops_the_run_with_its_cause(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    path = run_file(tmp_path)
    assert alflow("submit", str(path), "--launchpad", str(lpad_file), cwd=tmp_path).returncode == 0
    lpad.db["al_cycles"].delete_many({})  # somebody removes a record
    done = alflow("run", str(path), "--output", "out", "--launchpad", str(lpad_file), cwd=tmp_path)
    assert done.returncode == 2
    assert "selection" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    status = alflow("status", "small", "--launchpad", str(lpad_file), cwd=tmp_path).stdout
    assert "FIZZLED" in status
    assert "selection" in status


def test_examples_are_valid(tmp_path: Path) -> None:
    from al_workflows.spec_file import load_spec
    from al_workflows.structures import read_structure
    from launchpad.examples import copy_example

    assert {"relax", "neb", "md", "batch", "gpaw", "espresso"} <= set(run_examples())
    for name in run_examples():
        spec = load_spec(copy_example(name, tmp_path))
        assert read_structure(spec.structure).constraints


def test_every_command_has_an_example_in_its_help(tmp_path: Path) -> None:
    runs = ("demo", "example", "validate", "submit", "run", "status", "show")
    names = (*runs, "report", "export", "fit-morse", "schema", "doctor")
    for words in (*names, "db start", "db stop", "db status"):
        shown = alflow(*words.split(), "--help", cwd=tmp_path).stdout
        assert f"alflow {words}" in shown.split("Example")[-1], words


def test_help_needs_no_heavy_import(tmp_path: Path) -> None:
    done = subprocess.run(
        [ALFLOW, "--help"],
        env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "numpy", "ase", "fireworks", "pymongo", "pydantic", "numba"}


@pytest.mark.workflow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_worker_is_replaced_and_its_step_is_run_again(
    workers: str, lpad: LaunchPad, lpad_file: Path, tmp_path: Path
) -> None:
    path, prepared, log = prepared_run(tmp_path, delay=1.0)
    words = [ALFLOW, "run", str(path), "--output", "out", "--workers", workers, "--launchpad", str(lpad_file)]
    with (tmp_path / "screen").open("wb") as screen:
        process = subprocess.Popen(words, cwd=tmp_path, env=ENVIRONMENT, stdout=screen, stderr=screen)
        until(lambda: log.exists() and log.read_text().count("begin") == 2)
        launch = lpad.launches.find_one({"state": "RUNNING"})
        (worker,) = working_in(launch["launch_dir"])
        assert kill(worker)
        code = process.wait(timeout=240)
    screen_text = (tmp_path / "screen").read_text()
    assert code == 0, screen_text
    assert "ended (by SIGKILL)" in screen_text
    assert f"Firework {launch['fw_id']} is run again: its worker was lost" in screen_text
    assert not processes_of(log)
    result = Store(lpad.db).result(prepared.run)
    assert result is not None
    assert_same_as_in_process(result, prepared, tmp_path)
    assert {fw["state"] for fw in lpad.fireworks.find({}, {"state": 1})} == {"COMPLETED"}


@pytest.mark.workflow
def test_workers_that_cannot_live_end_the_run(
    lpad: LaunchPad, lpad_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, prepared, _ = prepared_run(tmp_path, delay=0)
    monkeypatch.setattr(workers_module, "RAPIDFIRE", ("no-such-command",))
    monkeypatch.setattr(runs, "POLL", 0)
    submit(lpad, prepared.spec, prepared.start, tmp_path / "out", prepared.final)
    with pytest.raises(EnvironmentProblem, match=r"end before it does.*workers\.log"):
        work_off(lpad, resolve(lpad_file), prepared.run, 2, lambda cycle: None, lambda text: None)


@pytest.mark.workflow
def test_a_run_ends_when_its_last_check_has(
    lpad: LaunchPad, lpad_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    _, prepared, _ = prepared_run(tmp_path, delay=0, termination={"max_dft_calls": 1})
    submit(lpad, prepared.spec, prepared.start, tmp_path / "out", prepared.final)
    result = work_off(lpad, resolve(lpad_file), prepared.run, 1, lambda cycle: None, lambda text: None)
    assert set(lpad.fireworks.distinct("state")) == {"COMPLETED"}
    # as if the check was killed between its verdict and its end
    lpad.rerun_fw(lpad.fireworks.find_one({"spec.al_step": "check"})["fw_id"])
    again = work_off(lpad, resolve(lpad_file), prepared.run, 1, lambda cycle: None, lambda text: None)
    assert again.verdict == result.verdict
    assert set(lpad.fireworks.distinct("state")) == {"COMPLETED"}
