"""FireWorks' offline mode in jobs of a real SLURM cluster: by `qlaunch` and `lpad`, and by `alflow supervise` alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from fireworks import LaunchPad

from al_workflows import offline
from fw_specs import lost
from fw_specs.store import Store
from tests.fw_specs.test_run import in_a_directory_of_its_own, numbers, work
from tests.launchpad.cluster import BIN, POOL, alflow, cluster_directory, submitted
from tests.launchpad.test_offline import ISOLATED
from tests.slurm import SlurmCluster

__all__ = ["in_a_directory_of_its_own"]  # a fixture

pytestmark = [pytest.mark.slurm, pytest.mark.workflow]


@pytest.fixture
def place(slurm_cluster: SlurmCluster, lpad_file: Path, tmp_path: Path) -> Iterator[Path]:
    """A directory with the files of the categories, of which dft is offline, where it can in a network of its own."""
    here = cluster_directory(tmp_path / "cluster", lpad_file, {"ml": POOL, "control": POOL})
    adapter = yaml.safe_load((here / "my_qadapter_dft.yaml").read_text())
    alone = shutil.which("unshare") and subprocess.run([*ISOLATED, "true"], check=False).returncode == 0
    words = [*(ISOLATED if alone else []), str(BIN / "rlaunch"), "singleshot", "--offline"]
    adapter["rocket_launch"] = " ".join(words)
    (here / "my_qadapter_dft.yaml").write_text(yaml.safe_dump(adapter))
    yield here
    slurm_cluster.scancel(options=["--user", str(os.getuid())])
    slurm_cluster.wait_until_empty()


def run(cluster: SlurmCluster, place: Path, *words: str) -> str:
    """Run one of FireWorks' commands in ``place``; what it said."""
    command = [str(BIN / words[0]), *words[1:]]
    done = subprocess.run(
        command, cwd=place, env=cluster.environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def assert_as_in_process(store: Store, name: str, tmp_path: Path) -> None:
    """The labels are those of the loop without FireWorks."""
    stored = store.run(name)
    direct = offline.run(stored.spec, stored.start, tmp_path / "direct")
    assert numbers(store.labels(name)) == numbers(direct.labels)


def test_qlaunch_and_recover_offline(slurm_cluster: SlurmCluster, place: Path, lpad: LaunchPad, tmp_path: Path) -> None:
    name, store = submitted(lpad, place, termination={"max_dft_calls": 2}), Store(lpad.db)
    dft = ["-w", "my_fworker_dft.yaml"]
    for _ in range(3):
        if store.result(name) is not None:
            break
        waiting = lpad.fireworks.count_documents({"spec.al_step": "dft", "state": "READY"})
        assert waiting
        words = ["-q", "my_qadapter_dft.yaml", "rapidfire", "--nlaunches", str(waiting)]
        run(slurm_cluster, place, "qlaunch", "-r", *dft, *words)
        slurm_cluster.wait_until_empty()
        reserved = list(lpad.fireworks.find({"state": "RESERVED"}))
        assert len(reserved) == waiting
        assert all((Path(fw["spec"]["_launch_dir"]) / "label.json").is_file() for fw in reserved)
        run(slurm_cluster, place, "lpad", "recover_offline", *dft)
        assert not lpad.fireworks.count_documents({"state": "RESERVED"})
        work(lpad, tmp_path)  # the other steps, here
    assert store.result(name) is not None
    assert lpad.fireworks.distinct("state") == ["COMPLETED"]
    assert_as_in_process(store, name, tmp_path)


def test_supervise_takes_offline_jobs_in(
    slurm_cluster: SlurmCluster, place: Path, lpad: LaunchPad, tmp_path: Path
) -> None:
    name, store = submitted(lpad, place, termination={"max_dft_calls": 2}), Store(lpad.db)
    done = alflow(slurm_cluster, place, "supervise", "--until-done", "--interval", "1", "--patience", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "what it left in its directory was taken in" in done.stdout
    assert store.result(name) is not None, done.stdout
    assert lpad.fireworks.distinct("state") == ["COMPLETED"]
    points = [fw["fw_id"] for fw in lpad.fireworks.find({"spec.al_step": "dft"})]
    assert len(points) == 2
    assert [lost.count(lpad.db, fw_id) for fw_id in points] == [0, 0]
    assert_as_in_process(store, name, tmp_path)
