"""Steps of a run whose `rlaunch` is killed in the middle of them go on where they were."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fireworks import LaunchPad

from al_workflows.dft.label_file import read_label
from al_workflows.step_checkpoint import CHECKPOINT_FILE
from fw_specs.store import Store
from launchpad.runs import submit_run
from tests.killed_steps import MINIBATCH, NETWORKS
from tests.launchpad.test_rlaunch import ENVIRONMENT, assert_same_as_in_process, prepared_run

pytestmark = pytest.mark.workflow


def rlaunch(tmp_path: Path, lpad_file: Path, at: str) -> subprocess.CompletedProcess[str]:
    """A plain `rlaunch rapidfire` that is killed at ``at`` (see :mod:`tests.killed_steps`)."""
    (tmp_path / "my_fworker.yaml").write_text(yaml.safe_dump({"name": "one", "category": "", "query": "{}"}))
    words = [sys.executable, "-m", "tests.killed_steps", str(tmp_path), at, "rlaunch"]
    words += ["-l", str(lpad_file), "-w", "my_fworker.yaml", "rapidfire"]
    return subprocess.run(words, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_a_run_killed_in_training_and_in_dynamics(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    simulation = {"kind": "md", "steps": 20, "equilibration": 4, "stride": 5, "max_uncertainty": None}
    potential = {**NETWORKS, "training": MINIBATCH}
    limits = {"max_cycles": 1}
    _, prepared, _ = prepared_run(tmp_path, 0.0, simulation=simulation, potential=potential, termination=limits)
    submit_run(lpad, prepared, tmp_path / "run")
    for victim in ("train", "simulate", None):
        done = rlaunch(tmp_path, lpad_file, "3")
        if victim is None:
            break
        kept = tmp_path / "run" / "0001" / victim / CHECKPOINT_FILE
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
        assert kept.is_file()
        running = lpad.fireworks.find_one({"state": "RUNNING"})
        assert running["spec"]["al_step"] == victim
        lpad.detect_lostruns(expiration_secs=0, rerun=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"going on from {kept}" in done.stdout
    assert not list((tmp_path / "run").rglob(CHECKPOINT_FILE))
    result = Store(lpad.db).result(prepared.run)
    assert result is not None
    assert_same_as_in_process(result, prepared, tmp_path)
    assert not list((tmp_path / "direct").rglob(CHECKPOINT_FILE))


def test_a_point_killed_between_its_file_and_the_database(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    _, prepared, log = prepared_run(tmp_path, 0.0, termination={"max_cycles": 1})
    submit_run(lpad, prepared, tmp_path / "run")
    done = rlaunch(tmp_path, lpad_file, "label")
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    store, written = Store(lpad.db), read_label(tmp_path / "run" / "0000" / "00")
    assert written is not None
    assert store.labels(prepared.run) == ()
    lpad.detect_lostruns(expiration_secs=0, rerun=True)
    done = rlaunch(tmp_path, lpad_file, "label")
    assert done.returncode == 0, done.stdout + done.stderr
    result = store.result(prepared.run)
    assert result is not None
    assert result.labels[0].to_dict() == written.to_dict()
    assert log.read_text().count("begin") == len(result.labels) == 2  # none twice
    assert_same_as_in_process(result, prepared, tmp_path)
