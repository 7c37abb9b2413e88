"""What a cycle of active learning costs beyond its single points, in CPU seconds: in one process, and by workers.

The runs are the paper's system from rattled starts with the default settings, and EMT is the parent. Cycle 0, which
asks for the start alone, does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.benchmark.parent import Counting
from al_workflows.benchmark.systems import PaperSystem
from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.benchmark.variants import VARIANTS
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.preflight import PreparedRun, prepare_structure
from al_workflows.records import Cycle, Label, Request
from al_workflows.termination import Progress
from al_workflows.threads import single_threaded

#: eV/Å: to what force the runs go
FMAX = 0.03
#: the names of a cycle's parts, as workers know them
TRAIN, SIMULATE, QUERY, DFT, CHECK = "train", "simulate", "query", "dft", "check"


@dataclass(frozen=True)
class CycleCost:
    """CPU seconds of one cycle by step: train, simulate, query, dft and check, with what goes with each."""

    way: str
    seed: int
    cycle: int
    seconds: Mapping[str, float]

    @property
    def overhead(self) -> float:
        """All but the single points, s."""
        return sum(spent for step, spent in self.seconds.items() if step != DFT)

    @property
    def said(self) -> str:
        """In a line."""
        return f"cycle {self.cycle}: {self.overhead:.2f} s without its single points"


@dataclass(frozen=True)
class RunCost:
    """CPU seconds of a run as a whole: of its workers, with imports and single points."""

    way: str
    seed: int
    cycles: int
    seconds: float

    @property
    def said(self) -> str:
        """In a line."""
        return f"{self.cycles} cycles: {self.seconds:.2f} s"


@dataclass(frozen=True)
class CycleRow:
    """Cycles of one way to run them: medians of CPU seconds, and the largest ``overhead``."""

    way: str
    runs: int
    cycles: int
    overhead: Annotated[float, Column("a cycle without single points, s", 3)]
    worst: Annotated[float, Column("the worst, s", 3)]
    train: Annotated[float, Column("train, s", 3)]
    simulate: Annotated[float, Column("simulate, s", 3)]
    query: Annotated[float, Column("query, s", 3)]
    check: Annotated[float, Column("check and records, s", 3)]
    single_points: Annotated[float, Column("single points, s", 3)]


@dataclass(frozen=True)
class RunRow:
    """Runs of one way: CPU seconds by the number of cycles, cycle 0 included; the median over the runs."""

    way: str
    runs: int
    cycles: int
    each: Annotated[float, Column("a cycle with everything, s", 2)]


#: told of each cycle's or run's cost as it comes
Listener = Callable[[CycleCost | RunCost], None]


def benchmark_run(seed: int, name: str) -> PreparedRun:
    """The run of ``seed`` that is timed; nothing is taken over from one of another name."""
    spec = VARIANTS["default"].spec(FMAX, seed)
    spec = spec.model_copy(update={"name": name, "dft": spec.dft.model_copy(update={"reuse": False})})
    return prepare_structure(spec, PaperSystem().start(seed))


@single_threaded
def in_process(seeds: Sequence[int], listen: Listener = lambda cost: None) -> list[CycleCost]:
    """The cycles of the runs of ``seeds`` in this process, without imports: the first run is done once before."""
    _run(seeds[0], lambda cost: None)
    costs: list[CycleCost] = []

    def heard(cost: CycleCost) -> None:
        costs.append(cost)
        listen(cost)

    for seed in seeds:
        _run(seed, heard)
    return costs


def _run(seed: int, listen: Callable[[CycleCost], None]) -> None:
    prepared = benchmark_run(seed, "in-process")
    counted = Counting(EMT(), prepared.start)
    marks = [(time.process_time(), counted.seconds)]

    def answer(request: Request, directory: Path) -> Label:
        return single_point_in_process(request, counted, limit=prepared.spec.dft, directory=directory)

    def heard(cycle: Cycle, progress: Progress) -> None:
        marks.append((time.process_time(), counted.seconds))
        (began, before), (ended, after) = marks[-2:]
        steps = {step: spent for step, spent in cycle.seconds.items() if step != DFT}
        rest = ended - began - (after - before) - sum(steps.values())
        if cycle.index > 0:
            listen(CycleCost("in one process", seed, cycle.index, {**steps, DFT: after - before, CHECK: rest}))

    with TemporaryDirectory() as directory:
        offline.run(prepared.spec, prepared.start, Path(directory), answer, heard, clock=time.process_time)


def cycle_rows(costs: Sequence[CycleCost]) -> list[CycleRow]:
    """One row for each way."""
    rows = []
    for way in dict.fromkeys(cost.way for cost in costs):
        chosen = [cost for cost in costs if cost.way == way]
        medians = {step: median(cost.seconds.get(step, 0.0) for cost in chosen) for step in (TRAIN, SIMULATE, QUERY)}
        rows.append(
            CycleRow(
                way=way,
                runs=len({cost.seed for cost in chosen}),
                cycles=len(chosen),
                overhead=median(cost.overhead for cost in chosen),
                worst=max(cost.overhead for cost in chosen),
                **medians,
                check=median(cost.seconds.get(CHECK, 0.0) for cost in chosen),
                single_points=median(cost.seconds.get(DFT, 0.0) for cost in chosen),
            )
        )
    return rows


def run_rows(costs: Sequence[RunCost]) -> list[RunRow]:
    """One row for each way."""
    rows = []
    for way in dict.fromkeys(cost.way for cost in costs):
        chosen = [cost for cost in costs if cost.way == way]
        each = median(cost.seconds / cost.cycles for cost in chosen)
        rows.append(RunRow(way, len(chosen), sum(cost.cycles for cost in chosen), each))
    return rows


def document(cycles: Sequence[CycleCost], runs: Sequence[RunCost], seeds: Sequence[int], command: str) -> Document:
    """The tables of ``alflow benchmark cycle``."""
    notes = (
        "CPU time, user and system, of all processes that take part but the database server",
        "in one process: without imports; check and records: what the loop does besides, files included",
        "an `rlaunch` for each step: from the start of each process to its end, imports included; a single point's "
        "process imports its code as well",
    )
    tables = [Table("Cycles", cycle_rows(cycles), notes)]
    if runs:
        tables.append(Table("Whole runs", run_rows(runs), ("imports and single points included, cycle 0 as well",)))
    settings = {"system": "C on Cu(100), 13 atoms", "parent": "EMT", "target fmax, eV/Å": FMAX, "seeds": list(seeds)}
    return Document("Overhead of a cycle", command, settings, tables)
