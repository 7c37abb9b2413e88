"""What the page of a run shows, beside its history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fireworks import LaunchPad

from al_workflows.analysis.plates import number
from al_workflows.errors import exception_line
from al_workflows.history import RunHistory
from fw_specs.keys import CYCLE, DFT, POOLS, RUN, STEP
from fw_specs.member_store import MemberStore
from fw_specs.store import Store
from fw_specs.stored_run import StoredRun
from launchpad.dashboard import remedies
from launchpad.dashboard.data.run_fireworks import Box, Row, read_boxes, rows_of
from launchpad.fizzled import last_trace, machine_cause
from launchpad.status import RunState, RunStatus, run_status

#: states of a Firework that may still give an answer without anybody's doing
_OPEN = ("READY", "RESERVED", "RUNNING", "WAITING", "PAUSED")


@dataclass(frozen=True)
class Ask:
    """A single point that DFT has not answered; ``state`` is its Firework's. ``uncertainty`` eV/Å, in words."""

    cycle: int
    index: int
    strategy: str
    reason: str
    uncertainty: str
    box: Box


@dataclass(frozen=True)
class Trouble:
    """A Firework that ended in an error: its last line, the whole trace, and what to do."""

    box: Box
    cause: str
    trace: str
    remedy: str


@dataclass(frozen=True)
class RunView:
    """A run beside its history. ``members`` are the campaign's entries that it is the run of: (campaign, key).

    ``stops`` says of each cycle how its simulation ended; ``rows`` are its Fireworks, the newest cycle first.
    """

    stored: StoredRun
    status: RunStatus
    members: Sequence[tuple[str, str]]
    stops: Mapping[int, str]
    rows: Sequence[Row]
    running: Sequence[Box]
    waiting: Sequence[Box]
    asks: Sequence[Ask]
    troubles: Sequence[Trouble]

    @property
    def sentence(self) -> str:
        """Why the run is in its state, or what it waits for."""
        if self.status.state.ended:
            return self.status.reason
        if self.troubles:
            return f"{self.troubles[0].box.name} of cycle {self.troubles[0].box.cycle} ended in an error"
        if self.status.state is RunState.WAITING and self.waiting:
            names = ", ".join(dict.fromkeys(box.step for box in self.waiting))
            return f"cycle {self.waiting[0].cycle} waits for a worker that takes {names}"
        if self.status.state is RunState.SUBMITTING:
            return "it is being submitted"
        if self.status.state is RunState.PAUSED:
            return f"nothing more is started until alflow resume {self.status.run}"
        if self.status.state is RunState.CANCELLED:
            return f"nothing more is started; alflow rerun {self.status.run} takes it up again"
        return f"the last check: {self.status.reason}" if self.status.reason else ""


def read_run(launchpad: LaunchPad, history: RunHistory) -> RunView:
    """What stands in the database of the run, without its pools."""
    run = history.run
    boxes = read_boxes(launchpad, run, history.spans)
    cycles = history.cycles
    status = run_status(run, history.target, cycles, Counter(box.state for box in boxes))
    shown = {"cycle": 1, "frames": 1, "stop_reason": 1, "stop_detail": 1}
    stops = {one["cycle"]: _stop(one) for one in launchpad.db[POOLS].find({"run": run}, shown)}
    return RunView(
        stored=Store(launchpad.db).run(run),
        status=status,
        members=[(one["campaign"], one["key"]) for one in MemberStore(launchpad.db).of_run(run)],
        stops=stops,
        rows=rows_of(boxes, {cycle.index: cycle.verdict.kind.value for cycle in cycles}),
        running=[box for box in boxes if box.state == "RUNNING"],
        waiting=[box for box in boxes if box.state in ("READY", "RESERVED")],
        asks=_asks(launchpad, run, boxes),
        troubles=_troubles(launchpad, run, [box for box in boxes if box.state == "FIZZLED"]),
    )


def _stop(pool: Mapping[str, Any]) -> str:
    detail = f": {pool['stop_detail']}" if pool.get("stop_detail") else ""
    return f"{pool['frames']} frames, {pool['stop_reason'].replace('_', ' ')}{detail}"


def _asks(launchpad: LaunchPad, run: str, boxes: Sequence[Box]) -> list[Ask]:
    open_boxes = {box.fw_id: box for box in boxes if box.step == DFT and box.state in _OPEN}
    where = {f"spec.{RUN}": run, "fw_id": {"$in": [*open_boxes]}}
    shown = {"fw_id": 1, f"spec.{CYCLE}": 1, f"spec.{STEP}": 1}
    shown |= {f"spec._tasks.request.{key}": 1 for key in ("strategy", "reason", "uncertainty")}
    asks = []
    for fw in launchpad.fireworks.find(where, shown):
        box, request = open_boxes[fw["fw_id"]], (fw["spec"].get("_tasks") or [{}])[0].get("request", {})
        said = number(request.get("uncertainty"))
        asks.append(Ask(box.cycle, box.index or 0, request.get("strategy", ""), request.get("reason", ""), said, box))
    return sorted(asks, key=lambda ask: (ask.cycle, ask.index))


def _troubles(launchpad: LaunchPad, run: str, boxes: Sequence[Box]) -> list[Trouble]:
    troubles = []
    for box in boxes:
        wanted = {"state": 1, "action.stored_data._exception._stacktrace": 1}
        launch = launchpad.launches.find_one({"fw_id": box.fw_id}, wanted, sort=[("launch_id", -1)]) or {}
        trace = last_trace(launch)
        last = exception_line(trace) or (trace.splitlines()[-1] if trace else "")
        cause = machine_cause(launch) if launch else None
        said = last or cause or "no traceback was stored: the Firework could not even be read"
        troubles.append(Trouble(box, said, trace, remedies.remedy(remedies.STEPS, said).replace("RUN", run)))
    return troubles
