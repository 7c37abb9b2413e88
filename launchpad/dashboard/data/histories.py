"""Histories of runs, kept between requests: figures read a run's records once, and its pools when they need them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from fireworks import LaunchPad

from al_workflows.history import RunHistory
from al_workflows.records import Pool
from fw_specs.keys import POOLS
from fw_specs.store import Store
from launchpad.dashboard.kept import Kept
from launchpad.timeline import read_spans

#: bytes of pools, and number of histories without them
ROOM, HISTORIES = 384 * 2**20, 24


class Histories:
    """Those that were asked for last. A pool never changes under its file's id, so it outlives its run's versions."""

    def __init__(self, room: int = ROOM) -> None:
        self._histories: Kept[RunHistory] = Kept(HISTORIES)
        self._pools: Kept[Pool] = Kept(room, _bytes)

    @property
    def used(self) -> int:
        """Bytes of the pools that are in memory."""
        return self._pools.used

    def get(self, launchpad: LaunchPad, run: str, version: str) -> RunHistory:
        """All that is known of the run at ``version``; its pools are loaded one by one as they are looked at.

        Raises
        ------
        InputError
            There is no such run.
        """

        def make() -> RunHistory:
            store = Store(launchpad.db)
            found = launchpad.db[POOLS].find({"run": run}, {"cycle": 1, "file": 1})
            pools = _Pools(store, run, {one["cycle"]: one["file"] for one in found}, self._pools)
            return replace(store.history(run, pools), spans=read_spans(launchpad, run), read_at=time.time())

        return self._histories.get((run, version), make)


class _Pools(Mapping[int, Pool]):
    """The pools of a run by cycle; ``files`` are their ids in GridFS."""

    def __init__(self, store: Store, run: str, files: Mapping[int, object], kept: Kept[Pool]) -> None:
        self._store, self._run, self._files, self._kept = store, run, files, kept

    def __getitem__(self, cycle: int) -> Pool:
        def make() -> Pool:
            pool = self._store.pool(self._run, cycle)
            if pool is None:
                raise KeyError(cycle)
            return pool

        return self._kept.get(str(self._files[cycle]), make)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._files))

    def __len__(self) -> int:
        return len(self._files)


def _bytes(pool: Pool) -> int:
    return sum(array.nbytes for array in (pool.positions, pool.energies, pool.forces, pool.uncertainties))
