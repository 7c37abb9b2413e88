"""One loss after another on a real SLURM cluster, and what `alflow recover` and `alflow supervise` make of it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fireworks import LaunchPad

from fw_specs.store import Store
from launchpad.control import cancel, pause, rerun, resume
from launchpad.local_mongo import LocalMongo
from launchpad.slurm_queue import QueueProblem, SlurmQueue
from launchpad.status import read_status
from tests.fw_specs.points import answered_run
from tests.launchpad.cluster import BIN, alflow, cluster_directory, one_round, plan, recover, submitted
from tests.launchpad.test_rlaunch import processes_of, until
from tests.slurm import SlurmCluster

pytestmark = [pytest.mark.slurm, pytest.mark.workflow]


@pytest.fixture
def place(
    slurm_cluster: SlurmCluster, lpad_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A directory with the files of the categories; SLURM's commands work in this process; no job is left."""
    for name, value in slurm_cluster.environment.items():
        monkeypatch.setenv(name, value)
    yield cluster_directory(tmp_path / "cluster", lpad_file)
    slurm_cluster.run("scontrol", "update", "PartitionName=dft", "State=UP")
    slurm_cluster.scancel(options=["--user", str(os.getuid())])
    slurm_cluster.wait_until_empty()


@pytest.fixture
def no_job_starts(place: Path, slurm_cluster: SlurmCluster) -> None:
    """Jobs wait in the queue."""
    slurm_cluster.run("scontrol", "update", "PartitionName=dft", "State=DOWN")


def everything(lpad: LaunchPad) -> dict[str, Any]:
    """All that is in the database."""
    return {name: list(lpad.db[name].find().sort("_id")) for name in lpad.db.list_collection_names()}


def gated(tmp_path: Path) -> tuple[dict[str, Any], Path, Path]:
    """DFT that waits for a file, its log, and the file."""
    log, gate = tmp_path / "dft.log", tmp_path / "gate"
    arguments = {"log": str(log), "gate": str(gate)}
    return {"kind": "ase", "calculator": "tests.calculators.WatchedEMT", "arguments": arguments}, log, gate


def states(lpad: LaunchPad, run: str) -> dict[str, int]:
    return dict(read_status(lpad, run).fireworks)


@pytest.mark.usefixtures("no_job_starts")
def test_a_job_cancelled_before_it_began(slurm_cluster: SlurmCluster, place: Path, lpad: LaunchPad) -> None:
    run = submitted(lpad, place)
    assert "submitted 1, repaired 0" in one_round(lpad, place)
    assert "submitted 0, repaired 0" in one_round(lpad, place)  # it waits: nothing is lost
    assert states(lpad, run)["RESERVED"] == 1
    [job] = slurm_cluster.squeue()
    assert job.name == "alflow-dft"
    slurm_cluster.scancel(job.id)
    before = everything(lpad)
    shown = alflow(slurm_cluster, place, "recover", "--dry-run", "--patience", "2").stdout
    assert f"would repair  {run}:0:dft-00" in shown
    assert f"its job {job.id} ended (CANCELLED) before it began" in shown
    assert "1 repairs; nothing was changed" in shown
    assert everything(lpad) == before
    done = alflow(slurm_cluster, place, "recover", run)
    assert "put back" in done.stdout, done.stderr
    assert states(lpad, run) == {"READY": 1, "WAITING": 1}
    assert plan(lpad) == []


def test_a_worker_killed_in_its_job(slurm_cluster: SlurmCluster, place: Path, lpad: LaunchPad, tmp_path: Path) -> None:
    dft, log, gate = gated(tmp_path)
    run = submitted(lpad, place, dft=dft, termination={"max_dft_calls": 1})
    one_round(lpad, place)
    until(log.exists, seconds=60)
    lpad.launches.update_many({}, {"$set": {"state_history.1.updated_on": "2020-01-01T00:00:00"}})
    assert plan(lpad) == []  # its pings are late, but its job runs
    [pid] = worker_pids(place, "dft")
    os.kill(pid, signal.SIGKILL)
    until(lambda: not processes_of(log), seconds=30)
    slurm_cluster.wait_until_empty()
    assert states(lpad, run) == {"RUNNING": 1, "WAITING": 1}
    gate.touch()
    words = ["supervise", "--until-done", "--interval", "1", "--patience", "2"]
    done = alflow(slurm_cluster, place, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "while it ran; put back" in done.stdout
    assert states(lpad, run) == {"COMPLETED": 2}
    assert len(Store(lpad.db).labels(run)) == 1
    assert Counter(line.split()[0] for line in log.read_text().splitlines()) == {"begin": 2, "end": 1}


def worker_pids(place: Path, category: str) -> list[int]:
    """The processes that run `rlaunch` for ``category``, without the shell of the job script."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if f"{place}/my_fworker_{category}.yaml".encode() in words:
            found.append(int(process.name))
    return found


def test_two_supervisors_at_once(slurm_cluster: SlurmCluster, place: Path, lpad: LaunchPad, tmp_path: Path) -> None:
    run = answered_run(lpad, tmp_path / "run", points=7)
    most, ended = [0], threading.Event()

    def count() -> None:
        while not ended.wait(0.2):
            most[0] = max(most[0], len(slurm_cluster.squeue("--name", "alflow-dft")))

    words = [str(BIN / "alflow"), "supervise", "--until-done", "--interval", "0.5", "--max-jobs", "2"]
    watcher = threading.Thread(target=count)
    watcher.start()
    outputs = [(tmp_path / f"supervisor{number}").open("w+") for number in range(2)]
    both = [subprocess.Popen(words, cwd=place, env=slurm_cluster.environment, stdout=out) for out in outputs]
    codes = [process.wait(240) for process in both]
    ended.set()
    watcher.join()
    said = []
    for out in outputs:
        out.seek(0)
        said.append(out.read())
        out.close()
    assert codes == [0, 0], said
    assert states(lpad, run) == {"COMPLETED": 8}
    assert lpad.launches.count_documents({}) == 8  # none was reserved or ran twice
    assert sum(int(text.rpartition(" rounds: ")[2].split()[0]) for text in said) == 8
    assert 0 < most[0] <= 2


@pytest.mark.usefixtures("no_job_starts")
def test_squeue_failing_once_is_not_an_empty_queue(
    place: Path, lpad: LaunchPad, tmp_path: Path, slurm_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submitted(lpad, place)
    one_round(lpad, place)
    real = slurm_cluster.run("sh", "-c", "command -v squeue").strip()
    shims, words, code = tmp_path / "shims", tmp_path / "words", tmp_path / "code"
    shims.mkdir()
    shim = shims / "squeue"
    shim.write_text(f'#!/bin/sh\n[ -e {words} ] && cat {words} && exit $(cat {code})\nexec {real} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    for text, status in (("", "1"), ("slurm_load_jobs error: Unable to contact slurm controller\n", "0")):
        words.write_text(text)
        code.write_text(status)
        assert "SLURM: `squeue`" in one_round(lpad, place)
        with pytest.raises(QueueProblem, match="squeue"):
            recover(lpad)
        assert states(lpad, run)["RESERVED"] == 1
    words.unlink()
    assert "submitted 0, repaired 0" in one_round(lpad, place)


def test_an_outage_of_the_database_is_said_and_waited_for(
    slurm_cluster: SlurmCluster, place: Path, lpad: LaunchPad, mongo: LocalMongo, tmp_path: Path
) -> None:
    server, log = mongo.status().pid, tmp_path / "said"
    assert server is not None
    words = [str(BIN / "alflow"), "supervise", "--interval", "3"]
    with (
        log.open("wb") as out,
        subprocess.Popen(words, cwd=place, env=slurm_cluster.environment, stdout=out) as process,
    ):
        try:
            until(lambda: "none unfinished" in log.read_text(), seconds=120)  # the round is over
            os.kill(server, signal.SIGSTOP)
            until(lambda: "the database does not answer" in log.read_text(), seconds=60)
        finally:
            os.kill(server, signal.SIGCONT)
        until(lambda: "none unfinished" in log.read_text().rpartition("does not answer")[2], seconds=120)
        process.terminate()
        assert process.wait(60) == 0
    said = log.read_text()
    assert "SIGTERM: ending; the jobs stay" in said
    assert "rounds put off" in said.splitlines()[-1]
    assert lpad.db["al_leases"].find_one({"lease": {"$exists": True}}) is None


def test_a_job_that_slurm_refuses_is_said_and_leaves_nothing_reserved(place: Path, lpad: LaunchPad) -> None:
    run = submitted(lpad, place, resources={"dft": {"category": "dft", "queue": {"queue": "nowhere"}}})
    said = one_round(lpad, place)
    assert "dft jobs are not taken: `sbatch` failed" in said
    assert "invalid partition" in said
    assert states(lpad, run) == {"READY": 1, "WAITING": 1}


def test_a_cancelled_run_leaves_no_job_and_can_be_taken_up_again(
    slurm_cluster: SlurmCluster, place: Path, lpad: LaunchPad, tmp_path: Path
) -> None:
    dft, log, _ = gated(tmp_path)
    run = submitted(lpad, place, dft=dft)
    one_round(lpad, place)
    until(log.exists, seconds=60)
    said = "\n".join(cancel(lpad, run, SlurmQueue()).lines)
    assert "2 Fireworks will not run" in said
    assert f"{run}:0:dft-00" in said
    assert "was stopped in job" in said
    assert not slurm_cluster.squeue()
    until(lambda: not processes_of(log), seconds=30)
    assert read_status(lpad, run).state == "CANCELLED"
    assert states(lpad, run) == {"DEFUSED": 2}
    assert "submitted 0, repaired 0" in one_round(lpad, place)
    rerun(lpad, run)
    assert states(lpad, run) == {"READY": 1, "WAITING": 1}


@pytest.mark.usefixtures("no_job_starts")
def test_a_paused_run_gives_its_waiting_job_back(slurm_cluster: SlurmCluster, place: Path, lpad: LaunchPad) -> None:
    run = submitted(lpad, place)
    one_round(lpad, place)
    said = "\n".join(pause(lpad, run, SlurmQueue()).lines)
    assert "2 Fireworks will not start" in said
    assert "1 jobs that had not begun were cancelled" in said
    assert not slurm_cluster.squeue()
    assert states(lpad, run) == {"PAUSED": 2}
    assert "submitted 0" in one_round(lpad, place)
    resume(lpad, run)
    assert states(lpad, run) == {"READY": 1, "WAITING": 1}
    assert "submitted 1" in one_round(lpad, place)
