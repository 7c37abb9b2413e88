"""Whole single points with real subprocesses: numbers, failures, retries and reuse."""

from __future__ import annotations

import json
import logging
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT

from al_workflows.dft.label_file import read_label, write_label
from al_workflows.dft.settings import dft_hash
from al_workflows.dft.single_point import single_point
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.records import LabelStatus
from al_workflows.spec import EmtSpec
from tests.dft.common import misbehaving, request, slab

S = LabelStatus


def test_emt_gives_the_numbers_of_emt(tmp_path):
    label = single_point(request(), EmtSpec(), tmp_path / "deep" / "point")
    atoms = slab()
    atoms.calc = EMT()
    assert label.status is S.OK
    assert label.cause == ""
    assert label.energy == atoms.get_potential_energy()  # bit for bit
    assert np.array_equal(label.forces, atoms.get_forces(apply_constraint=False))
    assert np.linalg.norm(label.forces[0]) > 0.01  # the fixed atom's force is there
    assert label.attempts == 1
    assert 0 < label.seconds < 30
    assert label.code.startswith("ase-emt ")
    assert label.dft_hash == dft_hash(EmtSpec())
    assert Path(label.directory) == tmp_path / "deep" / "point"
    assert {p.name for p in (tmp_path / "deep/point/attempt_1").iterdir()} == {
        "request.json",
        "result.json",
        "outcome.json",
        "stdout",
        "stderr",
    }


def test_label_file_holds_the_label_bit_for_bit(tmp_path):
    label = single_point(request(), EmtSpec(), tmp_path)
    again = read_label(tmp_path)
    assert again.to_dict() == label.to_dict()
    assert np.array_equal(again.forces, label.forces)
    assert np.array_equal(again.atoms.positions, slab().positions)
    assert again.atoms.constraints[0].index.tolist() == [0]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_energy_is_the_one_the_forces_belong_to(tmp_path):
    plain = single_point(request(), misbehaving("Good"), tmp_path / "a")
    free = single_point(request(), misbehaving("FreeEnergy"), tmp_path / "b")
    assert free.energy == pytest.approx(plain.energy - 1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "status", "attempts", "cause"),
    [
        ("Raises", S.CRASHED, 2, "RuntimeError: the density is"),
        ("NoFile", S.CRASHED, 2, "FileNotFoundError: [Errno 2] No such file or directory: 'pw.x'"),
        ("Segfaults", S.CRASHED, 2, "killed by SIGSEGV"),
        ("OutOfMemory", S.CRASHED, 2, "killed by SIGKILL (out of memory?)"),
        ("ExitsSilently", S.CRASHED, 2, "exit status 3 without a message"),
        ("Talks", S.CRASHED, 2, "ERROR: no charge left"),
        ("ClaimsSuccess", S.UNREADABLE, 2, "ended with exit status 0 but wrote no result.json"),
        ("WritesTornResult", S.UNREADABLE, 2, "result.json is damaged"),
        ("Nan", S.UNREADABLE, 2, "the force on atom 1 (Cu) is "),
        ("InfiniteEnergy", S.UNREADABLE, 2, "energy is inf but must be finite"),
        ("NoEnergy", S.UNREADABLE, 2, "energy is None but must be a number (eV)"),
        ("NamedForces", S.UNREADABLE, 2, "forces are not an array of numbers but must have shape (3, 3)"),
        ("WrongShape", S.UNREADABLE, 2, "forces are of shape (2, 3) but must have shape (3, 3)"),
        ("ScfFails", S.SCF_NOT_CONVERGED, 1, "60 iterations, residual 1e-2"),
        ("SaysUnconverged", S.SCF_NOT_CONVERGED, 1, "the calculator's `converged` is False after the calculation"),
        (
            "Huge",
            S.GEOMETRY_REJECTED,
            2,
            "the force on atom 0 (Cu) is 10000.0 eV/Å but must be at most 200 (`max_force`)",
        ),
    ],
)
def test_every_failure_is_a_label(tmp_path, name, status, attempts, cause):
    label = single_point(request(), misbehaving(name), tmp_path)
    assert label.status is status
    assert label.cause.startswith(cause)
    assert "\n" not in label.cause
    assert len(label.cause) <= 300
    assert label.attempts == attempts
    assert label.energy is None
    assert label.forces is None
    assert sorted(p.name for p in tmp_path.glob("attempt_*")) == [f"attempt_{i + 1}" for i in range(attempts)]
    assert read_label(tmp_path).to_dict() == label.to_dict()
    outcome = json.loads((tmp_path / f"attempt_{attempts}" / "outcome.json").read_text())
    assert outcome["status"] == status.value


def test_a_crash_that_does_not_repeat_is_forgiven(tmp_path, caplog):
    log = tmp_path / "log"
    with caplog.at_level(logging.WARNING):
        label = single_point(request(), misbehaving("FailsFirst", log=str(log)), tmp_path / "point")
    assert label.ok
    assert label.attempts == 2
    assert log.read_text() == "computed\ncomputed\n"
    assert "attempt 1: crashed: RuntimeError: the first time" in caplog.text


def test_max_attempts_is_obeyed(tmp_path):
    log = tmp_path / "log"
    label = single_point(request(), misbehaving("Raises", {"max_attempts": 3}, log=str(log)), tmp_path / "point")
    assert label.attempts == 3
    assert log.read_text() == "computed\n" * 3


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda a: a.positions.__setitem__(2, a.positions[1] + [0, 0, 0.5]), "0.6 (`min_distance`)"),
        (lambda a: a.positions.__setitem__((1, 0), np.nan), "the position of atom 1 (Cu) is [nan, "),
        (lambda a: a.set_cell([2.5, 0.0, 20.0]), "span no volume"),
        (lambda a: a.set_cell([0.5, 2.5, 20.0]), "its own image are 0.500 Å apart"),
    ],
)
def test_the_gate_keeps_bad_structures_from_the_code(tmp_path, change, cause):
    atoms, log = slab(), tmp_path / "log"
    change(atoms)
    label = single_point(request(atoms), misbehaving("Good", log=str(log)), tmp_path)
    assert label.status is S.GEOMETRY_REJECTED
    assert cause in label.cause
    assert label.attempts == 0
    assert label.seconds == 0
    assert not log.exists()
    assert read_label(tmp_path).status is S.GEOMETRY_REJECTED


def test_the_gate_can_be_opened(tmp_path):
    atoms = slab()
    atoms.positions[2] = atoms.positions[1] + [0, 0, 0.5]
    assert single_point(request(atoms), misbehaving("Good", {"min_distance": 0}), tmp_path).ok


class TestReuse:
    def count(self, log: Path) -> int:
        return len(log.read_text().splitlines())

    def test_a_finished_point_is_not_computed_again(self, tmp_path):
        log = tmp_path / "log"
        spec = misbehaving("Good", log=str(log))
        first = single_point(request(), spec, tmp_path)
        second = single_point(request(), spec, tmp_path)
        assert second.to_dict() == first.to_dict()
        assert self.count(log) == 1

    def test_numbers_stay_valid_under_other_limits(self, tmp_path):
        log = tmp_path / "log"
        single_point(request(), misbehaving("Good", log=str(log)), tmp_path)
        single_point(request(), misbehaving("Good", {"timeout": 1000}, log=str(log)), tmp_path)
        assert self.count(log) == 1

    def test_a_failure_is_one_under_its_own_limits_only(self, tmp_path):
        log = tmp_path / "log"
        for _ in range(2):
            single_point(request(), misbehaving("ScfFails", log=str(log)), tmp_path)
        assert self.count(log) == 1
        single_point(request(), misbehaving("ScfFails", {"timeout": 1000}, log=str(log)), tmp_path)
        assert self.count(log) == 2

    @pytest.mark.parametrize("what", ["key", "structure", "settings"])
    def test_another_question_is_computed(self, tmp_path, what):
        log = tmp_path / "log"
        single_point(request(), misbehaving("Good", log=str(log)), tmp_path)
        atoms, key, name = slab(), "run/0/0", "Good"
        if what == "key":
            key = "run/0/1"
        elif what == "structure":
            atoms.positions[2, 2] += 1e-5
        else:
            name = "FreeEnergy"
        label = single_point(request(atoms, key), misbehaving(name, log=str(log)), tmp_path)
        assert self.count(log) == 2
        assert label.key == key
        assert read_label(tmp_path).to_dict() == label.to_dict()

    @pytest.mark.parametrize("text", ["", '{"request": {', "[1, 2]", "{}", '{"request": 3, "status": "ok"}', "\0\0"])
    def test_a_damaged_label_is_computed_again(self, tmp_path, text):
        (tmp_path / "label.json").write_text(text)
        assert read_label(tmp_path) is None
        label = single_point(request(), misbehaving("Good"), tmp_path)
        assert label.ok
        assert read_label(tmp_path).to_dict() == label.to_dict()


class TestInfrastructure:
    @pytest.mark.parametrize("watcher", [False, True])
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
    def test_a_stop_from_outside_makes_no_label(self, tmp_path, number, watcher):
        spec = misbehaving("Signalled", number=int(number), watcher=watcher)
        with pytest.raises(EnvironmentProblem, match=rf"attempt_1 was stopped from outside \({number.name}\)"):
            single_point(request(), spec, tmp_path)
        assert read_label(tmp_path) is None

    @pytest.mark.parametrize(
        ("name", "message"), [("DiskFull", "No space left"), ("Missing", "a_package_that_nobody_has")]
    )
    def test_the_machines_faults_make_no_label(self, tmp_path, name, message):
        with pytest.raises(EnvironmentProblem, match=message):
            single_point(request(), misbehaving(name), tmp_path)
        assert read_label(tmp_path) is None

    def test_settings_that_cannot_be_carried_out(self, tmp_path):
        with pytest.raises(InputError, match="does not exist"):
            single_point(request(), misbehaving("Nobody"), tmp_path)

    def test_a_directory_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(EnvironmentProblem, match="give a writable directory"):
            single_point(request(), EmtSpec(), tmp_path / "file" / "point")

    def test_a_label_that_cannot_be_written(self, tmp_path):
        label = single_point(request(), EmtSpec(), tmp_path / "a")
        (tmp_path / "b" / "label.json" / "in the way").mkdir(parents=True)
        with pytest.raises(EnvironmentProblem, match=r"label\.json cannot be written"):
            write_label(label, EmtSpec(), tmp_path / "b")
        assert [p.name for p in (tmp_path / "b").iterdir()] == ["label.json"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_directory_without_write_permission(self, tmp_path):
        tmp_path.chmod(0o555)
        with pytest.raises(EnvironmentProblem, match="give a writable directory"):
            single_point(request(), EmtSpec(), tmp_path)

    def test_a_label_that_cannot_be_read(self, tmp_path):
        (tmp_path / "label.json").mkdir()
        with pytest.raises(EnvironmentProblem, match=r"label\.json cannot be read"):
            single_point(request(), EmtSpec(), tmp_path)

    def test_an_attempt_directory_that_vanished(self, tmp_path):
        from al_workflows.dft.process import attempt

        with pytest.raises(EnvironmentProblem, match="cannot be run"):
            attempt("emt", {}, slab(), tmp_path / "nowhere", 10.0)

    def test_the_attempts_own_surroundings(self, tmp_path, monkeypatch):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setenv("PYTHONPATH", "/some/where")
        log, here = tmp_path / "log", Path.cwd()
        label = single_point(request(), misbehaving("ShowsEnvironment", log=str(log)), tmp_path)
        assert label.energy == 1.0
        assert log.read_text() == f"/some/where\n{tmp_path}/attempt_1"
        assert Path.cwd() == here

        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        monkeypatch.delenv("PYTHONPATH")
        label = single_point(request(key="run/0/1"), misbehaving("ShowsEnvironment", log=str(log)), tmp_path / "b")
        assert label.energy == 3.0
        assert log.read_text().startswith("None\n")
