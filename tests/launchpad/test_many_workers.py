"""300 Fireworks under four `rlaunch` processes: each runs once, however often they meet at a workflow's lock.

The Fireworks are of our own kinds: single points that are answered already (one look into the database), and the checks
that judge 24 of them each. What is left is what is tested: the taking, the finishing and the locking.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from fireworks import LaunchPad

from launchpad.local_mongo import FIREWORKS_TIMES
from launchpad.status import read_all
from tests.fw_specs.points import answered_run
from tests.launchpad.test_rlaunch import BIN, ENVIRONMENT, until

pytestmark = pytest.mark.workflow
WORKERS, RUNS, POINTS = 4, 12, 24
DONE = "COMPLETED"


def test_three_hundred_fireworks_run_once_each(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    for seed in range(RUNS):
        answered_run(lpad, tmp_path / str(seed), POINTS, seed=seed)
    total = RUNS * (POINTS + 1)
    assert lpad.fireworks.count_documents({}) == total == 300
    with ExitStack() as stack:
        for number in range(WORKERS):
            stack.enter_context(worker(tmp_path / f"worker{number}", lpad_file))
        until(lambda: lpad.fireworks.count_documents({"state": DONE}) == total, seconds=500)
    ran = Counter(launch["fw_id"] for launch in lpad.launches.find({}, {"fw_id": 1}))
    assert len(ran) == total
    assert set(ran.values()) == {1}
    assert lpad.launches.distinct("state") == lpad.workflows.distinct("state") == [DONE]
    assert lpad.fireworks.count_documents({"archived_launches.0": {"$exists": True}}) == 0
    took = Counter(launch["fworker"]["name"] for launch in lpad.launches.find({}, {"fworker": 1}))
    assert len(took) == WORKERS, took
    assert {one.state for one in read_all(lpad)} == {"BUDGET_SPENT"}


def worker(place: Path, lpad_file: Path) -> subprocess.Popen[bytes]:
    """A plain `rlaunch rapidfire` that is ended with the block it is entered for."""
    place.mkdir()
    (place / "my_fworker.yaml").write_text(yaml.safe_dump({"name": place.name, "category": "", "query": "{}"}))
    (place / "FW_config.yaml").write_text(yaml.safe_dump(FIREWORKS_TIMES))
    words = [str(BIN / "rlaunch"), "-s", "-l", str(lpad_file), "-w", "my_fworker.yaml", "rapidfire"]
    words += ["--nlaunches", "infinite", "--sleep", "1", "--timeout", "500"]
    with (place / "log").open("wb") as log:
        return Ended(words, cwd=place, env=ENVIRONMENT, stdout=log, stderr=log)


class Ended(subprocess.Popen):  # type: ignore[type-arg]
    """A process that does not outlive its block."""

    def __exit__(self, *error: object) -> None:
        self.kill()
        self.wait()
