"""Settings that change on the way are refused loudly or make a new run; two kinds of numbers are never mixed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket

from al_workflows import offline
from al_workflows.dft import emt
from al_workflows.dft.label_file import read_label, write_label
from al_workflows.errors import InputError
from al_workflows.preflight import prepare
from al_workflows.results import run_id
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.runs import submit_run
from tests.builders import run_spec, slab
from tests.fw_specs.test_run import in_a_directory_of_its_own, work
from tests.launchpad.test_bad_input import put

__all__ = ["in_a_directory_of_its_own"]  # a fixture

pytestmark = pytest.mark.workflow
LIMITS = {"max_dft_calls": 2}


def trace(lpad: LaunchPad, step: str, cycle: int) -> str:
    """The last lines of the traceback of a Firework that ended in an error."""
    firework = lpad.fireworks.find_one({"spec.al_step": step, "spec.al_cycle": cycle, "state": "FIZZLED"})
    assert firework is not None
    launch = lpad.launches.find_one({"launch_id": firework["launches"][-1]})
    return str(launch["action"]["stored_data"]["_exception"]["_stacktrace"])


def test_the_same_file_again_says_so_and_a_changed_one_is_a_new_run(lpad: LaunchPad, tmp_path: Path) -> None:
    one = prepare(put(tmp_path))
    submit_run(lpad, one, tmp_path / "runs" / one.run)
    with pytest.raises(InputError, match=r"already submitted.*seed"):
        submit_run(lpad, prepare(put(tmp_path)), tmp_path / "runs" / one.run)
    two = prepare(put(tmp_path, simulation={"kind": "relaxation", "fmax": 0.02}))
    assert two.run != one.run
    with pytest.raises(InputError, match=f"is the directory of {one.run}"):
        submit_run(lpad, two, tmp_path / "runs" / one.run)
    assert Store(lpad.db).run_ids() == [one.run]  # refused before anything was stored
    submit_run(lpad, two, tmp_path / "runs" / two.run)


def test_a_structure_file_that_changes_after_submission(lpad: LaunchPad, tmp_path: Path) -> None:
    path = put(tmp_path, start=slab(2.4, seed=0), termination=LIMITS)
    one = prepare(path)
    submit_run(lpad, one, tmp_path / "runs" / one.run)
    slab(3.0, seed=5).write(tmp_path / "start.traj")
    work(lpad, tmp_path)
    result = Store(lpad.db).result(one.run)
    assert result is not None
    # the run is that of the structure it was submitted with
    assert (result.labels[0].atoms.positions == one.start.positions).all()
    assert prepare(path).run != one.run


def test_an_edited_record_stops_the_run(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    launch_rocket(lpad, FWorker())
    edits: list[dict[str, Any]] = [{"spec.simulation.fmax": 0.2}, {"spec.seed": 9}, {"start.positions.0.0": 0.01}]
    before = lpad.db["al_runs"].find_one()
    for edit in edits:
        lpad.db["al_runs"].update_one({}, {"$set": edit})
        with pytest.raises(InputError, match="was changed in the database"):
            Store(lpad.db).intact_run(run_id(spec, start))
        lpad.db["al_runs"].replace_one({}, before)
    # what decides no number may be changed
    lpad.db["al_runs"].update_one({}, {"$set": {"spec.resources.train.category": "gpu"}})
    Store(lpad.db).intact_run(run_id(spec, start))
    lpad.db["al_runs"].update_one({}, {"$set": edits[0]})
    launch_rocket(lpad, FWorker())
    assert "was changed in the database" in trace(lpad, "check", 0)


def test_edited_settings_of_one_single_point(lpad: LaunchPad, tmp_path: Path) -> None:
    lennard_jones = {"kind": "ase", "calculator": "ase.calculators.lj.LennardJones", "arguments": {"sigma": 2.0}}
    submit(lpad, run_spec(dft=lennard_jones), slab(2.4, seed=0), tmp_path / "work")
    lpad.fireworks.update_one({"spec.al_step": "dft"}, {"$set": {"spec._tasks.0.dft.arguments.sigma": 2.1}})
    launch_rocket(lpad, FWorker())
    assert "differs from that of run" in trace(lpad, "dft", 0)
    assert not list((tmp_path / "work").rglob("label.json"))
    # a limit may be changed: it decides no number
    lpad.fireworks.update_one(
        {"spec.al_step": "dft"},
        {"$set": {"spec._tasks.0.dft.arguments.sigma": 2.0, "spec._tasks.0.dft.timeout": 99.0}},
    )
    lpad.rerun_fw(lpad.fireworks.find_one({"spec.al_step": "dft"})["fw_id"])
    launch_rocket(lpad, FWorker())
    assert len(list((tmp_path / "work").rglob("label.json"))) == 1


def test_another_version_of_the_code_stops_the_run(
    lpad: LaunchPad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(lpad, run_spec(), slab(2.4, seed=0), tmp_path / "work")
    launch_rocket(lpad, FWorker())
    monkeypatch.setattr(emt, "distribution_version", lambda name: "99.0")
    work(lpad, tmp_path)
    said = trace(lpad, "check", 1)
    assert "ase-emt 99.0" in said
    assert "all labels of a run must be of one kind" in said


def test_a_label_of_another_structure_is_not_taken_in(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    launch_rocket(lpad, FWorker())
    place = tmp_path / "work" / "0000" / "00"
    label = read_label(place)
    assert label is not None
    write_label(
        dataclasses.replace(label, request=dataclasses.replace(label.request, atoms=slab(1.9))), spec.dft, place
    )
    lpad.db["al_labels"].delete_many({})
    launch_rocket(lpad, FWorker())
    assert "is missing" in trace(lpad, "check", 0)


def test_labels_of_other_settings_in_the_directory_are_computed_anew(tmp_path: Path) -> None:
    start = slab(2.4, seed=0)
    potential = {"kind": "ase", "calculator": "ase.calculators.lj.LennardJones"}
    for sigma in (2.0, 2.1):
        spec = run_spec(dft=potential | {"arguments": {"sigma": sigma}}, termination={"max_dft_calls": 1})
        here = offline.run(spec, start, tmp_path / "one").labels[0]
        elsewhere = offline.run(spec, start, tmp_path / str(sigma)).labels[0]
        assert here.energy == elsewhere.energy
