"""CPU time of runs through real `rlaunch` processes, on a local database that lives as long as the measurement."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fireworks import LaunchPad

from al_workflows.benchmark.cycle import CycleCost, RunCost, benchmark_run
from al_workflows.errors import EnvironmentProblem
from al_workflows.preflight import PreparedRun
from fw_specs.keys import CYCLE, STEP
from fw_specs.store import Store
from launchpad.local_mongo import LocalMongo
from launchpad.runs import submit_run
from launchpad.settings import Source, connect, write_worker_config
from launchpad.workers import rlaunch_program

STEP_BY_STEP, IN_ONE_GO = "an `rlaunch` for each step", "one `rlaunch` for the run"
Listener = Callable[[CycleCost | RunCost], None]


def through_rlaunch(
    seeds: Sequence[int], listen: Listener = lambda cost: None
) -> tuple[list[CycleCost], list[RunCost]]:
    """The runs of ``seeds``, once with a process for each step and once with one worker for all.

    Raises
    ------
    EnvironmentProblem
        There is no mongod or no `rlaunch`, or a worker ended before the run did.
    """
    cycles: list[CycleCost] = []
    runs: list[RunCost] = []
    with TemporaryDirectory(prefix="alflow-benchmark-") as scratch, own_database(Path(scratch, "mongo")) as launchpad:
        worker = _Worker(launchpad, Path(scratch))
        for seed in seeds:
            for cost in _step_by_step(worker, seed):
                cycles.append(cost)
                listen(cost)
            runs.append(_in_one_go(worker, seed))
            listen(runs[-1])
    return cycles, runs


@contextmanager
def own_database(directory: Path) -> Iterator[LaunchPad]:
    """A LaunchPad on a mongod of its own in ``directory``, ended with the block; its worker's files are beside it."""
    local = LocalMongo(directory)
    source = Source("the benchmark", f"the local database in {directory}", local=local)
    try:
        launchpad = connect(source)
        write_worker_config(directory.parent, source)
        with launchpad.connection:
            yield launchpad
    finally:
        local.stop()


@dataclass(frozen=True)
class _Worker:
    """`rlaunch` in ``directory``, where the files are that it needs."""

    launchpad: LaunchPad
    directory: Path

    def submit(self, prepared: PreparedRun) -> None:
        submit_run(self.launchpad, prepared, self.directory / "runs" / prepared.run)

    def cpu_seconds(self, *words: str) -> float:
        """CPU seconds of an `rlaunch` process and of those that it has waited for."""
        command = [rlaunch_program(), "-l", "my_launchpad.yaml", "-w", "my_fworker.yaml", *words]
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime

    def last_words(self) -> str:
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")


def _step_by_step(worker: _Worker, seed: int) -> list[CycleCost]:
    """The cycles of a run, each step by an `rlaunch singleshot` of its own, as a queue runs them."""
    prepared = benchmark_run(seed, "step-by-step")
    worker.submit(prepared)
    store, spent, last = Store(worker.launchpad.db), dict[int, dict[str, float]](), -1
    while store.result(prepared.run) is None:
        seconds = worker.cpu_seconds("singleshot")
        launch = worker.launchpad.launches.find_one({}, {"launch_id": 1, "fw_id": 1}, sort=[("launch_id", -1)])
        if launch is None or launch["launch_id"] == last:
            raise EnvironmentProblem(f"`rlaunch` did nothing before the run ended; it said: {worker.last_words()}")
        last = launch["launch_id"]
        content = worker.launchpad.fireworks.find_one({"fw_id": launch["fw_id"]}, {"spec": 1})["spec"]
        steps = spent.setdefault(content[CYCLE], {})
        steps[content[STEP]] = steps.get(content[STEP], 0.0) + seconds
    return [CycleCost(STEP_BY_STEP, seed, cycle, steps) for cycle, steps in sorted(spent.items()) if cycle > 0]


def _in_one_go(worker: _Worker, seed: int) -> RunCost:
    """A run by one `rlaunch rapidfire`, which imports once."""
    prepared = benchmark_run(seed, "in-one-go")
    worker.submit(prepared)
    seconds = worker.cpu_seconds("rapidfire")
    result = Store(worker.launchpad.db).result(prepared.run)
    if result is None:
        raise EnvironmentProblem(f"`rlaunch` ended before the run did; it said: {worker.last_words()}")
    return RunCost(IN_ONE_GO, seed, len(result.cycles), seconds)
