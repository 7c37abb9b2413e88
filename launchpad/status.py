"""What a run is doing: a pure function of its records and of its Fireworks' states."""

from __future__ import annotations

import datetime
import enum
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fireworks import LaunchPad

from al_workflows.history import RunHistory
from al_workflows.records import Cycle, VerdictKind
from fw_specs import lost
from fw_specs.keys import RUN
from fw_specs.store import Store
from launchpad.fizzled import is_outage, last_trace
from launchpad.held import read_held, utc
from launchpad.timeline import read_spans


class RunState(enum.StrEnum):
    """A run's state: its verdict once it has one, before that what its Fireworks say."""

    CONVERGED = "CONVERGED"
    BUDGET_SPENT = "BUDGET_SPENT"
    STALLED = "STALLED"
    FAILED = "FAILED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    FIZZLED = "FIZZLED"
    SUBMITTING = "SUBMITTING"

    @property
    def ended(self) -> bool:
        """Whether a verdict has been spoken."""
        return self in (self.CONVERGED, self.BUDGET_SPENT, self.STALLED, self.FAILED)

    @property
    def over(self) -> bool:
        """Whether nothing changes any more without its user: it has ended, or was cancelled."""
        return self.ended or self is self.CANCELLED


@dataclass(frozen=True)
class RunStatus:
    """One line of ``alflow status``. ``fmax`` and ``target`` in eV/Å; ``fireworks`` counts them by FireWorks state."""

    run: str
    state: RunState
    cycles: int
    dft_calls: int
    fmax: float | None
    target: float | None
    energy: float | None
    reason: str
    fireworks: Mapping[str, int]


@dataclass(frozen=True)
class RunningStep:
    """A step that runs now: which, since when (UTC), and on which host."""

    step: str
    since: datetime.datetime
    host: str


@dataclass(frozen=True)
class RunView:
    """All of ``alflow status RUN``.

    ``cycles`` are those that have been checked, in order; ``created`` is UTC; ``stopped`` is the line of the error that
    stopped the run, empty if none did.
    """

    status: RunStatus
    created: datetime.datetime
    cycles: Sequence[Cycle]
    running: Sequence[RunningStep]
    stopped: str


def run_status(run: str, target: float | None, cycles: Sequence[Cycle], fireworks: Mapping[str, int]) -> RunStatus:
    """The status of a run.

    Parameters
    ----------
    target
        :attr:`al_workflows.spec.RunSpec.target_fmax` of the run.
    cycles
        The cycles that have been checked, in order.
    fireworks
        Number of the run's Fireworks in each FireWorks state.
    """
    labelled = [cycle for cycle in cycles if cycle.fmax is not None]
    verdict = cycles[-1].verdict if cycles else None
    last = labelled[-1] if labelled else None
    if verdict is not None and verdict.label_key is not None:  # of an answer that was looked at for some cycles more
        last = next(cycle for cycle in cycles if cycle.verdict.label_key == verdict.label_key)
    if verdict is not None and verdict.kind is not VerdictKind.CONTINUE:
        state = RunState(verdict.kind.value)
    else:
        state = _state_under_way(fireworks)
    return RunStatus(
        run=run,
        state=state,
        cycles=max(len(cycles) - 1, 0),
        dft_calls=sum(cycle.dft_calls for cycle in cycles),
        fmax=last.fmax if last else None,
        target=target,
        energy=last.energy if last else None,
        reason=verdict.reason if verdict is not None else "",
        fireworks=dict(fireworks),
    )


def _state_under_way(fireworks: Mapping[str, int]) -> RunState:
    if not fireworks:
        return RunState.SUBMITTING
    if fireworks.get("FIZZLED"):
        return RunState.FIZZLED
    if fireworks.get("RUNNING"):
        return RunState.RUNNING
    if fireworks.get("DEFUSED"):
        return RunState.CANCELLED
    if fireworks.get("PAUSED"):
        return RunState.PAUSED
    return RunState.WAITING


def read_status(launchpad: LaunchPad, run: str) -> RunStatus:
    """The status of one run, from the database."""
    store = Store(launchpad.db)
    target = store.run(run).spec.target_fmax
    return run_status(run, target, store.cycles(run), _count(launchpad, {f"spec.{RUN}": run})[run])


def read_all(launchpad: LaunchPad) -> list[RunStatus]:
    """The status of every run, the oldest first."""
    store = Store(launchpad.db)
    # three queries however many runs there are; the first is answered by an index alone, as `$exists` would not be
    counts = _count(launchpad, {f"spec.{RUN}": {"$gt": ""}})
    cycles = store.cycles_by_run()
    return [run_status(run, target, cycles.get(run, ()), counts[run]) for run, target in store.targets().items()]


def read_view(launchpad: LaunchPad, name: str) -> RunView:
    """How the run stands whose id is ``name`` or begins with it, cycle by cycle, and what it does now.

    Raises
    ------
    InputError
        No run fits, or several do.
    """
    store = Store(launchpad.db)
    stored = store.run(store.find_run(name))
    run, cycles = stored.run, store.cycles(stored.run)
    status = run_status(run, stored.spec.target_fmax, cycles, _count(launchpad, {f"spec.{RUN}": run})[run])
    stopped = fizzled_cause(launchpad, run) if status.state is RunState.FIZZLED else ""
    return RunView(status, utc(stored.created), cycles, read_running(launchpad, run), stopped)


def read_running(launchpad: LaunchPad, run: str) -> list[RunningStep]:
    """The steps of the run that are running now, the longest first."""
    held = read_held(launchpad, {f"spec.{RUN}": run, "state": "RUNNING"})
    return sorted((RunningStep(one.step, one.since, one.host) for one in held), key=lambda one: one.since)


def read_history(launchpad: LaunchPad, name: str) -> RunHistory:
    """All that is known of the run whose id is ``name`` or begins with it, with its state as of now.

    Raises
    ------
    InputError
        No run fits, or several do.
    """
    store = Store(launchpad.db)
    status = read_status(launchpad, store.find_run(name))
    history = replace(store.history(status.run), spans=read_spans(launchpad, status.run), read_at=time.time())
    if status.state.ended:
        return history
    if status.state is RunState.FIZZLED:
        return replace(history, state=status.state.value, remark=f"stopped: {fizzled_cause(launchpad, status.run)}")
    return replace(history, state=status.state.value)


def fizzled_cause(launchpad: LaunchPad, run: str) -> str:
    """The last line of the traceback of the run's first Firework that ended in an error, and the Firework's id.

    One that an outage ended, which will be tried again, is only named where no other needs the user.
    """
    outage = ""
    shown = {"fw_id": 1, "name": 1, "launches": 1}
    for fw in launchpad.fireworks.find({f"spec.{RUN}": run, "state": "FIZZLED"}, shown):
        if not fw.get("launches"):
            continue
        launch = launchpad.launches.find_one({"launch_id": fw["launches"][-1]}, {"action": 1, "launch_dir": 1}) or {}
        trace = last_trace(launch)
        last = trace.splitlines()[-1] if trace else "no traceback was stored (the worker was lost)"
        said = f"{fw['name']} (fw_id {fw['fw_id']}, {launch.get('launch_dir')}): {last}"
        if not is_outage(last):
            return said
        times = lost.outages(launchpad.db, fw["fw_id"])
        before = f" ({times} times so far)" if times else ""
        outage = outage or f"{said}; an outage, which `alflow supervise` and `alflow run` wait for{before}"
    return outage or "unknown"


def _count(launchpad: LaunchPad, where: dict[str, Any]) -> defaultdict[str, Counter[str]]:
    """Number of Fireworks by run and state; a run without any counts nothing."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    group = {"_id": {"run": f"$spec.{RUN}", "state": "$state"}, "number": {"$sum": 1}}
    for row in launchpad.fireworks.aggregate([{"$match": where}, {"$group": group}]):
        counts[row["_id"]["run"]][row["_id"]["state"]] = row["number"]
    return counts
