"""Single points shared between runs, and between workers that ask at the same time."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

import pytest
from fireworks import LaunchPad

from al_workflows.dft.label_file import find_label
from al_workflows.records import Label, LabelStatus, Request
from al_workflows.spec import EmtSpec
from fw_specs import lease, reuse
from fw_specs.reuse import point_key, shared
from fw_specs.store import Store
from tests.builders import label, run_spec, slab
from tests.fw_specs.test_run import in_a_directory_of_its_own, through_fireworks

__all__ = ["in_a_directory_of_its_own"]  # a fixture

pytestmark = pytest.mark.workflow
DFT = EmtSpec()


class Computing:
    """A computation that takes a while, counted."""

    def __init__(self, request: Request, seconds: float = 0.0, status: LabelStatus = LabelStatus.OK) -> None:
        self.count, self._request, self._seconds, self._status = 0, request, seconds, status

    def __call__(self) -> Label:
        self.count += 1
        time.sleep(self._seconds)
        return label(self._request.atoms, request=self._request, status=self._status)


def request(key: str) -> Request:
    return Request(key, slab(2.0), "final", "test")


def test_a_point_of_another_run_is_taken_over(lpad: LaunchPad, tmp_path: Path) -> None:
    start = slab(2.4, seed=0)
    one = through_fireworks(lpad, run_spec(), start, tmp_path)
    two = through_fireworks(lpad, run_spec(seed=2), start, tmp_path)
    assert one.reused == 0
    assert two.labels[0].reused_from == one.labels[0].key
    assert two.labels[0].energy == one.labels[0].energy
    assert two.labels[0].key.startswith(two.run)
    assert two.reused == 1
    assert two.dft_calls == len(two.labels) - 1
    assert two.summary()["reused"] == 1
    stored = Store(lpad.db).labels(two.run)[0]
    on_disk = find_label(stored.request, run_spec().dft, Path(tmp_path / "work" / "0000" / "00"))
    assert on_disk is not None
    assert on_disk.energy == stored.energy


def test_two_who_ask_at_once_compute_once(lpad: LaunchPad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "POLL", 0.05)
    requests = [request(f"run{number}/0001/00") for number in range(4)]
    work = Computing(requests[0], seconds=0.5)
    answers: list[Label] = []

    def ask(number: int) -> None:
        answers.append(shared(lpad.db, requests[number], DFT, tmp_path / str(number), work))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert work.count == 1
    assert len({answer.energy for answer in answers}) == 1
    assert sorted(answer.attempts for answer in answers) == [0, 0, 0, 1]


def test_a_lease_that_is_not_renewed_is_taken_over(
    lpad: LaunchPad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "POLL", 0.05)
    monkeypatch.setattr(reuse, "LEASE", 1)
    asked = request("run/0001/00")
    key = point_key(asked.atoms, DFT)
    lpad.db["al_points"].insert_one({"_id": key})
    assert lease.take(lpad.db["al_points"], key, "a worker that was killed", reuse.LEASE)
    assert not lease.take(lpad.db["al_points"], key, asked.key, reuse.LEASE)
    work, began = Computing(asked), time.monotonic()
    assert shared(lpad.db, asked, DFT, tmp_path, work).attempts == 1
    assert 0.5 < time.monotonic() - began < 30


def test_one_who_was_lost_finds_its_own_lease(lpad: LaunchPad, tmp_path: Path) -> None:
    asked = request("run/0001/00")
    key = point_key(asked.atoms, DFT)
    lpad.db["al_points"].insert_one({"_id": key})
    assert lease.take(lpad.db["al_points"], key, asked.key, reuse.LEASE)
    began = time.monotonic()
    assert shared(lpad.db, asked, DFT, tmp_path, Computing(asked)).ok
    assert time.monotonic() - began < 5


def test_a_failure_is_not_shared(lpad: LaunchPad, tmp_path: Path) -> None:
    first, second = request("one/0001/00"), request("two/0001/00")
    failing = Computing(first, status=LabelStatus.CRASHED)
    assert not shared(lpad.db, first, DFT, tmp_path / "1", failing).ok
    again = Computing(second)
    assert shared(lpad.db, second, DFT, tmp_path / "2", again).ok
    assert (failing.count, again.count) == (1, 1)


def test_an_error_while_computing_leaves_no_lease_for_others_to_wait_for(lpad: LaunchPad, tmp_path: Path) -> None:
    asked = request("one/0001/00")

    def broken() -> Label:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        shared(lpad.db, asked, DFT, tmp_path, broken)
    began = time.monotonic()
    other = dataclasses.replace(asked, key="two/0001/00")
    assert shared(lpad.db, other, DFT, tmp_path / "2", Computing(other)).ok
    assert time.monotonic() - began < 5


def test_other_settings_are_another_point() -> None:
    atoms = slab()
    assert point_key(atoms, DFT) == point_key(atoms, EmtSpec(timeout=5))
    other = run_spec(dft={"kind": "ase", "calculator": "ase.calculators.emt.EMT"}).dft
    asap = other.model_copy(update={"arguments": {"asap_cutoff": True}})
    assert len({point_key(atoms, dft) for dft in (DFT, other, asap)}) == 3
    moved = slab()
    moved.positions[0, 0] += 1e-3
    assert point_key(moved, DFT) != point_key(atoms, DFT)


def test_reuse_can_be_switched_off(lpad: LaunchPad, tmp_path: Path) -> None:
    start, own = slab(2.4, seed=0), {"kind": "emt", "timeout": 120, "reuse": False}
    limits = {"max_cycles": 1}
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
    one = through_fireworks(lpad, run_spec(dft=own, termination=limits), start, tmp_path / "1")
    two = through_fireworks(lpad, run_spec(dft=own, termination=limits, seed=2), start, tmp_path / "2")
    assert (one.reused, two.reused) == (0, 0)
    assert two.dft_calls == len(two.labels)
