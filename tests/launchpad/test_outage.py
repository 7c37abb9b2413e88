"""A full disk and a database that is away are a delay, however long they last, and no loss."""

from __future__ import annotations

import datetime
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fireworks import FWAction, FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket

from al_workflows import offline
from al_workflows.claim import claimed_directory
from al_workflows.dft.losses import claim_attempt, excuse, lost_attempts
from al_workflows.dft.single_point import single_point
from al_workflows.errors import EnvironmentProblem
from al_workflows.files import disk_is_full
from al_workflows.records import Request
from al_workflows.results import run_id
from fw_specs import lost
from fw_specs.store import Store
from fw_specs.submit import submit
from fw_specs.tasks import MAX_LOSSES
from launchpad.fizzled import is_outage
from launchpad.held import Patience, read_held
from launchpad.outage import LONGEST, Outages, Waiting, pause
from launchpad.reconcile import Reconciler, Scope, apply
from launchpad.runs import work_off
from launchpad.settings import resolve
from launchpad.status import fizzled_cause, read_status
from launchpad.supervise import Round, count_runs
from tests.builders import run_spec, slab
from tests.fw_specs.test_run import in_a_directory_of_its_own, numbers, work
from tests.launchpad.test_recover import AT_ONCE, lose, recover, states, submitted

__all__ = ["in_a_directory_of_its_own"]  # a fixture

FULL = "OSError: [Errno 28] No space left on device: '/scratch/x'"
AWAY = "pymongo.errors.AutoReconnect: 127.0.0.1:27017: connection closed"


class Disk:
    """A small file system of its own that can be filled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self) -> None:
        """Leave no byte."""
        with (self.place / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    def free(self) -> None:
        """Give the space back."""
        (self.place / "filler").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Needs the right to mount."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield Disk(place)
    os.chdir(tmp_path)
    subprocess.run(["umount", "-l", str(place)], check=True)


def fizzle(lpad: LaunchPad, line: str) -> int:
    """Take what is ready and let it end in an error; the Firework's id."""
    firework, launch = lpad.checkout_fw(FWorker(), "/nowhere")
    trace = f"Traceback (most recent call last):\n  in f\n{line}"
    lpad.complete_launch(launch, FWAction(stored_data={"_exception": {"_stacktrace": trace}}), "FIZZLED")
    return int(firework.fw_id)


@pytest.mark.parametrize(
    ("line", "outage"),
    [
        (FULL, True),
        ("OSError: [Errno 122] Disk quota exceeded", True),
        ("al_workflows.errors.EnvironmentProblem: x cannot be written (No space left on device); give space", True),
        ("al_workflows.errors.EnvironmentProblem: the attempt lacks something here: OSError: [Errno 122] y", True),
        (AWAY, True),
        ("pymongo.errors.ServerSelectionTimeoutError: no primary", True),
        ("al_workflows.errors.EnvironmentProblem: pw.x was stopped from outside (SIGTERM)", False),
        ("OSError: [Errno 5] Input/output error", False),
        ("KeyboardInterrupt", False),
        ("al_workflows.errors.InputError: No space left on device", False),
        ("its worker was lost", False),
    ],
)
def test_what_an_outage_is(line: str, outage: bool) -> None:
    assert is_outage(line) is outage


def test_the_wait_grows_to_ten_minutes_and_no_further() -> None:
    assert [pause(60.0, times) for times in (0, 1, 2, 3, 4, 5, 6)] == [60, 60, 120, 240, 480, 600, 600]
    assert pause(60.0, 10**6) == LONGEST == 600
    assert pause(0.0, 7) == 0


def test_who_was_heard_of_shortly_before_the_database_went_is_excused() -> None:
    outages, now = Outages(), datetime.datetime.now(datetime.UTC)
    assert not outages.cut_off(now, 60)
    outages.away()
    outages.away()
    outages.back()
    assert outages.cut_off(now, 60)
    assert outages.cut_off(now - datetime.timedelta(seconds=59), 60)
    assert not outages.cut_off(now - datetime.timedelta(seconds=61), 60)
    assert not outages.cut_off(now + datetime.timedelta(seconds=5), 60)


def test_a_full_disk_is_known(disk: Disk) -> None:
    assert not disk_is_full(disk.place)
    disk.fill()
    assert disk_is_full(disk.place)
    assert not disk_is_full(Path("/proc"))  # not to be written, but not for want of space
    disk.free()
    assert not disk_is_full(disk.place)
    assert not list(disk.place.iterdir())


def test_an_attempt_that_a_full_disk_ended_is_no_lost_one(disk: Disk) -> None:
    spec, place = run_spec(dft={"kind": "emt", "max_attempts": 1}), disk.place / "0000" / "00"
    request = Request("run/0000/00", slab(), strategy="start", reason="test")
    assert claim_attempt(place).is_dir()  # of a worker that was killed
    disk.fill()
    for _ in range(2):
        with pytest.raises(EnvironmentProblem, match="No space left on device"):
            single_point(request, spec.dft, place)
    assert len(lost_attempts(place)) == 1
    disk.free()
    assert single_point(request, spec.dft, place).ok
    excuse(place / "attempt_1")
    assert lost_attempts(place) == []


@pytest.mark.workflow
@pytest.mark.parametrize("line", [FULL, AWAY])
def test_an_outage_never_spends_the_losses(line: str, lpad: LaunchPad, tmp_path: Path) -> None:
    run = submitted(lpad, tmp_path)
    for number in range(MAX_LOSSES + 3):
        fw_id = fizzle(lpad, line)
        said = fizzled_cause(lpad, run)
        assert line in said
        assert "an outage, which `alflow supervise` and `alflow run` wait for" in said
        assert (f"({number} times so far)" in said) is (number > 0)
        assert f"{line}; run again" in recover(lpad)
    assert lost.count(lpad.db, fw_id) == 0
    assert lost.outages(lpad.db, fw_id) == MAX_LOSSES + 3
    for _ in range(MAX_LOSSES):  # which it still has all
        fizzle(lpad, "EnvironmentProblem: stopped from outside")
        assert "run again" in recover(lpad)
    fizzle(lpad, "EnvironmentProblem: stopped from outside")
    assert recover(lpad) == ""
    assert count_runs(lpad, set()) == {"stopped by an error": 1}


@pytest.mark.workflow
def test_it_is_tried_again_later_each_time_and_said(lpad: LaunchPad, tmp_path: Path) -> None:
    submitted(lpad, tmp_path)
    reconciler = Reconciler(lpad, None, Scope(), AT_ONCE, delay=100.0)
    fw_id = fizzle(lpad, FULL)
    assert len(apply(reconciler.plan())) == 1  # the first time at once
    for waits in (100, 200, 400, 600, 600):
        fizzle(lpad, FULL)
        assert reconciler.plan() == []
        assert [(one.cause, round(one.seconds or 0, -1)) for one in reconciler.waiting] == [(FULL, waits)]
        assert count_runs(lpad, reconciler.retried_runs()) == {"going on": 1}
        line = Round((), (), {}, tuple(reconciler.waiting)).line
        assert "1 Fireworks wait for the end of an outage" in line
        lpad.db["al_losses"].update_many({"fw_id": fw_id}, [{"$set": {"at": {"$dateSubtract": LONG}}}])
        assert len(apply(reconciler.plan())) == 1
        assert reconciler.waiting == []


LONG = {"startDate": "$$NOW", "unit": "second", "amount": 601}


def test_what_waits_says_for_what() -> None:
    assert str(Waiting("a (fw_id 1)", FULL, 119.6)) == f"a (fw_id 1): {FULL}; an outage, tried again in 120 s"
    assert str(Waiting("a", FULL, None)).endswith("an outage, tried again as soon as there is space")


def on_disk(lpad: LaunchPad, disk: Disk) -> str:
    """Submit a run whose directory is on ``disk``; its id."""
    spec, start = run_spec(termination={"max_cycles": 2}), slab(2.4, seed=0)
    run = run_id(spec, start)
    submit(lpad, spec, start, claimed_directory(disk.place / "work", run))
    return run


@pytest.mark.workflow
def test_a_disk_that_is_full_for_long_costs_nothing_but_time(lpad: LaunchPad, disk: Disk, tmp_path: Path) -> None:
    """Each step meets it, and each more often than it may be lost."""
    run = on_disk(lpad, disk)
    while Store(lpad.db).result(run) is None or lpad.fireworks.count_documents({"state": {"$ne": "COMPLETED"}}):
        disk.fill()
        for _ in range(MAX_LOSSES + 1):
            assert launch_rocket(lpad, FWorker())
            if not lpad.fireworks.count_documents({"state": "FIZZLED"}):
                break  # a step that writes no file
            reconciler = Reconciler(lpad, None, Scope(), AT_ONCE)
            assert reconciler.plan() == []  # not as long as it is full
            assert [one.seconds for one in reconciler.waiting] == [None]
            fizzled = lpad.fireworks.find_one({"state": "FIZZLED"})["fw_id"]
            assert is_outage(reconciler.waiting[0].cause)
            lpad.rerun_fw(fizzled)  # somebody who does not look
        disk.free()
        work(lpad, tmp_path)
    assert lpad.db["al_losses"].count_documents({}) == 0
    assert set(states(lpad, run)) == {"COMPLETED"}
    labels = Store(lpad.db).labels(run)
    direct = offline.run(run_spec(termination={"max_cycles": 2}), slab(2.4, seed=0), tmp_path / "direct")
    assert numbers(labels) == numbers(direct.labels)


@pytest.mark.workflow
def test_a_worker_lost_while_its_disk_is_full_waits_for_the_disk(lpad: LaunchPad, disk: Disk, tmp_path: Path) -> None:
    run = on_disk(lpad, disk)
    reconciler = Reconciler(lpad, None, Scope(), AT_ONCE)
    for _ in range(MAX_LOSSES + 2):
        fw_id = lose(lpad)
        claim_attempt(disk.place / "work" / "0000" / "00")
        disk.fill()
        assert reconciler.plan() == []
        assert "its disk is full; an outage, tried again as soon as there is space" in str(reconciler.waiting[0])
        disk.free()
        assert "put back" in "\n".join(apply(reconciler.plan()))
    assert lost.count(lpad.db, fw_id) == 0
    work(lpad, tmp_path)
    assert read_status(lpad, run).state == "BUDGET_SPENT"
    assert all(one.ok for one in Store(lpad.db).labels(run))


@pytest.mark.workflow
def test_workers_lost_with_the_database_are_not_counted(lpad: LaunchPad, tmp_path: Path) -> None:
    submitted(lpad, tmp_path)
    reconciler = Reconciler(lpad, None, Scope(), Patience(moments=0.0, pings=60.0))
    for _ in range(MAX_LOSSES + 1):
        firework, launch = lpad.checkout_fw(FWorker("lost"), "/nowhere")
        reconciler.outages.away()
        reconciler.outages.back()
        lpad.launches.update_one({"launch_id": launch}, {"$set": {"state_history.0.updated_on": heard_of(59)}})
        lpad.fireworks.update_one({"fw_id": firework.fw_id}, {"$set": {"updated_on": heard_of(59)}})
        [held] = read_held(lpad, {})
        assert "put back" in str(reconciler._repair_lost(held, "not heard of"))
    assert lost.count(lpad.db, firework.fw_id) == 0
    assert lost.outages(lpad.db, firework.fw_id) == MAX_LOSSES + 1


def heard_of(seconds: float) -> str:
    return (datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)).isoformat()


@pytest.mark.workflow
def test_alflow_run_waits_for_space(
    lpad: LaunchPad, lpad_file: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launchpad.runs.FIRST_PAUSE", 0.02)
    run = on_disk(lpad, disk)
    disk.fill()
    said: list[str] = []

    def activity(what: str) -> None:
        if "outage" in what:
            said.append(what)
            if len(said) == 3:
                disk.free()

    result = work_off(lpad, resolve(lpad_file), run, 1, lambda _: None, activity)
    assert result.verdict.kind == "BUDGET_SPENT"
    assert len(said) >= 3
    assert all(one.ok for one in result.labels)
