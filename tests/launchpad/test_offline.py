"""FireWorks' offline mode: single points on nodes that cannot reach the database, file in, file out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from fireworks import FWorker, LaunchPad
from fireworks.queue.queue_launcher import setup_offline_job

from al_workflows.preflight import PreparedRun
from al_workflows.records import VerdictKind
from fw_specs import lost
from fw_specs.store import Store
from launchpad.held import Patience
from tests.fw_specs.test_run import work
from tests.launchpad.test_recover import recover
from tests.launchpad.test_rlaunch import (
    BIN,
    ENVIRONMENT,
    ROOT,
    assert_same_as_in_process,
    command,
    prepared_run,
    processes_of,
    until,
)

pytestmark = pytest.mark.workflow

#: a network of its own, in which nothing can be reached
ISOLATED = ["unshare", "--map-root-user", "--net"]
CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"


@pytest.fixture
def isolation(lpad: LaunchPad) -> list[str]:
    """The words that put a command where the database is out of reach; proven for the database of the test."""
    if shutil.which("unshare") is None or subprocess.run([*ISOLATED, "true"], check=False).returncode != 0:
        pytest.skip("needs the right to make a network namespace")
    try_it = [str(BIN / "python"), "-c", CONNECT, str(lpad.port)]
    subprocess.run(try_it, check=True)
    assert subprocess.run([*ISOLATED, *try_it], capture_output=True, check=False).returncode != 0
    return ISOLATED


def reserve(lpad: LaunchPad) -> tuple[int, Path] | None:
    """What `qlaunch -r` does for an offline job, up to the submission: id and launch directory."""
    fw, launch_id = lpad.reserve_fw(FWorker(name="queue", category="dft"), os.getcwd())
    if not fw:
        return None
    place = Path(fw.spec["_launch_dir"])
    place.mkdir(parents=True, exist_ok=True)
    lpad.change_launch_dir(launch_id, str(place))
    here = os.getcwd()
    os.chdir(place)
    setup_offline_job(lpad, fw, launch_id)
    os.chdir(here)
    return fw.fw_id, place


OFFLINE = [str(BIN / "rlaunch"), "singleshot", "--offline"]


def killed_in_the_middle(lpad: LaunchPad, lpad_file: Path, tmp_path: Path, gate: Path) -> tuple[int, Path, PreparedRun]:
    """An offline worker that is killed while DFT waits for ``gate``; the Firework's id, its directory, and the run."""
    log = tmp_path / "dft.log"
    arguments = {"log": str(log), "gate": str(gate)}
    dft = {"kind": "ase", "calculator": "tests.calculators.WatchedEMT", "arguments": arguments}
    path, prepared, _ = prepared_run(tmp_path, 0.0, dft=dft, termination={"max_dft_calls": 1})
    command("alflow", "submit", str(path), "--launchpad", str(lpad_file), cwd=tmp_path)
    job = reserve(lpad)
    assert job is not None
    fw_id, place = job
    environment = ENVIRONMENT | {"FW_CONFIG_FILE": str(tmp_path / "FW_config.yaml")}
    (tmp_path / "FW_config.yaml").write_text("PING_TIME_SECS: 1\n")
    with (tmp_path / "offline.log").open("wb") as said:
        words = [*OFFLINE, "--fw_id", str(fw_id)]
        worker = subprocess.Popen(words, cwd=place, env=environment, stdout=said, stderr=said)
        until(lambda: log.exists() and (place / "FW_ping.json").exists())
        assert recover(lpad, Patience(0.0, 600.0)) == f"{name_of(lpad, fw_id)}: it runs offline; the database was told"
        assert recover(lpad, Patience(0.0, 600.0)) == ""  # it lives
        assert lpad.get_fw_dict_by_id(fw_id)["state"] == "RUNNING"
        worker.kill()
        worker.wait()
    until(lambda: not processes_of(log))
    return fw_id, place, prepared


def name_of(lpad: LaunchPad, fw_id: int) -> str:
    return f"{lpad.get_fw_dict_by_id(fw_id)['name']} (fw_id {fw_id})"


@pytest.mark.parametrize("told", [True, False])
def test_an_offline_job_that_was_killed_is_found_and_run_again(
    told: bool, lpad: LaunchPad, lpad_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not `lpad recover_offline` told the database that it had begun."""
    monkeypatch.chdir(tmp_path)
    gate = tmp_path / "gate"
    fw_id, place, prepared = killed_in_the_middle(lpad, lpad_file, tmp_path, gate)
    first = lpad.get_fw_dict_by_id(fw_id)["launches"][-1]["launch_id"]
    if not told:  # as it is where nobody has looked since it was submitted
        lpad.launches.update_one({"launch_id": first}, {"$set": {"state": "RESERVED"}})
        lpad.fireworks.update_one({"fw_id": fw_id}, {"$set": {"state": "RESERVED"}})
    assert "put back" in recover(lpad)
    assert lpad.get_fw_dict_by_id(fw_id)["state"] == "READY"
    assert lost.count(lpad.db, fw_id) == 1
    command("lpad", "-l", str(lpad_file), "recover_offline", cwd=tmp_path)  # of files that are nobody's any more
    assert lpad.get_fw_dict_by_id(fw_id)["state"] == "READY"
    gate.touch()
    assert reserve(lpad) == (fw_id, place)
    subprocess.run([*OFFLINE, "--fw_id", str(fw_id)], cwd=place, env=ENVIRONMENT, check=True, capture_output=True)
    # what finished is taken in by us as well, and is no loss
    assert "what it left in its directory was taken in" in recover(lpad)
    assert lost.count(lpad.db, fw_id) == 1
    assert lpad.get_fw_dict_by_id(fw_id)["state"] == "COMPLETED"
    work(lpad, tmp_path)
    result = Store(lpad.db).result(prepared.run)
    assert result is not None
    assert_same_as_in_process(result, prepared, tmp_path)


def test_a_run_whose_single_points_never_see_the_database(
    lpad: LaunchPad, lpad_file: Path, tmp_path: Path, isolation: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    random = {"kind": "random", "batch": 2}
    path, prepared, log = prepared_run(tmp_path, 0.0, query=random, termination={"max_dft_calls": 3})
    command("alflow", "submit", str(path), "--launchpad", str(lpad_file), cwd=tmp_path)
    (tmp_path / "online.yaml").write_text(
        yaml.safe_dump({"name": "online", "category": ["ml", "control"], "query": "{}"})
    )
    (tmp_path / "home").mkdir()
    # neither a file nor a variable that names a database
    offline_environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    online = [str(BIN / "rlaunch"), "-l", str(lpad_file), "-w", "online.yaml", "rapidfire"]
    store, done = Store(lpad.db), 0
    with (tmp_path / "online.log").open("wb") as said:
        worker = subprocess.Popen([*online, "--nlaunches", "infinite", "--sleep", "1"], stdout=said, stderr=said)
    try:
        while store.result(prepared.run) is None:
            until(lambda: store.result(prepared.run) or lpad.run_exists(FWorker(category="dft")))
            while (job := reserve(lpad)) is not None:
                fw_id, place = job
                assert not list(place.glob("my_launchpad*"))
                words = [*isolation, str(BIN / "rlaunch"), "singleshot", "--offline", "--fw_id", str(fw_id)]
                ran = subprocess.run(
                    words, cwd=place, env=offline_environment, capture_output=True, text=True, check=False
                )
                assert ran.returncode == 0, ran.stdout + ran.stderr
                assert (place / "label.json").is_file()
                assert lpad.get_fw_dict_by_id(fw_id)["state"] == "RESERVED"  # the database has not heard of it
                done += 1
            command("lpad", "-l", str(lpad_file), "recover_offline", cwd=tmp_path)
        until(lambda: lpad.fireworks.count_documents({"state": {"$ne": "COMPLETED"}}) == 0)
    finally:
        worker.kill()
        worker.wait()
    result = store.result(prepared.run)
    assert result is not None
    assert result.verdict.kind is VerdictKind.BUDGET_SPENT
    assert done == len(result.labels) == log.read_text().count("end") == 3
    assert_same_as_in_process(result, prepared, tmp_path)
