"""What is kept in memory: made once, within its room, and pools only when somebody looks at them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fireworks import LaunchPad

from al_workflows.results import run_id
from fw_specs.store import Store
from launchpad.dashboard.data import histories
from launchpad.dashboard.data.histories import Histories
from launchpad.dashboard.kept import Kept
from tests.builders import pool, run_spec, slab


def test_of_many_who_ask_at_once_one_makes_it() -> None:
    kept: Kept[int] = Kept(10)
    made: list[int] = []

    def make() -> int:
        made.append(1)
        time.sleep(0.05)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get("a", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [7] * 8
    assert len(made) == 1


def test_what_was_asked_for_longest_ago_goes_when_the_room_is_full() -> None:
    kept: Kept[bytes] = Kept(100, len)
    for name in "abc":
        kept.get(name, lambda: bytes(40))
    assert kept.used == 80
    assert kept.get("c", lambda: b"") == bytes(40)
    assert kept.get("a", lambda: b"anew") == b"anew"
    assert kept.get("huge", lambda: bytes(200)) == bytes(200)  # made, and not kept
    assert kept.get("huge", lambda: b"anew") == b"anew"
    assert kept.used <= 100


def test_an_error_is_not_kept() -> None:
    kept: Kept[int] = Kept(10)

    def broken() -> int:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            kept.get("a", broken)
    assert kept.get("a", lambda: 3) == 3


def test_pools_are_loaded_when_looked_at_and_once_whatever_the_version(
    lpad: LaunchPad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, start = run_spec(), slab()
    run, store = run_id(spec, start), Store(lpad.db)
    store.add_run(run, spec, start, tmp_path)
    for cycle in (1, 2):
        store.put_pool(run, cycle, pool([slab(height) for height in np.linspace(1.5, 1.5 + cycle / 10, 3)]))
    loaded: list[int] = []
    load = Store.pool

    def counted(self: Store, run: str, cycle: int) -> object:
        loaded.append(cycle)
        return load(self, run, cycle)

    monkeypatch.setattr(histories.Store, "pool", counted)
    kept = Histories()
    history = kept.get(lpad, run, "v1")
    assert list(history.pools) == [1, 2]
    assert (loaded, kept.used) == ([], 0)
    assert len(history.pools[2]) == 3
    assert kept.get(lpad, run, "v1") is history
    assert len(kept.get(lpad, run, "v2").pools[2]) == 3
    assert loaded == [2]
    atoms, frames = len(start), 3
    assert kept.used == 8 * frames * (3 * atoms + 3 * atoms + 1 + 1)
    store.put_pool(run, 2, pool([slab()]))  # simulated again
    assert len(kept.get(lpad, run, "v3").pools[2]) == 1
