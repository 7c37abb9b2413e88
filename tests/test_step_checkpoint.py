"""Steps that are killed or interrupted go on from their checkpoint, to the end of an undisturbed one, bit for bit."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from al_workflows import step_checkpoint
from al_workflows.step_checkpoint import CHECKPOINT_FILE, INTERVAL, Checkpoint
from tests import killed_steps
from tests.killed_steps import STEPS, undisturbed

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for thing, name in ((step_checkpoint, "INTERVAL"), (step_checkpoint, "SHARE"), (Checkpoint, "write")):
        monkeypatch.setattr(thing, name, getattr(thing, name))


def went_on(caplog: pytest.LogCaptureFixture) -> bool:
    return "going on from" in caplog.text


@pytest.mark.parametrize(("name", "at"), [("minibatch", 4), ("langevin", 20)])
def test_a_killed_process(name: str, at: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = [sys.executable, "-m", "tests.killed_steps", str(tmp_path), str(at), "step", name, str(tmp_path / "step")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    caplog.set_level(logging.INFO)
    found = STEPS[name](Checkpoint(tmp_path / "step" / CHECKPOINT_FILE))
    assert went_on(caplog)
    assert found == undisturbed(name)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        *(("minibatch", at) for at in (1, 6, 7, 17)),  # between and in the middle of epochs and periods
        *(("paper", at) for at in (5, 14, 15, 17)),  # of the first network, its last, between both, of the second
        ("lbfgs", 2),
        *(("langevin", at) for at in (3, 13)),  # the equilibration, and what follows
        ("berendsen", 17),
        *(("nose_hoover", at) for at in (5, 31)),
        ("nve", 14),
        *(("online", at) for at in (5, 26)),
        *((name, at) for name in ("gone_on", "gone_on_early") for at in (2, 9)),
    ],
)
def test_an_interrupted_step(name: str, at: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def interrupt(number: int, path: Path) -> None:
        if number == at:
            raise KeyboardInterrupt

    caplog.set_level(logging.INFO)
    checkpoint = Checkpoint(tmp_path / CHECKPOINT_FILE)
    with pytest.MonkeyPatch.context() as patched:
        for thing, attribute in ((step_checkpoint, "INTERVAL"), (step_checkpoint, "SHARE"), (Checkpoint, "write")):
            patched.setattr(thing, attribute, getattr(thing, attribute))
        killed_steps.at_every_step(interrupt)
        with pytest.raises(KeyboardInterrupt):
            STEPS[name](checkpoint)
    assert not went_on(caplog)
    assert STEPS[name](checkpoint) == undisturbed(name)
    assert went_on(caplog)


def kept(path: Path, *inputs: Any) -> Checkpoint:
    checkpoint = Checkpoint(path).of(*inputs)
    checkpoint.write({"n": 3, "nothing": float("nan")}, {"x": np.arange(6.0).reshape(2, 3).T, "y": np.array(1.5)})
    return checkpoint


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / CHECKPOINT_FILE
    found = kept(path, 1, lambda: b"labels").read()
    assert found is not None
    assert found.values["n"] == 3
    assert np.isnan(found.values["nothing"])
    assert np.array_equal(found.arrays["x"], np.arange(6.0).reshape(2, 3).T)
    assert found.arrays["y"].shape == ()
    assert [one.name for one in path.parent.iterdir()] == [CHECKPOINT_FILE]
    again = Checkpoint(path).of(1, lambda: b"labels")
    assert again.read() is not None
    again.remove()
    again.remove()
    assert again.read() is None


@pytest.mark.parametrize("cut", [0, 10, 40, -1])
def test_a_truncated_one_is_not_used(cut: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / CHECKPOINT_FILE
    checkpoint = kept(path)
    path.write_bytes(path.read_bytes()[:cut])
    assert checkpoint.read() is None
    assert "damaged" in caplog.text


def test_a_damaged_one_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / CHECKPOINT_FILE
    kept(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert Checkpoint(path).read() is None
    assert f"{path} is damaged: starting from the beginning" in caplog.text


def test_one_of_another_step_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / CHECKPOINT_FILE
    kept(path, "train", [1, 2])
    assert Checkpoint(path).of("train", [1, 3]).read() is None
    assert "of other settings, labels, seed or versions" in caplog.text
    assert Checkpoint(path).of("train", [1, 2]).read() is not None
    monkeypatch.setattr(step_checkpoint, "installed_versions", lambda: {"numpy": "1"})
    assert Checkpoint(path).of("train", [1, 2]).read() is None


def test_a_foreign_one_changes_no_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint = kept(tmp_path / CHECKPOINT_FILE)
    assert STEPS["langevin"](checkpoint) == undisturbed("langevin")
    assert "other settings" in caplog.text


def test_a_full_disk_ends_no_step(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    kept(tmp_path / "file" / CHECKPOINT_FILE)  # a directory that cannot be made
    assert "going on without a checkpoint" in caplog.text


def test_inputs_are_hashed_only_when_they_must_be(tmp_path: Path) -> None:
    asked: list[int] = []

    def labels() -> bytes:
        asked.append(1)
        return b"labels"

    checkpoint = Checkpoint(tmp_path / CHECKPOINT_FILE).of(labels)
    assert checkpoint.read() is None
    assert not checkpoint.due
    assert not asked
    for _ in range(2):
        checkpoint.write({}, {})
    assert asked == [1]


def test_writing_takes_a_small_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(step_checkpoint.time, "monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / CHECKPOINT_FILE).of()
    assert not checkpoint.due
    now[0] += INTERVAL
    assert checkpoint.due
    monkeypatch.setattr(step_checkpoint, "write_atomically", lambda *_: now.__setitem__(0, now[0] + 3.0))
    checkpoint.write({}, {})
    now[0] += 3.0 / step_checkpoint.SHARE - 0.01
    assert not checkpoint.due
    now[0] += 0.02
    assert checkpoint.due
    assert not Checkpoint().due
