"""The cluster that other tests run on: jobs run in it, and nothing of it outlives the process that started it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.slurm import ROOT, SlurmCluster, until

pytestmark = pytest.mark.slurm

DYING = """
import os, signal, sys
from pathlib import Path
from tests.slurm import SlurmCluster, until

with SlurmCluster(Path(sys.argv[1])) as cluster:
    cluster.sbatch(Path(sys.argv[2]), "--mem=100", "--output=/dev/null")
    until(Path(sys.argv[3]).exists, 60, "the job did not start")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_jobs_run_and_are_logged(slurm_cluster: SlurmCluster, tmp_path: Path) -> None:
    script, said = tmp_path / "job.sh", tmp_path / "said"
    script.write_text("#!/bin/sh\necho $SLURM_JOB_NODELIST\n")
    number = slurm_cluster.sbatch(script, "--mem=100", f"--output={said}", "--job-name=hello", "--partition=ml")
    assert slurm_cluster.job(number)["JobName"] == "hello"
    slurm_cluster.wait_until_empty()
    assert said.read_text() == "n1\n"
    logged = [entry for entry in slurm_cluster.sacct() if entry["jobid"] == str(number)]
    assert logged[0]["state"] == "COMPLETED"


def test_nothing_outlives_a_killed_starter(slurm_cluster: SlurmCluster, tmp_path: Path) -> None:
    """The session's own cluster runs beside this one, and goes on."""
    script, started, place = tmp_path / "job.sh", tmp_path / "started", tmp_path / "cluster"
    script.write_text(f"#!/bin/sh\ntrap '' TERM\nsetsid sleep 600 &\ntouch {started}\nsleep 600\n")
    words = [sys.executable, "-c", DYING, str(place), str(script), str(started)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(words, env=environment, cwd=tmp_path, check=False, timeout=120)
    conf = f"SLURM_CONF={place}/slurm.conf".encode()

    def left() -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if conf in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_text())
            except OSError:  # it ended meanwhile
                continue
        return found

    until(lambda: not left(), 30, "something is left")
    assert not slurm_cluster.squeue()
