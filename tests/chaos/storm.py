"""The storm: runs at work, a fault now and then, until the time is over and every run has ended."""

from __future__ import annotations

import math
import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fw_specs.store import Store
from tests.chaos import repairs
from tests.chaos.faults import EVERYWHERE, OF_SLURM, Strike, Striker
from tests.chaos.judge import judge, undisturbed
from tests.chaos.local import Local
from tests.chaos.processes import marked, working_below
from tests.chaos.repairs import drawn, look, unrepaired
from tests.chaos.surfaces import ChaosRun, write_run
from tests.chaos.world import World, patiently

#: s without any Firework that ends, after the last fault, before the runs count as stuck
STUCK = 600.0
#: s that a fault waits for something to strike
PATIENCE = 60.0
#: s that processes may take to end
ENDING = 30.0


@dataclass(frozen=True)
class Plan:
    """One part of a chaos test.

    Faults come for ``seconds`` from when the first Firework has ended, ``gap`` s apart on average; each kind strikes
    once before any strikes again, with ``kinds`` only those. ``at_once`` runs are kept going for the first half of
    that time; ``runs`` at most (None: no limit), from number ``first`` on, each of ``cycles`` at most.
    """

    seed: int
    seconds: float
    faulty: bool
    slurm: bool
    at_once: int = 4
    runs: int | None = None
    first: int = 0
    cycles: int = 12
    gap: float = 12.0
    outage: float = 60.0
    delay: float = 1.0
    kinds: tuple[str, ...] = ()


@dataclass
class Outcome:
    """What came of it; ``wrong`` is empty if nothing was lost."""

    plan: Plan
    strikes: list[Strike]
    wrong: list[str]
    said: list[str]
    draws: Counter[str] = field(default_factory=Counter)
    not_hit: list[str] = field(default_factory=list)


def storm(plan: Plan, directory: Path) -> Outcome:
    """Run one part in ``directory`` (new), and judge it."""
    world = World(directory, plan.delay)
    with world.open(), _executor(plan, world) as executor:
        striker = Striker(world, executor, random.Random(plan.seed), plan.outage)
        runs, strikes, never = _rage(plan, world, striker)
        executor.stop()
        look(world, strikes, executor)
        wrong = [f"left running: {one}" for one in _left(lambda: marked(world.mark))]
        wrong += unrepaired(strikes)
        expected = undisturbed(runs, directory / "undisturbed", plan.faulty)
        found, said = judge(world, runs, expected, plan.faulty)
        draws = drawn([world.runs / run.name for run in runs])
        said.append(f"the keeper was started again {executor.again} times")
        shutil.copytree(world.runs, directory / "kept", symlinks=True)
    wrong += found
    wrong += [f"left running: {one}" for one in _left(lambda: [*marked(world.mark), *working_below(directory)])]
    return Outcome(plan, strikes, wrong, said, draws, never)


def _executor(plan: Plan, world: World) -> Any:
    if plan.slurm:
        from tests.chaos.cluster import Cluster

        return Cluster(world)
    return Local(world, workers=2)


def _rage(plan: Plan, world: World, striker: Striker) -> tuple[list[ChaosRun], list[Strike], list[str]]:
    """Faults until the time is over, then peace until every run has ended; and the kinds that never struck."""
    runs: list[ChaosRun] = []
    strikes: list[Strike] = []
    all_kinds = list(plan.kinds or (*EVERYWHERE, *(OF_SLURM if plan.slurm else ())))
    never, deck = set(all_kinds), list[str]()
    executor, store = striker.executor, Store(world.launchpad.db)
    began, next_fault, progress, moved = math.inf, math.inf, 0, time.monotonic()
    while True:
        going = [run for run in runs if patiently(lambda run=run: store.result(run.name)) is None]
        young = world.seconds < began + plan.seconds / 2
        while young and len(going) < plan.at_once and (plan.runs is None or len(runs) < plan.runs):
            run = write_run(world.files, plan.first + len(runs), plan.seed, plan.faulty, plan.cycles)
            executor.add(run)
            runs.append(run)
            going.append(run)
        executor.tend()
        look(world, strikes, executor)
        # a slow machine gets the time that it needs for one fault of each kind that was asked for
        raging = going and (world.seconds < began + plan.seconds or (plan.kinds and never))
        if raging and world.seconds > next_fault:
            if not deck or world.seconds > next_fault + PATIENCE:  # of some kinds there may be nothing to strike
                deck = striker.random.sample(all_kinds, len(all_kinds))
                deck.sort(key=lambda kind: kind not in never)
            if (kind := _strike(world, striker, deck, strikes)) is not None:
                deck.remove(kind)
                never.discard(kind)
                next_fault = world.seconds + striker.random.uniform(0.3, 1.7) * plan.gap
                moved = time.monotonic()
        done = patiently(lambda: world.launchpad.fireworks.count_documents({"state": "COMPLETED"}))
        if done != progress:
            if not progress:
                began, next_fault = world.seconds, world.seconds + plan.gap
            progress, moved = done, time.monotonic()
        if not going and not young and executor.finished():
            break
        if not going and len(runs) == plan.runs and executor.finished():
            break
        if time.monotonic() - moved > STUCK:
            world.tell("the runs are stuck")
            break
        time.sleep(0.3)
    world.tell("the runs have ended")
    return runs, strikes, sorted(never)


def _strike(world: World, striker: Striker, deck: list[str], strikes: list[Strike]) -> str | None:
    """The first fault of the deck that finds something to strike: which it was."""
    for kind in deck:
        log_length = len(striker.executor.log())
        strike: Strike | None = getattr(striker, kind)()
        if strike is not None:
            strike.over, strike.log_length = world.seconds, log_length
            strikes.append(strike)
            names = ", ".join(victim.name for victim in strike.victims)
            world.tell(f"{strike.kind} ({strike.detail}) hit {names or 'nothing'}")
            return kind
    return None


def _left(look_: Any) -> list[Any]:
    """The processes that ``look_`` still finds when they had time to end."""
    end = time.monotonic() + ENDING
    while (found := look_()) and time.monotonic() < end:
        time.sleep(0.2)
    return list(found)


def table(outcomes: list[Outcome]) -> str:
    """What the test shows, as text."""
    lines = []
    for outcome in outcomes:
        part = "b: faults of the machine and of DFT" if outcome.plan.faulty else "a: faults of the machine"
        lines += ["", f"Part {part} (seed {outcome.plan.seed}, {outcome.plan.seconds:.0f} s of faults)", ""]
        lines += _columns(
            [
                ("fault", "injected", "Fireworks going on", "how", "median s", "longest s"),
                *repairs.rows(outcome.strikes),
            ]
        )
        if outcome.plan.faulty:
            draws = ", ".join(f"{kind} {number}" for kind, number in outcome.draws.most_common())
            lines += ["", f"DFT drew: {draws or 'no failure'}"]
        lines += ["", *outcome.said]
        lines += [f"never found something to strike: {', '.join(outcome.not_hit)}"] if outcome.not_hit else []
        lines += [f"LOST OR WRONG: {what}" for what in outcome.wrong]
        lines += [] if outcome.wrong else ["nothing lost, doubled, stuck or left running"]
    return "\n".join(lines)


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    shown = [f"| {' | '.join(row)} |" for row in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [shown[0], rule, *shown[1:]]
