"""A run's Fireworks as values: who did what where, since when, and how long it had waited for a worker."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fireworks import LaunchPad

from fw_specs.keys import CHECK, CYCLE, DFT, QUERY, RUN, SIMULATE, STEP, TRAIN
from launchpad.held import utc

#: the steps in the order in which a cycle runs them
ORDER = (TRAIN, SIMULATE, QUERY, DFT, CHECK)
_OVER = frozenset({"COMPLETED", "FIZZLED"})


@dataclass(frozen=True)
class Box:
    """A Firework and its newest launch.

    ``index`` is a single point's place in its cycle. ``ready`` is when nothing but a worker was missing, ``began`` and
    ``ended`` when one took it and was done; None for what has not come. ``job`` is the SLURM job, if one was submitted.
    ``launches`` counts those that were ended by something else before. ``outcome`` says how a single point or a check
    ended, in a word.
    """

    fw_id: int
    cycle: int
    step: str
    index: int | None
    state: str
    worker: str = ""
    host: str = ""
    job: str = ""
    directory: str = ""
    created: datetime.datetime | None = None
    ready: datetime.datetime | None = None
    began: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    launches: int = 0
    outcome: str = ""

    @property
    def name(self) -> str:
        """``train``, ``dft 3``."""
        return self.step if self.index is None else f"{self.step} {self.index}"

    @property
    def seconds(self) -> float | None:
        """How long it ran, s; None before its end."""
        return None if self.began is None or self.ended is None else (self.ended - self.began).total_seconds()

    @property
    def waited(self) -> float | None:
        """How long it waited for a worker, s; None before one took it."""
        return (
            None if self.began is None or self.ready is None else max(0.0, (self.began - self.ready).total_seconds())
        )

    @property
    def word(self) -> str:
        """What a page says of it: its state, or how it ended where that is not well."""
        return self.outcome if self.state == "COMPLETED" and self.outcome not in ("", "ok") else self.state


@dataclass(frozen=True)
class Row:
    """The Fireworks of a cycle in the order in which they run, by step; ``verdict`` is what its check said."""

    cycle: int
    steps: Sequence[tuple[str, Sequence[Box]]]
    verdict: str = ""

    @property
    def boxes(self) -> list[Box]:
        """All of them."""
        return [box for _, boxes in self.steps for box in boxes]


def read_boxes(launchpad: LaunchPad, run: str) -> list[Box]:
    """All Fireworks of the run in the order of their cycles and steps, by two queries."""
    shown = {"fw_id": 1, "name": 1, "state": 1, "launches": 1, "archived_launches": 1, "created_on": 1}
    shown |= {f"spec.{key}": 1 for key in (CYCLE, STEP, "_launch_dir")}
    fireworks = list(launchpad.fireworks.find({f"spec.{RUN}": run, f"spec.{STEP}": {"$in": [*ORDER]}}, shown))
    newest = [fw["launches"][-1] for fw in fireworks if fw.get("launches")]
    wanted = {"launch_id": 1, "state": 1, "state_history": 1, "fworker.name": 1, "host": 1, "time_start": 1}
    wanted |= {"time_end": 1, "action.stored_data.status": 1, "action.stored_data.verdict": 1, "launch_dir": 1}
    launches = {one["launch_id"]: one for one in launchpad.launches.find({"launch_id": {"$in": newest}}, wanted)}
    boxes = [_box(fw, launches.get(fw["launches"][-1], {}) if fw.get("launches") else {}) for fw in fireworks]
    return with_ready(boxes)


def with_ready(boxes: Iterable[Box]) -> list[Box]:
    """The boxes in order, each with the time at which what it waits for was done."""
    ordered = sorted(boxes, key=lambda box: (box.cycle, ORDER.index(box.step), box.index or 0, box.fw_id))
    found: list[Box] = []
    before: datetime.datetime | None = None  # when the latest step before the current one ended
    group: list[Box] = []
    for box in [*ordered, None]:
        if group and (box is None or (box.cycle, box.step) != (group[0].cycle, group[0].step)):
            known = before
            found += [replace(one, ready=_later(known, one.created)) for one in group]
            ends = [one.ended for one in group]
            before = max((end for end in ends if end is not None), default=None) if all(ends) else None
            group = []
        if box is not None:
            group.append(box)
    return found


def rows_of(boxes: Sequence[Box], verdicts: Mapping[int, str]) -> list[Row]:
    """A row for each cycle, the newest first."""
    rows = []
    for cycle in sorted({box.cycle for box in boxes}, reverse=True):
        own = [box for box in boxes if box.cycle == cycle]
        steps = [(step, [box for box in own if box.step == step]) for step in ORDER]
        rows.append(Row(cycle, [(step, found) for step, found in steps if found], verdicts.get(cycle, "")))
    return rows


def _box(fw: Mapping[str, Any], launch: Mapping[str, Any]) -> Box:
    history = launch.get("state_history", [])
    running = [entry for entry in history if entry.get("state") == "RUNNING"]
    began = launch.get("time_start") or (running[-1].get("created_on") if running else None)
    stored = (launch.get("action") or {}).get("stored_data", {})
    _, _, last = fw["name"].rpartition("-")
    spec = fw["spec"]
    over = fw["state"] in _OVER
    return Box(
        fw_id=fw["fw_id"],
        cycle=int(spec[CYCLE]),
        step=spec[STEP],
        index=int(last) if spec[STEP] == DFT and last.isdecimal() else None,
        state=fw["state"],
        worker=(launch.get("fworker") or {}).get("name", ""),
        host=launch.get("host") or "",
        job=str(next((entry["reservation_id"] for entry in reversed(history) if "reservation_id" in entry), "")),
        directory=str(launch.get("launch_dir") or spec.get("_launch_dir", "")),
        created=utc(fw["created_on"]) if fw.get("created_on") else None,
        began=utc(began) if began and launch.get("state") not in ("READY", "RESERVED") else None,
        ended=utc(launch["time_end"]) if over and launch.get("time_end") else None,
        launches=len(fw.get("archived_launches") or []) + max(0, len(fw.get("launches") or []) - 1),
        outcome=str(stored.get("status") or stored.get("verdict") or ""),
    )


def _later(one: datetime.datetime | None, other: datetime.datetime | None) -> datetime.datetime | None:
    times = [time for time in (one, other) if time is not None]
    return max(times, default=None)
