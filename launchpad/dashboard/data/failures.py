"""What failed, grouped by cause: single points, runs, steps and losses."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fireworks import LaunchPad

from al_workflows.errors import exception_line
from al_workflows.records import LabelStatus, VerdictKind
from fw_specs.keys import CYCLES, LABELS, LOSSES, MEMBERS, RUN
from launchpad.dashboard import remedies
from launchpad.fizzled import is_outage, last_trace
from launchpad.held import utc

FAILED_STATUSES = tuple(status.value for status in LabelStatus if status is not LabelStatus.OK)
UNANSWERED = (VerdictKind.FAILED.value, VerdictKind.STALLED.value, VerdictKind.BUDGET_SPENT.value)
#: failures of a kind that are looked at, and examples that are kept of a cause
MOST, EXAMPLES = 20_000, 3


@dataclass(frozen=True)
class Example:
    """Where one is seen: a run, and the single point ``cycle``/``index`` of it if it is one."""

    run: str
    cycle: int | None = None
    index: int | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """Parts of its page's address."""
        return (self.run,) if self.cycle is None else (self.run, "label", str(self.cycle), str(self.index))

    def __str__(self) -> str:
        return self.run if self.cycle is None else f"{self.run}/{self.cycle}/{self.index}"


@dataclass
class Group:
    """Failures of one cause; ``last`` is when the last of them was, where that is known."""

    kind: str
    tag: str
    cause: str
    remedy: str
    count: int = 0
    last: datetime.datetime | None = None
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True)
class Failures:
    """The groups of each kind, the most frequent first, and the kinds of which there are more than were looked at."""

    groups: Mapping[str, Sequence[Group]]
    cut: Sequence[str]

    def number(self, kind: str) -> int:
        """How many failures of a kind."""
        return sum(group.count for group in self.groups[kind])


@dataclass(frozen=True)
class _One:
    """Failures with the very same words."""

    tag: str
    cause: str
    count: int
    examples: Sequence[Example]
    last: datetime.datetime | None = None


def read_failures(launchpad: LaunchPad, campaign: str | None) -> Failures:
    """All that failed; of ``campaign``'s runs alone if it is given."""
    runs = None if campaign is None else launchpad.db[MEMBERS].distinct("run", {"campaign": campaign})
    of_run = {} if runs is None else {"run": {"$in": runs}}
    read = {
        remedies.POINTS: _points(launchpad, of_run),
        remedies.RUNS: _runs(launchpad, of_run),
        remedies.STEPS: _steps(launchpad, {} if runs is None else {f"spec.{RUN}": {"$in": runs}}),
        remedies.LOSSES: _losses(launchpad, None if runs is None else set(runs)),
    }
    groups, cut = dict[str, Sequence[Group]](), []
    for kind, found in read.items():
        number, known = 0, dict[tuple[str, str], Group]()
        for one in found:
            _add(known, kind, one)
            number += 1
        groups[kind] = sorted(known.values(), key=lambda group: (-group.count, group.cause))
        if number >= MOST:
            cut.append(kind)
    return Failures(groups, cut)


def _add(known: dict[tuple[str, str], Group], kind: str, one: _One) -> None:
    key = (one.tag, remedies.alike(one.cause))
    if key not in known:
        known[key] = Group(kind, one.tag, key[1], remedies.remedy(kind, f"{one.tag} {one.cause}"))
    group = known[key]
    group.count += one.count
    group.examples += list(one.examples)[: EXAMPLES - len(group.examples)]
    if one.last is not None and (group.last is None or one.last > group.last):
        group.last = one.last


def _points(launchpad: LaunchPad, of_run: Mapping[str, Any]) -> Iterator[_One]:
    """When they were made is not stored with labels."""
    key = {"run": "$run", "cycle": "$cycle", "index": "$index"}
    group = {"_id": {"status": "$status", "cause": "$cause"}, "n": {"$sum": 1}, "one": {"$first": key}}
    group |= {"other": {"$last": key}}
    stages = [{"$match": {"status": {"$in": list(FAILED_STATUSES)}, **of_run}}, {"$group": group}, {"$limit": MOST}]
    for found in launchpad.db[LABELS].aggregate(stages):
        seen = [found["one"], found["other"]][: found["n"]]
        examples = [Example(one["run"], int(one["cycle"]), int(one["index"])) for one in seen]
        yield _One(found["_id"]["status"], str(found["_id"].get("cause") or ""), found["n"], examples)


def _runs(launchpad: LaunchPad, of_run: Mapping[str, Any]) -> Iterator[_One]:
    where = {"closed.verdict.kind": {"$in": list(UNANSWERED)}, **of_run}
    shown = {"run": 1, "closed.verdict.kind": 1, "closed.verdict.reason": 1}
    for found in launchpad.db[CYCLES].find(where, shown).limit(MOST):
        verdict = found["closed"]["verdict"]
        yield _One(verdict["kind"], str(verdict.get("reason", "")), 1, [Example(found["run"])])


def _steps(launchpad: LaunchPad, of_run: Mapping[str, Any]) -> Iterator[_One]:
    where = {"state": "FIZZLED", **(of_run or {f"spec.{RUN}": {"$gt": ""}})}
    found = list(launchpad.fireworks.find(where, {f"spec.{RUN}": 1, "launches": 1, "updated_on": 1}).limit(MOST))
    newest = [one["launches"][-1] for one in found if one["launches"]]
    shown = {"launch_id": 1, "state": 1, "action.stored_data._exception._stacktrace": 1}
    launches = {one["launch_id"]: one for one in launchpad.launches.find({"launch_id": {"$in": newest}}, shown)}
    for one in found:
        trace = last_trace(launches.get(one["launches"][-1], {}) if one["launches"] else {})
        line = exception_line(trace) or (trace.splitlines() or ["no traceback was stored: its worker was lost"])[-1]
        tag = "outage" if is_outage(line) else "FIZZLED"
        yield _One(tag, line, 1, [Example(one["spec"][RUN])], _time(one.get("updated_on")))


def _losses(launchpad: LaunchPad, runs: set[str] | None) -> Iterator[_One]:
    found = list(launchpad.db[LOSSES].find({"reason": {"$exists": True}}).sort("_id", -1).limit(MOST))
    ids = {"fw_id": {"$in": sorted({one["fw_id"] for one in found})}}
    of = {
        one["fw_id"]: one["spec"].get(RUN, "") for one in launchpad.fireworks.find(ids, {"fw_id": 1, f"spec.{RUN}": 1})
    }
    for one in found:
        run = of.get(one["fw_id"], "")
        if runs is None or run in runs:
            tag = "outage" if one.get("outage") else "LOST"
            yield _One(tag, str(one["reason"]), 1, [Example(run)] if run else [], _time(one.get("at")))


def _time(value: Any) -> datetime.datetime | None:
    return None if value is None else utc(value)
