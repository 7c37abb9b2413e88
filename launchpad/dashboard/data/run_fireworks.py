"""A run's Fireworks as values: who did what where, since when, and how long it had waited for a worker."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fireworks import LaunchPad

from al_workflows.history import Span
from fw_specs.keys import CHECK, CYCLE, DFT, QUERY, RUN, SIMULATE, STEP, TRAIN

#: the steps in the order in which a cycle runs them
ORDER = (TRAIN, SIMULATE, QUERY, DFT, CHECK)


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
        return None if self.began is None or self.ready is None else max(0.0, (self.began - self.ready).total_seconds())

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


def read_boxes(launchpad: LaunchPad, run: str, spans: Sequence[Span]) -> list[Box]:
    """All Fireworks of the run in the order of their cycles and steps.

    Parameters
    ----------
    spans
        Their times (:func:`~launchpad.timeline.read_spans`).
    """
    shown = {"fw_id": 1, "name": 1, "state": 1, "launches": 1, "archived_launches": 1}
    shown |= {f"spec.{key}": 1 for key in (CYCLE, STEP, "_launch_dir")}
    fireworks = list(launchpad.fireworks.find({f"spec.{RUN}": run, f"spec.{STEP}": {"$in": [*ORDER]}}, shown))
    newest = [fw["launches"][-1] for fw in fireworks if fw.get("launches")]
    wanted = {"launch_id": 1, "state_history": 1, "fworker.name": 1, "host": 1}
    wanted |= {"action.stored_data.status": 1, "action.stored_data.verdict": 1, "launch_dir": 1}
    launches = {one["launch_id"]: one for one in launchpad.launches.find({"launch_id": {"$in": newest}}, wanted)}
    times = {span.fw_id: span for span in spans}
    boxes = [
        _box(fw, launches.get(fw["launches"][-1], {}) if fw.get("launches") else {}, times.get(fw["fw_id"]))
        for fw in fireworks
    ]
    return sorted(boxes, key=lambda box: (box.cycle, ORDER.index(box.step), box.index or 0, box.fw_id))


def rows_of(boxes: Sequence[Box], verdicts: Mapping[int, str]) -> list[Row]:
    """A row for each cycle, the newest first."""
    rows = []
    for cycle in sorted({box.cycle for box in boxes}, reverse=True):
        own = [box for box in boxes if box.cycle == cycle]
        steps = [(step, [box for box in own if box.step == step]) for step in ORDER]
        rows.append(Row(cycle, [(step, found) for step, found in steps if found], verdicts.get(cycle, "")))
    return rows


def _box(fw: Mapping[str, Any], launch: Mapping[str, Any], span: Span | None) -> Box:
    history = launch.get("state_history", [])
    stored = (launch.get("action") or {}).get("stored_data", {})
    _, _, last = fw["name"].rpartition("-")
    spec = fw["spec"]
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
        ready=_moment(span.waited_from if span else None),
        began=_moment(span.started if span else None),
        ended=_moment(span.ended if span else None),
        launches=len(fw.get("archived_launches") or []) + max(0, len(fw.get("launches") or []) - 1),
        outcome=str(stored.get("status") or stored.get("verdict") or ""),
    )


def _moment(seconds: float | None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)
