"""The dashboard with a campaign of many members: in a real browser, and with many who look at once."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from fireworks import LaunchPad

from al_workflows.benchmark.dashboard import AnswerRow, LoadRow
from al_workflows.benchmark.workflow import Listener
from al_workflows.campaign.states import MemberState
from al_workflows.errors import EnvironmentProblem
from fw_specs.campaign_store import CampaignStore
from launchpad.benchmark_cycle import own_database
from launchpad.benchmark_dashboard_data import end_members, fill
from launchpad.benchmark_workflow import quiet

NAME = "screening"
#: s: what the pages are meant to take, and how long is waited for a browser's thread to be idle
GOALS, IDLE = {"campaign": 2.0, "run": 1.0}, 1.0
#: loads of each page, and requests of each kind by one who asks alone
LOADS, REPEATS = 5, 15
#: s between a viewer's polls, and between its views
POLL, TURN = 2.0, 10.0
_TIMES = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.longTasks.push(one.startTime + one.duration);
}).observe({ type: "longtask", buffered: true });
"""
_READ = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  return { shown: page.domContentLoadedEventEnd, size: page.decodedBodySize, busy: Math.max(0, ...window.longTasks) };
}"""


@dataclass(frozen=True)
class Looked:
    """All that was measured; memory in MB of the server's process: after its start, after the pages, and at most."""

    loads: Sequence[LoadRow]
    alone: Sequence[AnswerRow]
    together: Sequence[AnswerRow]
    memory: Mapping[str, float]


def measure(members: int, viewers: int, seconds: float, listen: Listener = lambda line: None) -> Looked:
    """Fill a database of its own, serve it, and look at it.

    Parameters
    ----------
    members
        Of the campaign; six of ten have ended.
    viewers
        Who look at once, for ``seconds`` (s).

    Raises
    ------
    EnvironmentProblem
        There is no mongod, no Chromium or no playwright, or the dashboard does not start.
    """
    chromium = _chromium()
    with TemporaryDirectory(prefix="alflow-benchmark-") as scratch:
        place = Path(scratch)
        with own_database(place / "mongo") as launchpad, quiet():
            run = fill(launchpad, NAME, members, 6 * members // 10, place)
            listen(f"{members} members are in the database")
            with _served(place) as (address, pid):
                memory = {"after its start": _memory(pid, "VmRSS")}
                loads = _loads(chromium, address, run, listen)
                memory["after these pages"] = _memory(pid, "VmRSS")
                alone = _rows(_alone(address, run))
                for row in alone:
                    listen(f"{row.what}: {row.median:.3f} s")
                together = _rows(_together(launchpad, address, run, viewers, seconds))
                memory["at most"] = _memory(pid, "VmHWM")
                for row in together:
                    listen(f"{viewers} viewers, {row.what}: {row.median:.3f} s, worst {row.worst:.3f} s")
            return Looked(loads, alone, together, memory)


def views(run: str) -> dict[str, list[str]]:
    """Addresses by what they are."""
    campaign = f"/campaign/{NAME}"
    tables = ["", "?sort=-calls", "?adsorbate=O&sort=adsorption", "?state=CONVERGED&page=7", "?q=Cu-111", "?sort=-fmax"]
    return {
        "campaign page": [campaign + table for table in tables],
        "run page": [f"/run/{run}"],
        "all campaigns": ["/campaigns"],
        "all runs": ["/runs"],
        "a figure's numbers": [f"{campaign}/figure/learning_curve.json", f"{campaign}/figure/progress.json"],
    }


# --- the browser ------------------------------------------------------------------------------------------------------


def _chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        raise EnvironmentProblem("there is no `chromium` on the PATH; apt-get install chromium")
    return found


def _loads(chromium: str, address: str, run: str, listen: Listener) -> list[LoadRow]:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise EnvironmentProblem("this needs playwright; pip install 'al-workflows[test]'") from None
    paths = {"campaign": f"/campaign/{NAME}", "run": f"/run/{run}", "campaigns": "/campaigns", "runs": "/runs"}
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for what, path in paths.items():
            found = [_load(browser, address + path) for _ in range(LOADS)]
            times = [max(one["shown"], one["busy"]) / 1000 for one in found]
            shown = median(one["shown"] for one in found) / 1000
            size = found[0]["size"] / 1000
            rows.append(LoadRow(what, LOADS, shown, median(times), max(times), GOALS.get(what, 1.0), size))
            listen(f"{what}: interactive after {median(times):.2f} s, the worst {max(times):.2f} s")
        browser.close()
    return rows


def _load(browser: Any, address: str) -> dict[str, float]:
    """Milliseconds of one load with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        page.add_init_script(_TIMES)
        page.goto(address, wait_until="networkidle")
        page.wait_for_timeout(1000 * IDLE)
        found: dict[str, float] = page.evaluate(_READ)
        return found
    finally:
        context.close()


# --- requests ---------------------------------------------------------------------------------------------------------

Times = dict[str, list[tuple[float, bool]]]


def _ask(address: str, what: str, times: Times) -> str:
    begun = time.perf_counter()
    try:
        with urlopen(address, timeout=60) as answer:
            body, good = str(answer.read(), "utf-8"), True
    except (HTTPError, URLError, TimeoutError):
        body, good = "", False
    times[what].append((time.perf_counter() - begun, good))
    return body


def _alone(address: str, run: str) -> Times:
    times: Times = defaultdict(list)
    for what, paths in views(run).items():
        for number in range(REPEATS):
            _ask(address + paths[number % len(paths)], what, times)
    for _ in range(3):
        _ask(f"{address}/campaign/{NAME}/members.csv", "CSV of all members", times)
    return times


def _together(launchpad: LaunchPad, address: str, run: str, viewers: int, seconds: float) -> Times:
    """So many look for ``seconds``, half of them at the campaign, while it goes on."""
    times: Times = defaultdict(list)
    end = time.monotonic() + seconds
    waiting = CampaignStore(launchpad.db).first(NAME, [MemberState.WAITING], int(seconds))
    going = threading.Thread(target=_go_on, args=(launchpad, waiting, end))
    watching = [threading.Thread(target=_watch, args=(address, run, number, end, times)) for number in range(viewers)]
    for thread in (going, *watching):
        thread.start()
    for thread in (going, *watching):
        thread.join()
    return times


def _go_on(launchpad: LaunchPad, waiting: Sequence[dict[str, Any]], end: float) -> None:
    for member in waiting:
        if time.monotonic() > end:
            return
        end_members(launchpad, NAME, [member], 0.0)
        time.sleep(2.0)


def _watch(address: str, run: str, number: int, end: float, times: Times) -> None:
    kinds = views(run)
    own = "campaign page" if number % 2 == 0 else list(kinds)[number // 2 % 4]
    topics = {"campaign page": f"campaign:{NAME}", "run page": f"run:{run}", "all campaigns": "campaigns"}
    topic = topics.get(own, "runs")
    version, turned, place = "", 0.0, number
    time.sleep(POLL * number / 20)
    while time.monotonic() < end:
        said = _ask(f"{address}/changes?topic={topic}", "has it changed?", times)
        if said != version or time.monotonic() - turned > TURN:
            if time.monotonic() - turned > TURN:
                turned, place = time.monotonic(), place + 1
            version = said
            _ask(address + kinds[own][place % len(kinds[own])], own, times)
            if own == "campaign page":
                what = "a figure's numbers"
                _ask(address + kinds[what][place % len(kinds[what])], what, times)
        time.sleep(POLL)


def _rows(times: Times) -> list[AnswerRow]:
    rows = []
    for what, found in times.items():
        took = sorted(seconds for seconds, _ in found)
        most = took[min(len(took) - 1, int(0.95 * len(took)))]
        rows.append(AnswerRow(what, len(took), sum(not good for _, good in found), median(took), most, took[-1]))
    return rows


# --- the server -------------------------------------------------------------------------------------------------------


@contextmanager
def _served(place: Path) -> Iterator[tuple[str, int]]:
    """The dashboard in a process of its own: its address, and its id."""
    command = [sys.executable, "-m", "launchpad.cli", "dashboard", "--port", "0"]
    command += ["--launchpad", str(place / "my_launchpad.yaml")]
    with (place / "dashboard.log").open("w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield _address(process, place / "dashboard.log"), process.pid
        finally:
            process.terminate()
            process.wait(30)


def _address(process: subprocess.Popen[bytes], log: Path, patience: float = 60.0) -> str:
    end = time.monotonic() + patience
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"http://\S+", log.read_text())
        if found:
            return found.group()
        time.sleep(0.1)
    raise EnvironmentProblem(f"the dashboard did not start: {log.read_text().strip() or 'it said nothing'}")


def _memory(pid: int, which: str) -> float:
    """Of a process, MB."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1000 if found else float("nan")
