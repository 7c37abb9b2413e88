"""What FireWorks and the store take of a run's time, by their own code on a real local database."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fireworks import FWorker, LaunchPad, Workflow
from fireworks.core.rocket_launcher import launch_rocket

from al_workflows import steps
from al_workflows.benchmark.workflow import CallCost, FireworkCost, Listener, label_here, long_run
from al_workflows.errors import EnvironmentProblem
from al_workflows.records import Cycle, Verdict, VerdictKind
from al_workflows.results import run_id
from al_workflows.threads import single_threaded
from fw_specs.cycle import first_cycle
from fw_specs.keys import CYCLE, CYCLES, DFT, RUN, RUNS, STEP, cycle_id
from fw_specs.store import Document, Store
from launchpad.benchmark_cycle import own_database
from launchpad.mongod import find_process
from launchpad.runs import submit_run
from launchpad.status import read_all, read_status

#: the functions of a step, as the Firetasks call them
TIMED = ("train", "simulate", "query", "label", "close_cycle")
#: cycles of the run that is worked off beside many others
PROBE_CYCLES = 3
#: so many such runs, and how often each call is timed
PROBES, REPEATS = 2, 5
BATCH = 500


@dataclass(frozen=True)
class Measured:
    """Costs of the Fireworks of one long run, of calls by runs in the database, and of the server (CPU s a cycle)."""

    fireworks: Sequence[FireworkCost]
    calls: Sequence[CallCost]
    server: float


@single_threaded
def measure(cycles: int, databases: Sequence[int], listen: Listener = lambda line: None) -> Measured:
    """A run of so many cycles, then calls with so many runs in the database, all in this process.

    Raises
    ------
    EnvironmentProblem
        There is no mongod, or a run ended before its time.
    """
    with TemporaryDirectory(prefix="alflow-benchmark-") as scratch:
        place = Path(scratch)
        with own_database(place / "mongo") as launchpad, _Stopwatch().on_steps() as watch, quiet():
            bench = _Bench(launchpad, place, watch)
            before = server_seconds(place)
            fireworks = bench.work_off("long", cycles)
            server = (server_seconds(place) - before) / cycles
            listen(f"{cycles} cycles of one run: {len(fireworks)} Fireworks")
            calls: list[CallCost] = []
            for count in sorted(databases):
                bench.fill(count)
                found = bench.calls(count)
                calls += found
                listen(f"{count} runs in the database: {len(found)} calls")
        return Measured(fireworks, calls, server)


@contextmanager
def quiet() -> Iterator[None]:
    """Without FireWorks' line for everything that it does, whose level has no other switch in one process."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


@dataclass
class _Stopwatch:
    """CPU and wall seconds spent in the functions of the steps."""

    cpu: float = 0.0
    wall: float = 0.0

    def reset(self) -> None:
        self.cpu = self.wall = 0.0

    def timing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **keywords: Any) -> Any:
            cpu, wall = time.process_time(), time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                self.cpu += time.process_time() - cpu
                self.wall += time.perf_counter() - wall

        return timed

    @contextmanager
    def on_steps(self) -> Iterator[_Stopwatch]:
        """Time the steps within the block, where single points are computed in this process."""
        functions = {name: getattr(steps, name) for name in TIMED}
        try:
            for name, function in functions.items():
                setattr(steps, name, self.timing(label_here if name == "label" else function))
            yield self
        finally:
            for name, function in functions.items():
                setattr(steps, name, function)


@dataclass
class _Bench:
    """A database, and a directory for its runs."""

    launchpad: LaunchPad
    place: Path
    watch: _Stopwatch
    filled: int = 0
    seed: int = 0
    submitted: list[CallCost] = field(default_factory=list)

    def work_off(self, name: str, cycles: int) -> list[FireworkCost]:
        """Submit a run and launch its Fireworks one after the other; what each took."""
        self.seed += 1  # a run of another seed reuses no single point
        prepared = long_run(name, cycles, self.seed)
        self.submitted.append(
            _timed("submit a run", self.filled, lambda: submit_run(self.launchpad, prepared, self.place / prepared.run))
        )
        worker, costs = FWorker(name="benchmark", query={f"spec.{RUN}": prepared.run}), list[FireworkCost]()
        while Store(self.launchpad.db).result(prepared.run) is None:
            self.watch.reset()
            cpu, wall = time.process_time(), time.perf_counter()
            launched = launch_rocket(self.launchpad, worker)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            launch = self.launchpad.launches.find_one({}, {"fw_id": 1, "state": 1}, sort=[("launch_id", -1)])
            if not launched or launch["state"] != "COMPLETED":
                raise EnvironmentProblem(f"{prepared.run} stopped before its end: nothing was ready, or a step failed")
            spec = self.launchpad.fireworks.find_one({"fw_id": launch["fw_id"]}, {"spec": 1})["spec"]
            costs.append(FireworkCost(spec[CYCLE], spec[STEP], cpu, wall, self.watch.cpu, self.watch.wall))
        return costs

    def fill(self, count: int) -> None:
        """As many runs as that, as `alflow submit` leaves them, each with one checked cycle in its records.

        (The first by that path, the others' documents in bulk.)
        """
        database, prepared = self.launchpad.db, long_run("one-of-many", PROBE_CYCLES)
        if self.filled == 0:
            submit_run(self.launchpad, prepared, self.place / prepared.run)
            self.filled = 1
        first = database[RUNS].find_one({"_id": prepared.run})
        verdict = Verdict(VerdictKind.CONTINUE, criterion="none", reason="going on")
        closed = Cycle(0, verdict, 1, 1.0, 0.0, None, {"dft": 1.0}).to_dict()
        for start in range(self.filled, count, BATCH):
            runs, cycles, workflows = list[Document](), list[Document](), list[Workflow]()
            for seed in range(start, min(start + BATCH, count)):
                spec = prepared.spec.model_copy(update={"seed": seed})
                run = run_id(spec, prepared.start)
                directory, selection = self.place / run, steps.ask_for_start(run, prepared.start)
                runs.append({**first, "_id": run, "spec": {**first["spec"], "seed": seed}, "directory": str(directory)})
                about = {"run": run, "cycle": 0, "selection": selection.to_dict(), "closed": closed}
                cycles.append({"_id": cycle_id(run, 0), **about})
                workflows.append(first_cycle(run, spec, directory, selection))
            database[RUNS].insert_many(runs)
            database[CYCLES].insert_many(cycles)
            with redirect_stderr(StringIO()):  # a progress bar
                self.launchpad.bulk_add_wfs(workflows)
        self.filled = max(self.filled, count)

    def calls(self, count: int) -> list[CallCost]:
        """What one more run costs, and what looking costs."""
        self.submitted.clear()
        costs: list[CallCost] = []
        for number in range(PROBES):
            of_run = [cost for cost in self.work_off(f"probe-{count}-{number}", PROBE_CYCLES) if cost.cycle > 0]
            for cycle in range(1, PROBE_CYCLES + 1):
                chosen = [cost for cost in of_run if cost.cycle == cycle]
                cpu = sum(cost.cpu - cost.step_cpu for cost in chosen)
                wall = sum(cost.wall - cost.step_wall for cost in chosen)
                costs.append(CallCost("FireWorks and store of a cycle", count, cpu, wall))
        costs += self.submitted
        worker, run = FWorker(name="benchmark", category=DFT), Store(self.launchpad.db).run_ids()[0]
        looks: dict[str, Callable[[], object]] = {
            "check out any single point": lambda: self.launchpad.checkout_fw(worker, str(self.place)),
            "`alflow status RUN`": lambda: read_status(self.launchpad, Store(self.launchpad.db).find_run(run[:-2])),
            "`alflow status`": lambda: read_all(self.launchpad),
        }
        for what, look in looks.items():
            costs += [_timed(what, count, look) for _ in range(REPEATS)]
        return costs


def _timed(what: str, runs: int, call: Callable[[], object]) -> CallCost:
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return CallCost(what, runs, time.process_time() - cpu, time.perf_counter() - wall)


def server_seconds(place: Path) -> float:
    """CPU seconds so far of the database server whose directory is ``mongo`` in ``place``."""
    process = find_process(place / "mongo" / "db")
    if process is None:
        raise EnvironmentProblem(f"the database in {place / 'mongo'} has ended")
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
