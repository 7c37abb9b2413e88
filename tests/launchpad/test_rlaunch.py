"""Plain `rlaunch` and `lpad` on a submitted run: two workers at once, and workers that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from fireworks import LaunchPad

from al_workflows import offline
from al_workflows.preflight import PreparedRun, prepare
from al_workflows.records import VerdictKind
from al_workflows.results import RunResult
from fw_specs.store import Store
from tests.builders import slab
from tests.fw_specs.test_run import numbers

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

#: so that a test need not wait for the times that suit a cluster; a kill may hit a worker that holds a workflow's lock
IMPATIENT = {"PING_TIME_SECS": 1, "WFLOCK_EXPIRATION_SECS": 2, "WFLOCK_EXPIRATION_KILL": True}

pytestmark = pytest.mark.workflow


def prepared_run(directory: Path, delay: float, **changes: Any) -> tuple[Path, PreparedRun, Path]:
    """A run file whose DFT takes ``delay`` s and keeps a log, the run it describes, and that log."""
    log = directory / "dft.log"
    slab(2.4, seed=0).write(directory / "start.traj")
    dft = {"kind": "ase", "calculator": "tests.calculators.WatchedEMT", "arguments": {"log": str(log), "delay": delay}}
    spec = {"seed": 3, "structure": "start.traj", "simulation": {"kind": "relaxation", "fmax": 0.05}, "dft": dft}
    path = directory / "watched.yaml"
    path.write_text(yaml.safe_dump(spec | changes))
    return path, prepare(path), log


def command(*words: str, cwd: Path) -> str:
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def rlaunch(directory: Path, lpad_file: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A plain `rlaunch rapidfire` process, alive until the block ends."""
    place = directory / name
    place.mkdir(exist_ok=True)
    (place / "my_fworker.yaml").write_text(yaml.safe_dump({"name": name, "category": "", "query": "{}"}))
    (place / "FW_config.yaml").write_text(yaml.safe_dump(IMPATIENT))
    words = [str(BIN / "rlaunch"), "-l", str(lpad_file), "-w", "my_fworker.yaml", "rapidfire"]
    words += ["--nlaunches", "infinite", "--sleep", "1", "--timeout", "300"]
    with (place / "log").open("ab") as log:
        process = subprocess.Popen(words, cwd=place, env=ENVIRONMENT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], Any], seconds: float = 240.0) -> Any:
    """What ``condition`` returns as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def processes_of(log: Path) -> set[int]:
    """The DFT processes that wrote to ``log`` and still run."""
    pids = {int(line.split()[1]) for line in log.read_text().splitlines()}
    return {
        pid for pid in pids if Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()
    }


def assert_same_as_in_process(result: RunResult, prepared: PreparedRun, tmp_path: Path) -> None:
    direct = offline.run(prepared.spec, prepared.start, tmp_path / "direct")
    assert direct.verdict == result.verdict
    assert numbers(direct.labels) == numbers(result.labels)


def test_two_plain_workers_share_a_run(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    path, prepared, _ = prepared_run(tmp_path, delay=0.5, query={"kind": "final_uncertainty", "batch": 3})
    command("alflow", "submit", str(path), "--launchpad", str(lpad_file), cwd=tmp_path)
    store = Store(lpad.db)
    with rlaunch(tmp_path, lpad_file, "one"), rlaunch(tmp_path, lpad_file, "two"):
        result = until(lambda: store.result(prepared.run))
        until(lambda: lpad.fireworks.count_documents({"state": {"$ne": "COMPLETED"}}) == 0)
    assert result.verdict.kind is VerdictKind.CONVERGED
    launches = Counter(launch["fworker"]["name"] for launch in lpad.launches.find({}, {"fworker": 1}))
    assert set(launches) == {"one", "two"}
    assert sum(launches.values()) == lpad.fireworks.count_documents({})  # each ran once
    shown = command("lpad", "-l", str(lpad_file), "get_wflows", "-d", "more", cwd=tmp_path)
    for step in ("train", "simulate", "query", "dft-02", "check"):
        assert f"{prepared.run}:1:{step}" in shown
    assert_same_as_in_process(result, prepared, tmp_path)


def test_killed_workers_change_nothing(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    slow = {
        "potential": {"members": 8, "training": {"kind": "paper", "epochs": 300}},
        "simulation": {"kind": "relaxation", "fmax": 0.05, "model_fmax_fraction": 1e-6},
        "termination": {"max_cycles": 2},
    }
    path, prepared, log = prepared_run(tmp_path, delay=1.0, **slow)
    command("alflow", "submit", str(path), "--launchpad", str(lpad_file), cwd=tmp_path)
    store = Store(lpad.db)
    (tmp_path / "FW_config.yaml").write_text(yaml.safe_dump(IMPATIENT))
    for victim in ("train", "simulate", "dft"):
        where = {"spec.al_step": victim, "spec.al_cycle": {"$gt": 0}, "state": "RUNNING"}
        with rlaunch(tmp_path, lpad_file, f"kill-{victim}") as worker:
            firework = until(lambda where=where: lpad.fireworks.find_one(where))
            if victim == "dft":
                begun = log.read_text().count("begin")
                until(lambda begun=begun: log.read_text().count("begin") > begun)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        if victim == "dft":
            until(lambda: not processes_of(log), seconds=5)  # no DFT process outlives its worker
        assert lpad.fireworks.find_one({"fw_id": firework["fw_id"]})["state"] == "RUNNING"  # killed in the middle
        time.sleep(4)
        command("lpad", "-l", str(lpad_file), "detect_lostruns", "--time", "3", "--rerun", cwd=tmp_path)
        assert lpad.fireworks.find_one({"fw_id": firework["fw_id"]})["state"] == "READY"
    with rlaunch(tmp_path, lpad_file, "last"):
        result = until(lambda: store.result(prepared.run))
    said = Counter(line.split()[0] for line in log.read_text().splitlines())
    assert said["end"] == len(result.labels) == result.dft_calls  # none twice, none lost
    assert said["begin"] == said["end"] + 1  # the one that was killed
    assert not processes_of(log)
    assert_same_as_in_process(result, prepared, tmp_path)
