"""Whole runs through FireWorks on a real mongod, launched in this process; the same numbers as without FireWorks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket, rapidfire

from al_workflows import offline
from al_workflows.errors import InputError
from al_workflows.records import Label, VerdictKind
from al_workflows.results import RunResult, run_id
from al_workflows.spec import RunSpec
from fw_specs import tasks
from fw_specs.store import Store
from fw_specs.submit import submit
from tests.builders import run_spec, slab

BATCH = {"kind": "parallel", "single_points": 3}


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def work(launchpad: LaunchPad, tmp_path: Path) -> None:
    """Run all that is ready until nothing is."""
    scratch = tmp_path / "launchers"
    scratch.mkdir(exist_ok=True)
    rapidfire(launchpad, FWorker(), m_dir=str(scratch), sleep_time=0)


def through_fireworks(
    launchpad: LaunchPad, spec: RunSpec, start: Atoms, tmp_path: Path, directory: str = "work"
) -> RunResult:
    assert submit(launchpad, spec, start, tmp_path / directory)
    work(launchpad, tmp_path)
    result = Store(launchpad.db).result(run_id(spec, start))
    assert result is not None
    return result


def numbers(labels: tuple[Label, ...]) -> list[tuple[Any, ...]]:
    """All of the labels that must not depend on who ran them."""
    return [
        (
            label.key,
            label.status,
            label.atoms.positions.tolist(),
            label.energy,
            None if label.forces is None else label.forces.tolist(),
            label.request.reason,
            label.request.uncertainty,
            label.request.predicted_energy,
        )
        for label in labels
    ]


def state(launchpad: LaunchPad) -> dict[str, Any]:
    """What is in the database: the project's collections whole, Fireworks by their names."""
    shown = {name: list(launchpad.db[name].find().sort("_id")) for name in ("al_runs", "al_cycles", "al_labels")}
    shown |= {name: list(launchpad.db[name].find().sort("_id")) for name in ("al_models", "al_pools")}
    shown["fireworks"] = sorted(fw["name"] for fw in launchpad.fireworks.find({}, {"name": 1}))
    return shown


@pytest.mark.workflow
def test_a_run_through_fireworks_gives_the_numbers_of_the_loop_in_process(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(query=BATCH), slab(2.4, seed=0)
    stored = through_fireworks(lpad, spec, start, tmp_path)
    direct = offline.run(spec, start, tmp_path / "direct")
    assert stored.verdict.kind is VerdictKind.CONVERGED
    assert stored.verdict == direct.verdict
    assert numbers(stored.labels) == numbers(direct.labels)
    assert [cycle.dft_calls for cycle in stored.cycles] == [cycle.dft_calls for cycle in direct.cycles]
    assert stored.dft_calls == len({label.key for label in stored.labels}) >= 4
    assert {fw["state"] for fw in lpad.fireworks.find({}, {"state": 1})} == {"COMPLETED"}
    assert lpad.workflows.count_documents({}) == 1


@pytest.mark.workflow
def test_dynamics_through_fireworks_give_the_numbers_of_the_loop_in_process(lpad: LaunchPad, tmp_path: Path) -> None:
    simulation = {"kind": "md", "steps": 60, "equilibration": 20, "stride": 5, "validation_frames": 4}
    spec, start = run_spec(simulation=simulation), slab(1.0)
    stored = through_fireworks(lpad, spec, start, tmp_path)
    direct = offline.run(spec, start, tmp_path / "direct")
    assert stored.verdict.kind is VerdictKind.CONVERGED
    assert stored.verdict == direct.verdict
    assert "validated" in stored.verdict.reason
    assert numbers(stored.labels) == numbers(direct.labels)
    written = json.loads((tmp_path / "work" / "result.json").read_text())
    assert written["force_mae_eV_per_A"].keys() == {"all", "Cu", "O"}
    assert written["md_steps_done"] == 60


@pytest.mark.workflow
def test_rerunning_any_firework_of_a_finished_run_changes_nothing(lpad: LaunchPad, tmp_path: Path) -> None:
    """Every single one, and with it all that follows from it."""
    simulation = {"kind": "relaxation", "fmax": 0.1, "confirm_minimum": "never"}
    result = through_fireworks(lpad, run_spec(query=BATCH, simulation=simulation), slab(1.2, seed=0), tmp_path)
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert len(result.cycles) > 2
    before, files = state(lpad), written(tmp_path / "work")
    workflows = {wf["nodes"][0]: (wf["state"], sorted(wf["nodes"])) for wf in lpad.workflows.find()}
    assert {one for one, _ in workflows.values()} == {"COMPLETED"}
    fireworks = list(lpad.fireworks.find({}, {"fw_id": 1, "name": 1, "spec.al_step": 1}).sort("fw_id"))
    assert len(fireworks) == 2 + sum(4 + cycle.dft_calls for cycle in result.cycles[1:])
    assert {fw["spec"]["al_step"] for fw in fireworks} == {"train", "simulate", "query", "dft", "check"}
    for fw in fireworks:
        launches = lpad.launches.count_documents({"fw_id": fw["fw_id"]})
        assert fw["fw_id"] in lpad.rerun_fw(fw["fw_id"])
        work(lpad, tmp_path)
        assert lpad.launches.count_documents({"fw_id": fw["fw_id"]}) == launches + 1, fw["name"]
        assert state(lpad) == before, fw["name"]
        assert lpad.fireworks.distinct("state") == ["COMPLETED"], fw["name"]
        found = {wf["nodes"][0]: (wf["state"], sorted(wf["nodes"])) for wf in lpad.workflows.find()}
        assert found == workflows, fw["name"]
        assert written(tmp_path / "work") == files, fw["name"]
    again = Store(lpad.db).result(result.run)
    assert again is not None
    assert again.summary() == result.summary()


def written(directory: Path) -> dict[str, bytes]:
    """The files of a run that a user reads: its result, and the label of every single point.

    (Not `final.json`, of the same content as `final.extxyz`: ASE writes a random number into it.)
    """
    names = ("result.json", "final.extxyz", "labels.extxyz", "label.json")
    return {str(path.relative_to(directory)): path.read_bytes() for name in names for path in directory.rglob(name)}


@pytest.mark.workflow
def test_a_long_run_goes_on_in_new_workflows(lpad: LaunchPad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MAX_NODES", 6)
    spec, start = run_spec(), slab(2.4, seed=0)
    stored = through_fireworks(lpad, spec, start, tmp_path)
    assert numbers(stored.labels) == numbers(offline.run(spec, start, tmp_path / "direct").labels)
    assert lpad.workflows.count_documents({"metadata.al_run": stored.run}) >= 2
    before = state(lpad)
    for check in lpad.fireworks.find({"spec.al_step": "check"}, {"fw_id": 1}):
        lpad.rerun_fw(check["fw_id"])
    work(lpad, tmp_path)
    assert state(lpad) == before


@pytest.mark.workflow
def test_a_label_that_never_reached_the_database_is_taken_in(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    launch_rocket(lpad, FWorker())  # the start's single point
    lpad.db["al_labels"].delete_many({})
    work(lpad, tmp_path)
    result = Store(lpad.db).result(run_id(spec, start))
    assert result is not None
    assert numbers(result.labels) == numbers(offline.run(spec, start, tmp_path / "direct").labels)


@pytest.mark.workflow
def test_a_lost_label_stops_the_check_with_its_name(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    launch_rocket(lpad, FWorker())
    lpad.db["al_labels"].delete_many({})
    shutil.rmtree(tmp_path / "work" / "0000" / "00")
    work(lpad, tmp_path)
    (check,) = lpad.fireworks.find({"spec.al_step": "check"})
    assert check["state"] == "FIZZLED"
    launch = lpad.launches.find_one({"launch_id": check["launches"][-1]})
    trace = launch["action"]["stored_data"]["_exception"]["_stacktrace"]
    assert "0000/00" in trace
    assert "rerun" in trace


@pytest.mark.workflow
def test_the_same_run_is_not_submitted_twice(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(seed=0)
    assert submit(lpad, spec, start, tmp_path / "work")
    assert not submit(lpad, spec, start, tmp_path / "elsewhere")
    assert lpad.workflows.count_documents({}) == 1
    with pytest.raises(InputError, match="is the directory of"):
        submit(lpad, spec.model_copy(update={"seed": 2}), start, tmp_path / "work")
    assert lpad.db["al_runs"].count_documents({}) == 1  # refused before anything was stored
    assert submit(lpad, spec.model_copy(update={"seed": 2}), start, tmp_path / "other")


@pytest.mark.workflow
def test_a_submission_cut_off_before_its_workflow_is_completed_by_the_next(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(seed=0)
    Store(lpad.db).add_run(run_id(spec, start), spec, start, tmp_path / "work")
    assert submit(lpad, spec, start, tmp_path / "work")
    assert lpad.workflows.count_documents({}) == 1


@pytest.mark.workflow
def test_a_run_is_found_by_the_beginning_of_its_name(lpad: LaunchPad, tmp_path: Path) -> None:
    store = Store(lpad.db)
    for name in ("one-a1", "one-b2", "two-c3"):
        store.add_run(name, run_spec(), slab(), tmp_path)
    assert store.run_ids() == ["one-a1", "one-b2", "two-c3"]
    assert store.find_run("two") == "two-c3"
    with pytest.raises(InputError, match="fits 2 runs"):
        store.find_run("one")
    with pytest.raises(InputError, match="three"):
        store.find_run("three")
    with pytest.raises(InputError, match="three"):
        store.run("three")
