"""The doctor, with each thing broken in its turn; database findings on a real mongod."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import yaml
from fireworks import Firework, LaunchPad, ScriptTask

from al_workflows.errors import EnvironmentProblem
from fw_specs.submit import submit
from launchpad import doctor_database as database
from launchpad import doctor_machine as machine
from launchpad.doctor import examine
from launchpad.findings import Finding, Level
from launchpad.local_mongo import LocalMongo
from launchpad.private_files import write_private
from launchpad.settings import resolve
from tests.builders import run_spec, slab
from tests.launchpad.test_bad_input import alflow

OK, WARN, FAIL = Level.OK, Level.WARN, Level.FAIL


def by_subject(found: list[Finding]) -> dict[str, Finding]:
    assert len({finding.subject for finding in found}) == len(found)
    for finding in found:
        assert bool(finding.remedy) == (finding.level is not OK), finding
        assert "\n" not in finding.text + finding.remedy
    return {finding.subject: finding for finding in found}


def look(path: Path) -> dict[str, Finding]:
    return by_subject(database.examine_database(resolve(path), timeout_s=1.0))


# --- this machine -----------------------------------------------------------------------------------------------


def test_packages_that_are_missing_or_old_are_named() -> None:
    versions = {"numpy": "2.1.0", "ase": "3.20.0"}

    def installed(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    needs = ["numpy>=1.26", "ase>=3.25", "torch>=2.4", 'gpaw>=25.1; extra == "gpaw"']
    old, missing = machine.examine_packages(needs, installed)
    assert (old.level, missing.level) == (FAIL, FAIL)
    assert "3.20.0" in old.text
    assert "pip install" in old.remedy
    assert "torch is not installed" in missing.text
    (fine,) = machine.examine_packages(["numpy>=1.26"], installed)
    assert fine == Finding("packages", OK, "numpy 2.1.0")
    (own,) = machine.examine_packages()
    assert own.level is OK
    assert "fireworks" in own.text


def test_programs(tmp_path: Path) -> None:
    (found,) = machine.examine_programs(machine.find_beside(tmp_path, str(tmp_path)))
    assert found.level is FAIL
    assert "rlaunch, qlaunch, lpad" in found.text
    for name in machine.PROGRAMS:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    (found,) = machine.examine_programs(machine.find_beside(tmp_path, None))
    assert found.level is OK


def test_mongod_is_needed_by_the_local_database_only() -> None:
    def missing() -> Path:
        raise EnvironmentProblem("no `mongod` on PATH: run `pip install x`")

    assert machine.examine_mongod(missing, needed=True) == Finding(
        "mongod", FAIL, "no `mongod` on PATH", "run `pip install x`"
    )
    assert machine.examine_mongod(missing, needed=False).level is OK
    assert machine.examine_mongod(lambda: Path("mongod"), needed=True).level is OK


def test_gpaw() -> None:
    def not_there() -> str:
        raise ImportError

    def no_setups() -> str:
        raise EnvironmentProblem("GPAW has no setup for Cu; install gpaw-data or set GPAW_SETUP_PATH")

    assert machine.examine_gpaw(lambda: "gpaw 1").level is OK
    assert machine.examine_gpaw(not_there).level is OK
    found = machine.examine_gpaw(no_setups)
    assert (found.level, found.remedy) == (WARN, "install gpaw-data or set GPAW_SETUP_PATH")


def test_espresso(tmp_path: Path) -> None:
    nothing, there = (lambda _: None), (lambda name: f"/opt/{name}")
    assert machine.examine_espresso({}, nothing).level is OK
    assert "not set" in machine.examine_espresso({}, there).text
    wrong = machine.examine_espresso({"ESPRESSO_PSEUDO": str(tmp_path / "no")}, there)
    assert (wrong.level, "is no directory" in wrong.text) == (FAIL, True)
    environ = {"ESPRESSO_PSEUDO": str(tmp_path)}
    assert "no .upf file" in machine.examine_espresso(environ, there).text
    (tmp_path / "Cu.UPF").write_text("")
    assert machine.examine_espresso(environ, nothing).level is WARN
    assert machine.examine_espresso(environ, there).level is OK


def test_the_numba_cache_has_a_place_or_says_what_that_costs(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    home = {"HOME": str(tmp_path)}
    nowhere = {"HOME": str(blocked / "home"), "XDG_CACHE_HOME": str(blocked / "cache")}
    assert machine.examine_numba_cache(home, tmp_path / "code").text == str(tmp_path / "code")
    assert machine.examine_numba_cache({"NUMBA_CACHE_DIR": str(tmp_path / "mine")}, blocked).level is OK
    for environ in (nowhere, {"NUMBA_CACHE_DIR": "/proc/none"}):
        found = machine.examine_numba_cache(environ, Path("/proc/code"))
        assert found.level is WARN, found
        assert "NUMBA_CACHE_DIR" in found.remedy


@pytest.mark.parametrize(("free", "level"), [(100e9, OK), (3e9, WARN), (1e8, FAIL)])
def test_disks(free: float, level: Level, tmp_path: Path) -> None:
    asked = []
    found = machine.examine_disk("disk", tmp_path / "not" / "yet", lambda place: asked.append(place) or int(free))
    assert found.level is level
    assert asked == [tmp_path]
    assert not list(tmp_path.iterdir())
    assert machine.examine_disk("disk", Path("/proc/runs"), lambda _: int(free)).level is FAIL


@pytest.mark.parametrize(("ahead", "level"), [(0.2, OK), (-0.2, OK), (8.0, WARN), (-30.0, WARN), (600.0, FAIL)])
def test_clocks(ahead: float, level: Level) -> None:
    found = database.clock_finding(ahead)
    assert found.level is level
    assert ("ahead" in found.text) == (ahead > 0)


# --- the database -----------------------------------------------------------------------------------------------


def test_a_database_that_is_well(lpad: LaunchPad, lpad_file: Path) -> None:
    before = set(lpad.db.list_collection_names())
    found = look(lpad_file)
    assert {finding.level for finding in found.values()} == {OK}
    subjects = ["database", "replica set", "write access", "indexes", "clock", "locks", "lost runs"]
    assert list(found) == [*subjects, "stopped runs", "workers"]
    assert set(lpad.db.list_collection_names()) == before


def test_an_empty_database_stays_empty(mongo: LocalMongo, any_database: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    write_private(path, yaml.safe_dump({**any_database, "name": "test_empty"}))
    assert "empty" in look(path)["indexes"].text
    with mongo.admin_client() as client:
        assert client["test_empty"].list_collection_names() == []


def test_indexes_that_are_gone(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    submit(lpad, run_spec(), slab(), tmp_path)
    assert look(lpad_file)["indexes"].level is OK
    lpad.db["al_labels"].drop_indexes()
    lpad.launches.drop_indexes()
    found = look(lpad_file)["indexes"]
    assert found.level is WARN
    assert "al_labels(run, cycle)" in found.text
    assert "launches(launch_id)" in found.text


def test_a_workflow_that_stays_locked(lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    submit(lpad, run_spec(), slab(), tmp_path / "1")
    submit(lpad, run_spec(seed=2), slab(), tmp_path / "2")
    lpad.workflows.update_many({}, {"$set": {"locked": True}})
    found = look(lpad_file)["locks"]
    assert found.level is WARN
    words = found.remedy.strip("`").split()  # what it advises is what helps
    subprocess.run([Path(sys.executable).parent / words[0], "-l", lpad_file, *words[1:]], check=True, cwd=tmp_path)
    assert look(lpad_file)["locks"].level is OK


def test_a_launch_that_fell_silent_a_run_that_stopped_and_work_without_workers(
    lpad: LaunchPad, lpad_file: Path, tmp_path: Path
) -> None:
    submit(lpad, run_spec(), slab(), tmp_path)
    found = look(lpad_file)["workers"]
    assert (found.level, "1 are ready" in found.text) == (WARN, True)
    from fireworks import FWorker

    lpad.checkout_fw(FWorker(name="node-7"), str(tmp_path))
    found = look(lpad_file)["workers"]
    assert (found.level, "node-7" in found.text) == (OK, True)
    long_ago = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)).isoformat()
    lpad.launches.update_many({}, {"$set": {"state_history.$[].updated_on": long_ago}})
    found = look(lpad_file)["lost runs"]
    assert (found.level, "detect_lostruns" in found.remedy) == (WARN, True)
    assert "0 in the last" in look(lpad_file)["workers"].text
    lpad.fireworks.update_many({"state": "RUNNING"}, {"$set": {"state": "FIZZLED"}})
    found = look(lpad_file)["stopped runs"]
    assert (found.level, "test-" in found.text) == (WARN, True)


def test_fireworks_of_others_are_none_of_our_stopped_runs(lpad: LaunchPad, lpad_file: Path) -> None:
    lpad.add_wf(Firework(ScriptTask.from_str("true")))
    lpad.fireworks.update_many({}, {"$set": {"state": "FIZZLED"}})
    assert look(lpad_file)["stopped runs"].level is OK


def test_a_user_who_may_only_read(
    mongo: LocalMongo, lpad: LaunchPad, lpad_file: Path, any_database: dict[str, Any], tmp_path: Path
) -> None:
    with mongo.admin_client() as client:
        roles = [{"role": "read", "db": lpad.db.name}]
        client.admin.command("createUser", "reader", pwd="look-only", roles=roles)
        path = tmp_path / "reader.yaml"
        user = {"name": lpad.db.name, "username": "reader", "password": "look-only"}
        write_private(path, yaml.safe_dump({**any_database, **user}))
        found = look(path)
        client.admin.command("dropUser", "reader")
    assert found["write access"].level is WARN
    assert "readWrite" in found["write access"].remedy
    assert found["database"].level is OK


def test_a_wrong_password_a_closed_port_and_a_broken_file(
    any_database: dict[str, Any], lpad_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.yaml"
    write_private(path, yaml.safe_dump({**any_database, "password": "guess-what"}))
    found = look(path)["database"]
    assert (found.level, "authentication failed" in found.text) == (FAIL, True)
    write_private(path, yaml.safe_dump({**any_database, "port": 1}))
    found = look(path)["database"]
    assert (found.level, "did not answer" in found.text) == (FAIL, True)
    path.write_text("host: [")
    (last,) = [one for one in examine(path, tmp_path, os.environ) if one.subject == "database"]
    assert (last.level, "not valid YAML" in last.text) == (FAIL, True)


def test_a_local_database_that_is_stopped_is_left_so(tmp_path: Path) -> None:
    environ = {"AL_WORKFLOWS_DATA": str(tmp_path / "data"), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    found = by_subject(list(examine(None, tmp_path, environ)))
    assert found["database"].level is WARN
    assert "stopped" in found["database"].text
    assert found["disk of database"].level in (OK, WARN)
    assert not (tmp_path / "data").exists()


@pytest.mark.workflow
def test_the_command_says_ok_or_fails_and_keeps_secrets(
    lpad_file: Path, any_database: dict[str, Any], tmp_path: Path
) -> None:
    done = alflow("doctor", "--launchpad", str(lpad_file), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    database: MongoDB" in done.stdout
    assert any_database["password"] not in done.stdout + done.stderr
    uri = "mongodb://me:hide-this@127.0.0.1:1/x?authSource=admin"
    done = alflow("doctor", cwd=tmp_path, AL_WORKFLOWS_MONGODB_URI=uri)
    assert done.returncode == 1
    assert "fail  database:" in done.stdout
    assert "→" in done.stdout
    assert "hide-this" not in done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"my_launchpad.yaml"}
