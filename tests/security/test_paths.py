"""What the database says of directories and keys leads nowhere but into a run's own, marked directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket

from al_workflows.claim import claimed_directory, place_of, refuse_elsewhere
from al_workflows.errors import InputError
from al_workflows.results import run_id
from fw_specs.cycle import point_directory
from fw_specs.submit import submit
from fw_specs.tasks import CheckTask, SinglePointTask
from tests.builders import label, run_spec, slab

KEYS = [
    "run/../../etc",
    "run/0000/..",
    "../0000/00",
    "/etc/0000/00",
    "run/0000/00/x",
    "run//00",
    "run/0000/0\n0",
    "run",
    "",
]
KEYS += ["run/0000/../../../etc/00", ".ssh/0000/00", "run\x00/0000/00"]


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory that is no run's, in which nothing of ours may appear."""
    place = tmp_path / "outside" / "0000" / "00"
    place.mkdir(parents=True)
    yield place
    ours = {path.name for path in (tmp_path / "outside").rglob("*")} - {"0000", "00", "check"}
    assert not {name for name in ours if not name.startswith("FW")}  # FW.json is FireWorks' own


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_leads_elsewhere(key: str, tmp_path: Path) -> None:
    request = label(slab()).request
    object.__setattr__(request, "key", key)
    with pytest.raises(InputError, match="must read <run>/<cycle>/<index>"):
        point_directory(tmp_path, request)
    task = SinglePointTask(run="run", request=request.to_dict(), dft={"kind": "emt"})
    with pytest.raises(InputError, match="must read <run>/<cycle>/<index>"):
        task.run_task({})  # as on a node without a database
    assert not list(tmp_path.iterdir())


def test_a_key_that_is_one() -> None:
    assert place_of("relax-1a2b/0012/03") == Path("0012/03")


def test_a_single_point_runs_in_its_own_directory_alone(tmp_path: Path, outside: Path) -> None:
    run = claimed_directory(tmp_path / "run", "run")
    refuse_elsewhere("run/0000/00", run / "0000" / "00")
    for place, said in ((run / "0000" / "01", "0000/00"), (run, "0000/00"), (outside, "not marked")):
        with pytest.raises(InputError, match=said):
            refuse_elsewhere("run/0000/00", place)
    with pytest.raises(InputError, match="is the directory of run"):
        refuse_elsewhere("other/0000/00", run / "0000" / "00")


def trace(lpad: LaunchPad, fw_id: int) -> str:
    firework = lpad.get_fw_by_id(fw_id)
    assert firework.state == "FIZZLED"
    return str(firework.launches[-1].action.stored_data["_exception"]["_stacktrace"])


@pytest.mark.workflow
@pytest.mark.parametrize("step", ["dft", "check"])
def test_a_launch_directory_that_somebody_changed(step: str, lpad: LaunchPad, tmp_path: Path, outside: Path) -> None:
    submit(lpad, run_spec(), slab(2.4, seed=0), tmp_path / "work")
    where = {"spec.al_step": step}
    if step == "check":
        launch_rocket(lpad, FWorker())
    lpad.fireworks.update_one(where, {"$set": {"spec._launch_dir": str(outside)}})
    launch_rocket(lpad, FWorker())
    os.chdir(tmp_path)
    said = "not marked" if step == "dft" else "must run below"
    assert said in trace(lpad, lpad.fireworks.find_one(where)["fw_id"])


@pytest.mark.workflow
def test_a_run_directory_that_somebody_changed(lpad: LaunchPad, tmp_path: Path, outside: Path) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    lpad.db["al_runs"].update_one({}, {"$set": {"directory": str(outside.parent.parent)}})
    task = CheckTask(run=run_id(spec, start), cycle=0)
    task.launchpad = lpad
    os.chdir(outside)
    with pytest.raises(InputError, match="not marked as a run's"):
        task.run_task({})


@pytest.mark.workflow
def test_a_stopped_point_is_not_noted_elsewhere(lpad: LaunchPad, tmp_path: Path, outside: Path) -> None:
    from launchpad.workers import put_back

    spec, start = run_spec(), slab(2.4, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    (outside / "attempt_1").mkdir()
    firework, _ = lpad.checkout_fw(FWorker(name="gone"), str(outside))
    changed: dict[str, Any] = {"$set": {"spec._launch_dir": str(outside)}}
    lpad.fireworks.update_one({"fw_id": firework.fw_id}, changed)
    assert put_back(lpad, run_id(spec, start), {"fworker.name": "gone"}) == [firework.fw_id]
    assert not list((outside / "attempt_1").iterdir())
    (outside / "attempt_1").rmdir()
