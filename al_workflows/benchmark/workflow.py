"""What the workflow costs beside the steps themselves: by step, by the cycles of a run and by the runs of a database.

The run that is timed is molecular dynamics of a few steps with EMT as the parent and one single point a cycle, so that
it has as many cycles as one asks for. Its steps are the real ones, but for a single point's own process: it is computed
where the step runs.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.benchmark.cycle import CHECK, DFT, QUERY, SIMULATE, TRAIN
from al_workflows.benchmark.systems import PaperSystem
from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.dft.label_file import write_label
from al_workflows.dft.settings import dft_hash
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.md_spec import MdSpec
from al_workflows.potential_spec import GaussianProcessSpec
from al_workflows.preflight import PreparedRun, prepare_structure
from al_workflows.records import Cycle, Label, Request
from al_workflows.spec import DftSpec, EmtSpec, RandomQuerySpec, RunSpec, TerminationSpec
from al_workflows.termination import Progress
from al_workflows.threads import single_threaded

#: cycles that are run in one process as well
COMPARED = 20
STEPS = (TRAIN, SIMULATE, QUERY, DFT, CHECK)


@dataclass(frozen=True)
class FireworkCost:
    """Seconds of one Firework, launch to end: in all and of the step itself; CPU of this process, and wall time."""

    cycle: int
    step: str
    cpu: float
    wall: float
    step_cpu: float
    step_wall: float


@dataclass(frozen=True)
class CallCost:
    """Seconds of one call, of this process' CPU and of wall time, with so many runs in the database."""

    what: str
    runs: int
    cpu: float
    wall: float


@dataclass(frozen=True)
class StepRow:
    """Fireworks of one step: medians and worst of what FireWorks and store take beside the step, ms."""

    step: str
    fireworks: int
    itself: Annotated[float, Column("the step itself, CPU ms", 1)]
    overhead: Annotated[float, Column("FireWorks and store, CPU ms", 1)]
    worst: Annotated[float, Column("the worst, CPU ms", 1)]
    wall: Annotated[float, Column("FireWorks and store, wall ms", 1)]
    worst_wall: Annotated[float, Column("the worst, wall ms", 1)]


@dataclass(frozen=True)
class WayRow:
    """Whole cycles, single point included: medians and worst, ms."""

    way: str
    cycles: int
    cpu: Annotated[float, Column("a cycle, CPU ms", 1)]
    worst: Annotated[float, Column("the worst, CPU ms", 1)]
    wall: Annotated[float, Column("a cycle, wall ms", 1)]
    worst_wall: Annotated[float, Column("the worst, wall ms", 1)]


@dataclass(frozen=True)
class CycleRow:
    """Cycles of a stretch of one run: what FireWorks and store take of each, ms."""

    cycles: str
    fireworks: Annotated[int, Column("Fireworks in the workflow at its end")]
    overhead: Annotated[float, Column("FireWorks and store, CPU ms a cycle", 1)]
    worst: Annotated[float, Column("the worst, CPU ms", 1)]
    wall: Annotated[float, Column("wall ms a cycle", 1)]
    worst_wall: Annotated[float, Column("the worst, wall ms", 1)]


@dataclass(frozen=True)
class CallRow:
    """One call at one size of the database, ms."""

    what: str
    runs: Annotated[int, Column("runs in the database")]
    calls: int
    cpu: Annotated[float, Column("CPU ms", 1)]
    worst: Annotated[float, Column("the worst, CPU ms", 1)]
    wall: Annotated[float, Column("wall ms", 1)]
    worst_wall: Annotated[float, Column("the worst, wall ms", 1)]


#: told of each thing that was timed, in a line
Listener = Callable[[str], None]


def long_run(name: str, cycles: int, seed: int = 0) -> PreparedRun:
    """A run that ends after ``cycles`` cycles and no sooner, each with one single point."""
    spec = RunSpec(
        name=name,
        seed=seed,
        structure=Path("start.extxyz"),
        potential=GaussianProcessSpec(),
        simulation=MdSpec(steps=10, equilibration=0, stride=5, accuracy=None, max_uncertainty=None),
        query=RandomQuerySpec(batch=1),
        termination=TerminationSpec(max_cycles=cycles, max_dft_calls=cycles + 1, stall_cycles=cycles + 1),
        dft=EmtSpec(reuse=True),
    )
    return prepare_structure(spec, PaperSystem().start(seed))


def label_here(request: Request, dft: DftSpec, directory: Path) -> Label:
    """The single point in this process, with the file that the step leaves."""
    answer = single_point_in_process(request, EMT(), limit=dft, directory=directory)
    label = replace(answer, dft_hash=dft_hash(dft))
    write_label(label, dft, directory)
    return label


@single_threaded
def cycles_in_process(cycles: int) -> list[CallCost]:
    """The first of so many cycles in this process, after the start's; a run is made before, for the imports."""
    _cycles_of(long_run("warm-up", 1))
    return _cycles_of(long_run("in-process", min(cycles, COMPARED)))


def _cycles_of(prepared: PreparedRun) -> list[CallCost]:
    marks: list[tuple[float, float]] = []

    def heard(cycle: Cycle, progress: Progress) -> None:
        marks.append((time.process_time(), time.perf_counter()))

    def answer(request: Request, directory: Path) -> Label:
        return label_here(request, prepared.spec.dft, directory)

    with TemporaryDirectory(prefix="alflow-benchmark-") as directory:
        offline.run(prepared.spec, prepared.start, Path(directory), answer, heard)
    pairs = itertools.pairwise(marks)
    return [CallCost("in one process", 0, cpu - before, wall - began) for (before, began), (cpu, wall) in pairs]


def step_rows(costs: Sequence[FireworkCost]) -> list[StepRow]:
    """One row for each step."""
    rows = []
    for step in STEPS:
        chosen = [cost for cost in costs if cost.step == step and cost.cycle > 0]
        if chosen:
            cpu, wall = zip(*(_overhead([cost]) for cost in chosen), strict=True)
            itself = median(1000 * cost.step_cpu for cost in chosen)
            rows.append(StepRow(step, len(chosen), itself, median(cpu), max(cpu), median(wall), max(wall)))
    return rows


def way_rows(here: Sequence[CallCost], costs: Sequence[FireworkCost]) -> list[WayRow]:
    """The run's first cycles in one process, and as Fireworks."""
    chosen = list(_by_cycle(costs).values())[: len(here)]
    by_cycle = [(sum(c.cpu for c in one), sum(c.wall for c in one)) for one in chosen]
    ways = {"in one process": [(c.cpu, c.wall) for c in here], "as Fireworks, one worker": by_cycle}
    rows = []
    for way, found in ways.items():
        cpu, wall = ([1000 * spent for spent in column] for column in zip(*found, strict=True))
        rows.append(WayRow(way, len(found), median(cpu), max(cpu), median(wall), max(wall)))
    return rows


def cycle_rows(costs: Sequence[FireworkCost], stretch: int) -> list[CycleRow]:
    """One row for every ``stretch`` cycles."""
    rows, done = [], sum(cost.cycle == 0 for cost in costs)
    cycles = list(_by_cycle(costs).items())
    for start in range(0, len(cycles), stretch):
        chosen = cycles[start : start + stretch]
        done += sum(len(one) for _, one in chosen)
        cpu, wall = zip(*(_overhead(one) for _, one in chosen), strict=True)
        named = f"{chosen[0][0]} to {chosen[-1][0]}"
        rows.append(CycleRow(named, done, median(cpu), max(cpu), median(wall), max(wall)))
    return rows


def call_rows(costs: Sequence[CallCost]) -> list[CallRow]:
    """One row for each call and size of the database."""
    rows = []
    for what, runs in dict.fromkeys((cost.what, cost.runs) for cost in costs):
        chosen = [cost for cost in costs if (cost.what, cost.runs) == (what, runs)]
        cpu, wall = [1000 * cost.cpu for cost in chosen], [1000 * cost.wall for cost in chosen]
        rows.append(CallRow(what, runs, len(chosen), median(cpu), max(cpu), median(wall), max(wall)))
    return sorted(rows, key=lambda row: [cost.what for cost in costs].index(row.what))


def document(
    here: Sequence[CallCost],
    fireworks: Sequence[FireworkCost],
    calls: Sequence[CallCost],
    server: Mapping[str, float],
    command: str,
) -> Document:
    """The tables of ``alflow benchmark workflow``."""
    beside = "a Firework from its launch to its end less the step: FireWorks' look-ups and updates, records, blobs"
    settings = {"system": "C on Cu(100), 13 atoms", "parent": "EMT, computed where the step runs", **server}
    tables = [
        Table("By step", step_rows(fireworks), (beside, "all in one worker, imports excluded; cycle 0 is left out")),
        Table("Whole cycles", way_rows(here, fireworks), ("the first of the run, with their single point",)),
        Table("By cycles of one run", cycle_rows(fireworks, 10), (beside,)),
        Table("By runs in the database", call_rows(calls), ("each with a single point that waits for a worker",)),
    ]
    return Document("What the workflow costs", command, settings, tables)


def _by_cycle(costs: Sequence[FireworkCost]) -> dict[int, list[FireworkCost]]:
    found: dict[int, list[FireworkCost]] = {}
    for cost in costs:
        if cost.cycle > 0:
            found.setdefault(cost.cycle, []).append(cost)
    return found


def _overhead(costs: Sequence[FireworkCost]) -> tuple[float, float]:
    """CPU and wall of Fireworks beside their steps, ms."""
    cpu = sum(cost.cpu - cost.step_cpu for cost in costs)
    return 1000 * cpu, 1000 * sum(cost.wall - cost.step_wall for cost in costs)
