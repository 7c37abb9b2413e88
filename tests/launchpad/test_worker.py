"""`alflow worker`: what it does when it is told to end, and what it does not take."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from fireworks import Firework, LaunchPad, ScriptTask, Workflow
from fireworks.core.fworker import FWorker

from al_workflows.dft.losses import lost_attempts
from al_workflows.preflight import PreparedRun, prepare
from fw_specs.ours import foreign, only_ours
from fw_specs.store import Store
from launchpad.local_mongo import LocalMongo
from launchpad.runs import submit_run
from launchpad.settings import connect, resolve
from launchpad.worker import LEFT_BEHIND, STOPPED
from tests.conftest import discard
from tests.launchpad.test_rlaunch import (
    ENVIRONMENT,
    assert_same_as_in_process,
    command,
    prepared_run,
    processes_of,
    until,
)

pytestmark = pytest.mark.workflow


@contextmanager
def worker(directory: Path, lpad_file: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """An `alflow worker` in ``directory``, killed at the end of the block if it still runs."""
    directory.mkdir(exist_ok=True)
    line = [sys.executable, "-m", "launchpad.cli", "worker", "-l", str(lpad_file), *words]
    process = subprocess.Popen(line, cwd=directory, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code, and what it said."""
    said = process.communicate(timeout=240)[1]
    return process.returncode, said


def states(lpad: LaunchPad) -> list[str]:
    return sorted(document["state"] for document in lpad.fireworks.find({}, {"state": 1}))


def submitted(
    tmp_path: Path, lpad: LaunchPad, delay: float, reuse: bool = True, **changes: Any
) -> tuple[PreparedRun, Path]:
    path, prepared, log = prepared_run(tmp_path, delay=delay, **changes)
    if not reuse:
        content = yaml.safe_load(path.read_text())
        content["dft"]["reuse"] = False
        path.write_text(yaml.safe_dump(content))
        prepared = prepare(path)
    submit_run(lpad, prepared, tmp_path / "runs" / prepared.run)
    return prepared, log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_stopped_point_is_run_again(lpad: LaunchPad, lpad_file: Path, tmp_path: Path, number: signal.Signals) -> None:
    prepared, log = submitted(tmp_path, lpad, 60.0)
    with worker(tmp_path / "w", lpad_file, "singleshot") as process:
        until(lambda: log.exists() and "begin" in log.read_text())
        process.send_signal(number)
        code, said = ended(process)
    firework = lpad.fireworks.find_one({"spec.al_step": "dft"})
    assert (code, firework["state"]) == (STOPPED, "READY"), said
    assert f"Firework {firework['fw_id']} is ready again" in said
    assert not processes_of(log)
    assert not Store(lpad.db).labels(prepared.run)
    assert lpad.launches.count_documents({"state": "RUNNING"}) == 0
    # SIGUSR1 says that the walltime is over: a point that had it all to itself may never fit, so it counts as lost
    assert len(lost_attempts(Path(firework["spec"]["_launch_dir"]))) == (number == signal.SIGUSR1)


def test_it_ends_before_its_time_does(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    _, log = submitted(tmp_path, lpad, 600.0)
    with worker(tmp_path / "late", lpad_file, "rapidfire", "--max-seconds", "100", "--margin", "200") as process:
        code, said = ended(process)
    assert (code, log.exists()) == (0, False)
    assert "nothing is taken" in said
    with worker(tmp_path / "w", lpad_file, "rapidfire", "--max-seconds", "20", "--margin", "0") as process:
        code, said = ended(process)
    assert (code, states(lpad)) == (STOPPED, ["READY", "WAITING"]), said
    assert "its time is up" in said


def test_a_pack_shares_a_run_and_gives_all_back(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    """Interrupted once in the middle of its points, then done by another pack: the numbers of an undisturbed run."""
    prepared, log = submitted(
        tmp_path, lpad, 1.5, query={"kind": "final_uncertainty", "batch": 3}, termination={"max_cycles": 2}
    )
    words = ("rapidfire", "--parallel", "2", "--nlaunches", "infinite", "--sleep", "1")
    points = {"spec.al_step": "dft", "spec.al_cycle": 1, "state": "RUNNING"}
    with worker(tmp_path / "w", lpad_file, *words) as process:
        until(lambda: lpad.fireworks.count_documents(points))
        process.send_signal(signal.SIGTERM)
        code, said = ended(process)
    assert code == STOPPED, said
    assert not processes_of(log)
    assert not set(states(lpad)) & {"RUNNING", "RESERVED", "FIZZLED"}
    with worker(tmp_path / "w", lpad_file, *words):
        result = until(lambda: Store(lpad.db).result(prepared.run))
    assert_same_as_in_process(result, prepared, tmp_path)


def test_a_database_that_is_away(tmp_path: Path) -> None:
    local = LocalMongo(tmp_path / "mongo")
    local.start()
    try:
        lpad = connect(resolve(local.launchpad_file()))
        _, log = submitted(tmp_path, lpad, 600.0, reuse=False)
        lpad.connection.close()
        with worker(tmp_path / "w", local.launchpad_file(), "singleshot") as process:
            until(lambda: log.exists() and "begin" in log.read_text())
            os.kill(int(local.status().pid or 0), signal.SIGKILL)
            process.send_signal(signal.SIGTERM)
            code, said = ended(process)
        assert code == LEFT_BEHIND, said
        assert "alflow supervise" in said
        assert not processes_of(log)
    finally:
        discard(local)


def evil(marker: Path, **spec: Any) -> Firework:
    return Firework([ScriptTask.from_str(f"touch {marker}")], spec=spec)


def test_tasks_of_others_are_left_alone(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    (fw_id,) = lpad.add_wf(Workflow([evil(marker)])).values()
    before = lpad.fireworks.find_one({"fw_id": fw_id})
    with worker(tmp_path / "w", lpad_file, "rapidfire") as process:
        code, said = ended(process)
    assert code == 0
    assert f"Firework {fw_id} is left as it is: its task is ScriptTask" in said
    with worker(tmp_path / "w", lpad_file, "singleshot", "--fw_id", str(fw_id)) as process:
        code, said = ended(process)
    assert code == 2
    assert "its task is ScriptTask" in said
    assert lpad.fireworks.find_one({"fw_id": fw_id}) == before
    assert not marker.exists()
    # plain rlaunch with the query that `alflow init` writes leaves it alone too
    (tmp_path / "my_fworker.yaml").write_text(
        yaml.safe_dump({"name": "n", "category": "", "query": json.dumps(only_ours())})
    )
    command("rlaunch", "-l", str(lpad_file), "-w", "my_fworker.yaml", "rapidfire", cwd=tmp_path)
    assert not marker.exists()
    with worker(tmp_path / "w", lpad_file, "singleshot", "--any-task") as process:
        assert ended(process)[0] == 0
    assert marker.exists()


def test_what_hides_beside_our_tasks_is_found(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    submitted(tmp_path, lpad, 0.0)
    good = lpad.fireworks.find_one({"spec.al_step": "dft"})
    assert foreign(good["spec"]) == ""
    mine = FWorker(query=only_ours())
    assert lpad.fireworks.count_documents(mine.query) == 2
    adapters = [{"pre_rocket": "touch marker"}, {"walltime": "00:10:00\ntouch marker"}, {"mem": ["4G"]}]
    in_job = [{"_queueadapter": adapter} for adapter in adapters]
    in_job += [{"_launch_dir": "/scratch/it's"}, {"_launch_dir": "/scratch\ntouch marker"}]
    for hidden in ({"_background_tasks": []}, {"_files_in": {"a": "b"}}, *in_job):
        lpad.fireworks.update_one({"fw_id": good["fw_id"]}, {"$set": {"spec": {**good["spec"], **hidden}}})
        assert lpad.fireworks.count_documents(mine.query) == 1
        assert foreign({**good["spec"], **hidden})
    plain = {"_queueadapter": {"walltime": "00:10:00", "nodes": 2, "mem": None}}
    lpad.fireworks.update_one({"fw_id": good["fw_id"]}, {"$set": {"spec": {**good["spec"], **plain}}})
    assert lpad.fireworks.count_documents(mine.query) == 2
    assert foreign({**good["spec"], **plain}) == ""
    # an object that FireWorks would make while it loads the Firework: a query cannot see it
    hidden = {"deep": [{"_fw_name": "{{nowhere.Evil}}"}]}
    lpad.fireworks.update_one({"fw_id": good["fw_id"]}, {"$set": {"spec": {**good["spec"], **hidden}}})
    with worker(tmp_path / "w", lpad_file, "singleshot") as process:
        assert ended(process)[0] == 0
    found = lpad.fireworks.find_one({"fw_id": good["fw_id"]})
    assert (found["state"], found["launches"]) == ("READY", [])
