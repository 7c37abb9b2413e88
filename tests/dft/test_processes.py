"""Nothing that an attempt started is left behind, however it or its parent ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from al_workflows.dft.label_file import read_label
from al_workflows.dft.losses import abandoned, claim_attempt, lost_attempts
from al_workflows.dft.single_point import single_point
from al_workflows.records import LabelStatus
from al_workflows.spec import EmtSpec
from tests.dft.common import alive, misbehaving, request, wait_for

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start_driver(tmp_path):
    """Starts a process that waits for a hanging point; gives the ids of watcher, worker, and the worker's children."""
    started = []

    def start(*arguments):
        file = tmp_path / "pids"
        command = [sys.executable, "-m", "tests.dft.driver", str(tmp_path / "point"), str(file), *arguments]
        started.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE))
        assert wait_for(file.exists)
        pids = [int(pid) for pid in file.read_text().split()]
        assert len(pids) == 4
        assert all(alive(pid) for pid in pids)
        return started[-1], pids

    yield start
    for process in started:
        process.kill()
        process.communicate()


def gone(pids):
    return wait_for(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_death_of_the_parent_ends_everything(tmp_path, start_driver, number):
    driver, pids = start_driver()
    driver.send_signal(number)
    driver.communicate(timeout=20)
    assert driver.returncode == -number
    assert gone(pids)
    assert read_label(tmp_path / "point") is None
    assert [place.name for place in lost_attempts(tmp_path / "point")] == ["attempt_1"]


def test_an_exception_from_a_signal_handler_ends_everything_and_goes_on(tmp_path, start_driver):
    driver, pids = start_driver("raise")
    driver.send_signal(signal.SIGTERM)
    _, stderr = driver.communicate(timeout=20)
    assert b"KeyboardInterrupt" in stderr
    assert not any(alive(pid) for pid in pids)  # before the exception left single_point
    assert read_label(tmp_path / "point") is None


def test_the_worker_dies_with_its_watcher(tmp_path, start_driver):
    file = tmp_path / "pids"
    driver, pids = start_driver()
    os.kill(pids[0], signal.SIGKILL)
    assert gone(pids[:3])  # the fourth has a session of its own, and nobody left to know it
    os.kill(pids[3], signal.SIGKILL)
    assert wait_for(lambda: file.exists() and file.read_text().split()[0] != str(pids[0]))  # the second attempt
    driver.kill()
    driver.communicate(timeout=20)
    assert gone([int(pid) for pid in file.read_text().split()])


@pytest.mark.parametrize("name", ["Hangs", "Stubborn"])
def test_a_timeout_ends_everything(tmp_path, name):
    file = tmp_path / "pids"
    start = time.monotonic()
    label = single_point(
        request(), misbehaving(name, {"timeout": 2.0, "max_attempts": 1}, pids=str(file)), tmp_path / "point"
    )
    assert time.monotonic() - start < 10
    assert label.status is LabelStatus.TIMED_OUT
    assert label.cause == "stopped after 2 s (`timeout`)"
    assert not any(alive(int(pid)) for pid in file.read_text().split())


def test_a_watcher_that_does_not_answer_is_killed_with_its_group(tmp_path, monkeypatch):
    from al_workflows.dft import process

    monkeypatch.setattr(process, "GRACE", -4.5)  # waits for 0.5 s
    file = tmp_path / "pids"
    spec = misbehaving("StopsItsWatcher", {"timeout": 2.0, "max_attempts": 1}, pids=str(file))
    label = single_point(request(), spec, tmp_path / "point")
    assert label.status is LabelStatus.TIMED_OUT
    pids = [int(pid) for pid in file.read_text().split()]
    assert gone(pids[:3])
    os.kill(pids[3], signal.SIGKILL)  # in a session of its own


def test_a_timeout_is_tried_again(tmp_path):
    limits = {"timeout": 0.05, "max_attempts": 2}
    label = single_point(request(), misbehaving("Hangs", limits, pids=str(tmp_path / "pids")), tmp_path)
    assert label.status is LabelStatus.TIMED_OUT
    assert label.attempts == 2


def test_a_normal_end_leaves_no_launched_process(tmp_path):
    file = tmp_path / "pids"
    label = single_point(request(), misbehaving("Launches", pids=str(file)), tmp_path)
    assert label.ok
    assert not any(alive(int(pid)) for pid in file.read_text().split())


class TestLosses:
    def test_a_point_lost_too_often_is_a_crash(self, tmp_path):
        for _ in range(2):
            claim_attempt(tmp_path)
        assert abandoned(request(), EmtSpec(), tmp_path, 3) is None
        claim_attempt(tmp_path)
        label = abandoned(request(), EmtSpec(), tmp_path, 3)
        assert label.status is LabelStatus.CRASHED
        assert label.attempts == 3
        assert "lost 3 times" in label.cause
        assert read_label(tmp_path).to_dict() == label.to_dict()
        # it is the answer from now on
        assert abandoned(request(), EmtSpec(), tmp_path, 3) is None
        assert single_point(request(), EmtSpec(), tmp_path).to_dict() == label.to_dict()

    def test_ended_attempts_are_no_losses(self, tmp_path):
        single_point(request(), misbehaving("Raises"), tmp_path)
        assert lost_attempts(tmp_path) == []

    def test_a_lost_attempt_is_kept_and_not_counted(self, tmp_path):
        (claim_attempt(tmp_path) / "half.txt").write_text("half")
        label = single_point(request(), EmtSpec(), tmp_path)
        assert label.attempts == 1
        assert (tmp_path / "attempt_1/half.txt").exists()
        assert (tmp_path / "attempt_2/result.json").exists()

    def test_no_directory_no_losses(self, tmp_path):
        assert abandoned(request(), EmtSpec(), tmp_path / "none", 1) is None
