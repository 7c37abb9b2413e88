"""`alflow init` and FireWorks' own `qlaunch` on a real SLURM cluster; the jobs run `alflow worker`."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from fireworks import LaunchPad

from al_workflows.dft.losses import lost_attempts
from al_workflows.records import LabelStatus
from fw_specs.store import Store
from tests.launchpad.test_rlaunch import BIN, assert_same_as_in_process, prepared_run, processes_of, until
from tests.slurm import SlurmCluster

pytestmark = [pytest.mark.workflow, pytest.mark.slurm]

SMALL = ("--partition", "dft", "--ml-partition", "ml", "--mem", "300M", "--cpus-per-task", "1")


def alflow(cluster: SlurmCluster, *words: str, cwd: Path) -> str:
    return cluster.run(sys.executable, "-m", "launchpad.cli", *words, cwd=cwd)


@pytest.fixture
def work(slurm_cluster: SlurmCluster, lpad_file: Path, tmp_path: Path) -> Iterator[Path]:
    """A directory by `alflow init`; what is left in the queue is cancelled afterwards."""
    alflow(slurm_cluster, "init", "work", "--launchpad", str(lpad_file), *SMALL, cwd=tmp_path)
    yield tmp_path / "work"
    slurm_cluster.scancel(options=("--user", "root"))
    slurm_cluster.wait_until_empty()


@contextmanager
def qlaunch(cluster: SlurmCluster, work: Path) -> Iterator[None]:
    """One plain `qlaunch -r rapidfire` a category, until the block ends."""
    daemons = []
    for category in ("ml", "dft", "control"):
        files = ["-w", f"my_fworker_{category}.yaml", "-q", f"my_qadapter_{category}.yaml"]
        words = [str(BIN / "qlaunch"), "-r", *files, "rapidfire", "--nlaunches", "infinite", "--sleep", "1"]
        with (work / f"qlaunch-{category}.log").open("wb") as log:
            daemons.append(subprocess.Popen(words, cwd=work, env=cluster.environment, stdout=log, stderr=log))
    try:
        yield
    finally:
        for daemon in daemons:
            daemon.terminate()
            daemon.wait()


def test_a_run_through_the_queue_and_a_cancelled_job(
    slurm_cluster: SlurmCluster, work: Path, lpad: LaunchPad, tmp_path: Path
) -> None:
    asks = {"walltime": "00:07:00", "mem": "222M", "job_name": "one-point", "ntasks": 2}
    path, prepared, log = prepared_run(
        tmp_path, 3.0, resources={"dft": {"category": "dft", "queue": asks}}, termination={"max_cycles": 1}
    )
    alflow(slurm_cluster, "submit", str(path), cwd=work)
    store = Store(lpad.db)
    with qlaunch(slurm_cluster, work):
        until(lambda: log.exists() and "begin" in log.read_text())
        (job,) = slurm_cluster.squeue("--name", "one-point")
        slurm_cluster.scancel(job.id)
        shown = slurm_cluster.job(job.id)
        assert (shown["TimeLimit"], shown["MinMemoryNode"], shown["NumTasks"]) == ("00:07:00", "222M", "2")
        point = prepared_point(lpad)
        said = Path(point["spec"]["_launch_dir"]) / f"one-point-{job.id}.error"
        until(lambda: "is ready again: the worker was stopped (SIGTERM)" in said.read_text())
        result = until(lambda: store.result(prepared.run))
        until(lambda: lpad.fireworks.count_documents({"state": {"$ne": "COMPLETED"}}) == 0)
    assert not processes_of(log)
    assert not lost_attempts(Path(point["spec"]["_launch_dir"]))
    labels = store.labels(prepared.run)
    assert len({label.key for label in labels}) == len(labels) == result.dft_calls
    assert {label.status for label in labels} == {LabelStatus.OK}
    assert_same_as_in_process(result, prepared, tmp_path)
    ended = {entry["jobname"] for entry in slurm_cluster.sacct("jobname", "state")}
    assert any("train" in name for name in ended)  # the others are named after their Firework


def prepared_point(lpad: LaunchPad) -> Any:
    return lpad.fireworks.find_one({"spec.al_step": "dft"})


def test_packs_and_arrays(slurm_cluster: SlurmCluster, lpad_file: Path, lpad: LaunchPad, tmp_path: Path) -> None:
    """A submission without reservation is an array of jobs, each of which takes points side by side."""
    others = {entry["jobid"] for entry in slurm_cluster.sacct()}  # of tests before
    words = ("--launchpad", str(lpad_file), *SMALL, "--dft-pack", "2", "--dft-array", "2")
    alflow(slurm_cluster, "init", "packs", *words, cwd=tmp_path)
    path, _, log = prepared_run(tmp_path, 3.0)
    place = tmp_path / "packs"
    alflow(slurm_cluster, "submit", str(path), cwd=place)
    files = ("-w", "my_fworker_dft.yaml", "-q", "my_qadapter_dft.yaml")
    slurm_cluster.run(str(BIN / "qlaunch"), *files, "singleshot", cwd=place)
    until(lambda: log.exists() and "begin" in log.read_text())
    jobs = slurm_cluster.squeue("--name", "alflow-dft")
    assert {slurm_cluster.job(job.id)["NumTasks"] for job in jobs} == {"2"}
    slurm_cluster.wait_until_empty()
    assert prepared_point(lpad)["state"] == "COMPLETED"
    array = {entry["jobid"] for entry in slurm_cluster.sacct() if entry["jobname"] == "alflow-dft"} - others
    assert len(array) == 2


def test_a_job_knows_its_end(slurm_cluster: SlurmCluster, tmp_path: Path) -> None:
    script, said = tmp_path / "job.sh", tmp_path / "said"
    code = "import os; from launchpad.job_time import end_of_job; print(end_of_job(os.environ))"
    script.write_text(f"#!/bin/sh\n{sys.executable} -c '{code}'\nscontrol --oneliner show job $SLURM_JOB_ID\n")
    slurm_cluster.sbatch(script, "--mem=100", "--time=5", f"--output={said}")
    slurm_cluster.wait_until_empty()
    end, shown = said.read_text().splitlines()
    (expected,) = (word.removeprefix("EndTime=") for word in shown.split() if word.startswith("EndTime="))
    assert float(end) == datetime.datetime.fromisoformat(expected).timestamp()


def test_the_directory(slurm_cluster: SlurmCluster, work: Path) -> None:
    """Modes; what plain `lpad` and `rlaunch` say in it; a second `alflow init` overwrites nothing."""
    assert (work / "my_launchpad.yaml").stat().st_mode & 0o777 == 0o600
    password = yaml.safe_load((work / "my_launchpad.yaml").read_text())["password"]
    assert not [p for p in work.iterdir() if p.name != "my_launchpad.yaml" and password in p.read_text()]
    assert json.loads(slurm_cluster.run(str(BIN / "lpad"), "get_wflows", cwd=work)) == []
    slurm_cluster.run(str(BIN / "rlaunch"), "rapidfire", cwd=work)
    (work / "my_qadapter_ml.yaml").write_text("mine")
    (work / "my_fworker_dft.yaml").unlink()
    before = {path.name: path.read_text() for path in work.iterdir() if path.is_file()}
    said = alflow(slurm_cluster, "init", str(work), *SMALL, cwd=work.parent)
    assert "new:   my_fworker_dft.yaml\n" in said
    assert "my_qadapter_ml.yaml" in said.partition("kept as they were:")[2]
    after = {path.name: path.read_text() for path in work.iterdir() if path.is_file()}
    assert {name: after[name] for name in before} == before
