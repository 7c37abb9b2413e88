"""When the Fireworks of a run waited and ran, and when the members of a campaign ended, from FireWorks' own records."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fireworks import LaunchPad

from al_workflows.history import Span
from fw_specs.keys import CHECK, CYCLE, RUN, STEP
from launchpad.held import utc

#: of an `$in`: what MongoDB takes well within its 16 MB
_BATCH = 10_000
#: states in which a launch has not begun to run
_QUEUED = ("READY", "RESERVED")


def read_spans(launchpad: LaunchPad, run: str) -> tuple[Span, ...]:
    """The run's Fireworks with the times of their last launches; one waits from when all it waits for was done."""
    shown = {"fw_id": 1, "state": 1, "launches": 1, "created_on": 1, f"spec.{CYCLE}": 1, f"spec.{STEP}": 1}
    found = {
        one["fw_id"]: one for one in launchpad.fireworks.find({f"spec.{RUN}": run, f"spec.{STEP}": {"$gt": ""}}, shown)
    }
    last = {fw_id: one["launches"][-1] for fw_id, one in found.items() if one.get("launches")}
    launches = _launches(launchpad, list(last.values()), ("state", "fworker.name", "time_start", "time_end"))
    of = {fw_id: launches.get(launch_id, {}) for fw_id, launch_id in last.items()}
    ends = {fw_id: _time(one.get("time_end")) for fw_id, one in of.items()}
    parents = _parents(launchpad, list(found))
    return tuple(
        _span(one, of.get(fw_id, {}), _waited_from(one, [ends.get(parent) for parent in parents.get(fw_id, ())]))
        for fw_id, one in sorted(found.items())
    )


def read_ends(launchpad: LaunchPad, runs: Sequence[str]) -> dict[str, float]:
    """When the last check of each of ``runs`` ended (s since 1970), of those that have one."""
    of_launch: dict[int, str] = {}
    for batch in _batches(runs):
        where = {f"spec.{RUN}": {"$in": batch}, f"spec.{STEP}": CHECK, "state": "COMPLETED"}
        for one in launchpad.fireworks.find(where, {f"spec.{RUN}": 1, "launches": 1}):
            if one.get("launches"):
                of_launch[one["launches"][-1]] = one["spec"][RUN]
    found: dict[str, float] = {}
    for launch_id, launch in _launches(launchpad, list(of_launch), ("time_end",)).items():
        end, run = _time(launch.get("time_end")), of_launch[launch_id]
        if end is not None:
            found[run] = max(end, found.get(run, end))
    return found


def _span(fw: Mapping[str, Any], launch: Mapping[str, Any], waited_from: float | None) -> Span:
    began = launch.get("state", "READY") not in _QUEUED
    return Span(
        fw_id=fw["fw_id"],
        step=str(fw["spec"][STEP]),
        cycle=fw["spec"].get(CYCLE),
        worker=(launch.get("fworker") or {}).get("name", ""),
        waited_from=waited_from,
        started=_time(launch.get("time_start")) if began else None,
        ended=_time(launch.get("time_end")) if began else None,
        state=fw["state"],
    )


def _waited_from(fw: Mapping[str, Any], ends: Sequence[float | None]) -> float | None:
    """When the Firework might have run; None while it waits for another."""
    if fw["state"] == "WAITING":
        return None
    return max((time for time in (_time(fw.get("created_on")), *ends) if time is not None), default=None)


def _parents(launchpad: LaunchPad, fw_ids: Sequence[int]) -> dict[int, list[int]]:
    """What each of the Fireworks waits for."""
    found: dict[int, list[int]] = {}
    for workflow in launchpad.workflows.find({"nodes": {"$in": list(fw_ids)}}, {"links": 1}):
        for parent, children in workflow["links"].items():
            for child in children:
                found.setdefault(int(child), []).append(int(parent))
    return found


def _launches(launchpad: LaunchPad, ids: Sequence[int], keys: Sequence[str]) -> dict[int, Mapping[str, Any]]:
    shown = dict.fromkeys(("launch_id", *keys), 1)
    return {
        one["launch_id"]: one
        for batch in _batches(ids)
        for one in launchpad.launches.find({"launch_id": {"$in": batch}}, shown)
    }


def _batches(values: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _BATCH):
        yield list(values[start : start + _BATCH])


def _time(value: str | datetime.datetime | None) -> float | None:
    """s since 1970."""
    return None if value is None else utc(value).timestamp()
