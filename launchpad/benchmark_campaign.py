"""A campaign of many members in a database of its own, and one that is worked off by real `rlaunch` processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from fireworks import LaunchPad

from al_workflows.benchmark.campaign import CallRow, SizeRow, Worked, members
from al_workflows.benchmark.workflow import Listener
from al_workflows.campaign.states import Limits
from al_workflows.records import Cycle, Verdict, VerdictKind
from al_workflows.threads import single_threaded
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_turns import after_check, look_after
from fw_specs.keys import CAMPAIGNS, CYCLES, INPUTS, MEMBERS, RUNS
from launchpad.benchmark_cycle import own_database
from launchpad.benchmark_workflow import quiet, server_seconds
from launchpad.campaign_run import work_off_campaign
from launchpad.campaign_status import CampaignStatus, read_status
from launchpad.campaigns import read_results, submit_campaign
from launchpad.local_mongo import LocalMongo
from launchpad.planned_campaign import PlannedCampaign
from launchpad.settings import Source

NAME = "benchmark"
#: so often each call is timed, and of how many atoms' slabs the many members are
REPEATS, SIZE = 7, (3, 3, 4)
_MB = 1e6


@dataclass(frozen=True)
class Scale:
    """Calls with many members, and what these take; ``memory``: the largest of this process so far, MB."""

    calls: Sequence[CallRow]
    sizes: Sequence[SizeRow]
    memory: float


@single_threaded
def scale(count: int, listen: Listener = lambda line: None) -> Scale:
    """Submit so many members to a database of its own, and time what looks at them.

    Raises
    ------
    EnvironmentProblem
        There is no mongod.
    """
    with TemporaryDirectory(prefix="alflow-benchmark-") as scratch:
        place = Path(scratch)
        with own_database(place / "mongo") as launchpad, quiet():
            rows: list[CallRow] = []
            planned: list[Any] = []

            def timed(what: str, call: Callable[[], object], times: int = 1) -> None:
                rows.append(_timed(what, count, call, times))
                listen(f"{what}: {rows[-1].wall:.3f} s")

            timed("make the members (no planner)", lambda: planned.extend(members(count, 10.0, SIZE)))
            plan = PlannedCampaign(NAME, planned, Limits())

            def submit() -> object:
                return submit_campaign(launchpad, plan, place / "runs", plan.limits)

            timed(f"submit, and begin the first {plan.limits.at_once}", submit)
            timed("submit again: nothing is new", submit)
            _time_looks(launchpad, timed)
            command = [sys.executable, "-m", "launchpad.cli", "campaign"]
            file = ["--launchpad", str(place / "my_launchpad.yaml")]

            def alflow(*words: str) -> None:
                subprocess.run([*command, *words, *file], cwd=place, check=True, stdout=subprocess.DEVNULL)

            timed("`alflow campaign status`", lambda: alflow("status", NAME), REPEATS)
            timed("`alflow campaign results --json`", lambda: alflow("results", NAME, "--json"))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
            return Scale(rows, _sizes(launchpad), memory)


def _time_looks(launchpad: LaunchPad, timed: Callable[..., None]) -> None:
    """The calls that a campaign makes again and again."""
    store = CampaignStore(launchpad.db)
    timed("status, in this process", lambda: read_status(launchpad, NAME), REPEATS)
    timed("results, in this process", lambda: read_results(launchpad, NAME))
    timed("a look in which nothing is to do", lambda: look_after(launchpad, NAME), REPEATS)
    calls = Limits(dft_calls=10**6)
    store.put_campaign(NAME, Path(), calls, ())
    timed("the same, with a budget", lambda: look_after(launchpad, NAME), REPEATS)
    run = store.begun(NAME)[0]["run"]
    going = [Cycle(0, Verdict(VerdictKind.CONTINUE, "none", "going on"), 1, 1.0, 0.0, None, {"dft": 1.0})]
    timed("what a check adds: no campaign's run", lambda: after_check(launchpad, "of-no-campaign", going), REPEATS)
    timed("what a check adds: a member's run goes on", lambda: after_check(launchpad, run, going), REPEATS)
    freed = iter(range(1, REPEATS + 1))

    def begin_one() -> None:
        store.put_campaign(NAME, Path(), Limits(at_once=calls.at_once and calls.at_once + next(freed)), ())
        look_after(launchpad, NAME)

    timed("a look that begins one", begin_one, REPEATS)


def work_off(count: int, sleep: float, workers: int, listen: Listener = lambda line: None) -> Worked:
    """Work off so many members by ``workers`` `rlaunch` processes; DFT sleeps ``sleep`` s.

    Raises
    ------
    EnvironmentProblem
        There is no mongod or no `rlaunch`, or the workers end.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the workers
    with TemporaryDirectory(prefix="alflow-benchmark-") as scratch:
        place = Path(scratch)
        with own_database(place / "mongo") as launchpad, quiet():
            source = Source("the benchmark", "its own database", local=LocalMongo(place / "mongo"))
            plan = PlannedCampaign(NAME, members(count, sleep), Limits())
            submit_campaign(launchpad, plan, place / "runs", plan.limits)
            server, children, own = server_seconds(place), _cpu(resource.RUSAGE_CHILDREN), time.process_time()
            begun = time.perf_counter()

            def told(status: CampaignStatus) -> None:
                ended = sum(number for state, number in status.states.items() if state not in ("WAITING", "UNDER_WAY"))
                listen(f"{time.perf_counter() - begun:.0f} s: {ended} of {count} members have ended")

            status = work_off_campaign(launchpad, source, NAME, workers, told)
            wall = time.perf_counter() - begun
            found = list(CampaignStore(launchpad.db).find(NAME))
            return Worked(
                members=count,
                converged=status.states.get("CONVERGED", 0),
                workers=workers,
                sleep=sleep,
                calls=status.calls,
                most_calls=max(one["calls"] for one in found),
                fireworks=launchpad.fireworks.count_documents({"state": "COMPLETED"}),
                wall=wall,
                recorded=status.seconds,
                longest_recorded=max(one["seconds"] for one in found),
                workers_cpu=_cpu(resource.RUSAGE_CHILDREN) - children,
                server=server_seconds(place) - server,
                parent_cpu=time.process_time() - own,
            )


def import_cost() -> dict[str, float]:
    """CPU seconds until a worker has imported what its steps need, and until a single point's process has."""
    found = {}
    for what, module in (("a worker's imports, CPU s", "fw_specs.tasks"), ("a command's, CPU s", "launchpad.cli.app")):
        before = _cpu(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        found[what] = round(_cpu(resource.RUSAGE_CHILDREN) - before, 2)
    return found


def _timed(what: str, count: int, call: Callable[[], object], times: int) -> CallRow:
    walls, cpus = list[float](), list[float]()
    for _ in range(times):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return CallRow(what, count, times, median(walls), max(walls), median(cpus))


def _sizes(launchpad: LaunchPad) -> list[SizeRow]:
    rows = []
    for name in (MEMBERS, INPUTS, CAMPAIGNS, RUNS, CYCLES, "fireworks", "workflows"):
        found = launchpad.db.command("collStats", name)
        numbers = [found[key] / _MB for key in ("size", "storageSize", "totalIndexSize")]
        rows.append(SizeRow(name, found["count"], *numbers))
    return rows


def _cpu(whose: int) -> float:
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime
