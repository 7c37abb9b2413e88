"""`alflow supervise` on a real SLURM cluster: whole runs, and one SLURM job after another lost."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fireworks import LaunchPad

from fw_specs.store import Store
from tests.launchpad.cluster import POOL, alflow, cluster_directory, submitted
from tests.slurm import SlurmCluster

pytestmark = [pytest.mark.slurm, pytest.mark.workflow]
METALS = ("Cu", "Ag", "Pd", "Pt")


def critical_path(store: Store, run: str) -> float:
    """Wall time of the longest chain of the run's steps, s: within a cycle its single points run at once."""
    longest = 0.0
    for cycle in store.cycles(run):
        points = [label.seconds for label in store.labels(run) if label.cycle == cycle.index]
        longest += sum(seconds for step, seconds in cycle.seconds.items() if step != "dft") + max(points, default=0.0)
    return longest


@pytest.fixture(autouse=True)
def no_job_is_left(slurm_cluster: SlurmCluster) -> Iterator[None]:
    """Jobs that wait for more to do are cancelled."""
    yield
    slurm_cluster.scancel(options=["--user", str(os.getuid())])
    slurm_cluster.wait_until_empty()


def test_four_surfaces_of_three_cycles(
    slurm_cluster: SlurmCluster, lpad: LaunchPad, lpad_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = cluster_directory(tmp_path / "cluster", lpad_file, {"ml": POOL, "control": POOL})
    runs = [submitted(lpad, place, metal) for metal in METALS]
    began = time.monotonic()
    done = alflow(
        slurm_cluster, place, "supervise", "--interval", "1", "--until-done", "--max-jobs", "dft=4", "--max-jobs", "1"
    )
    wall = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    store = Store(lpad.db)
    for run in runs:
        assert len(store.cycles(run)) == 4  # the start's, and three more
    assert set(lpad.fireworks.distinct("state")) == {"COMPLETED"}
    assert set(lpad.workflows.distinct("state")) == {"COMPLETED"}
    assert lpad.launches.count_documents({}) == lpad.fireworks.count_documents({}) == 4 * (2 + 3 * 5)
    ideal = max(critical_path(store, run) for run in runs)
    with capsys.disabled():
        sys.stdout.write(f"\n4 surfaces of 3 cycles by `alflow supervise`: {wall:.0f} s, critical path {ideal:.1f} s\n")
        sys.stdout.write(f"{done.stdout.splitlines()[-1]}\n")
