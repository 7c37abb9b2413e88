"""Who is at work on what, what looks lost, and a queue that is asked seldom and may not answer."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fireworks import FWorker, LaunchPad
from flask.testing import FlaskClient

from al_workflows.results import run_id
from fw_specs.submit import submit
from launchpad.dashboard.data.workers import read_work
from launchpad.dashboard.queue_watch import QueueSeen, QueueWatch
from launchpad.slurm_queue import Job, QueueProblem
from tests.builders import run_spec, slab
from tests.dashboard.browser import Watched
from tests.dashboard.conftest import asked, served
from tests.dashboard.world import World

NO_QUEUE = QueueSeen()


@pytest.fixture
def run(lpad: LaunchPad, tmp_path: Path) -> str:
    spec, start = run_spec(), slab(2.4, seed=0)
    assert submit(lpad, spec, start, tmp_path / "work")
    return run_id(spec, start)


def take(lpad: LaunchPad, worker: str, job: str | None = None) -> int:
    """Have a worker begin with the step that is ready, in a SLURM job if one is named; the Firework's id."""
    firework, launch = lpad.checkout_fw(FWorker(name=worker), "/tmp", host="node7")
    if job is not None:
        lpad.launches.update_one({"launch_id": launch}, {"$set": {"state_history.0.reservation_id": job}})
    return int(firework.fw_id)


def queue(*jobs: Job, asked: float = 4e9) -> QueueSeen:
    """As it was after whatever is in the database."""
    return QueueSeen({job.id: job for job in jobs}, asked)


def test_nothing_runs_and_something_is_ready(lpad: LaunchPad, run: str) -> None:
    work = read_work(lpad, NO_QUEUE)
    assert (work.running, work.ready, work.lost, work.crews) == (0, 1, [], [])
    (row,) = work.queued
    assert (row.step, row.ready, row.reserved) == ("dft", 1, 0)
    assert work.waiting >= 1


def test_who_runs_what_since_when(lpad: LaunchPad, run: str) -> None:
    before = datetime.datetime.now(datetime.UTC)
    fw_id = take(lpad, "w1")
    (crew,) = read_work(lpad, NO_QUEUE).crews
    (one,) = crew.taken
    assert (crew.worker, crew.host) == ("w1", "node7")
    assert (one.held.run, one.held.fw_id, one.lost) == (run, fw_id, "")
    assert one.held.began is not None
    assert abs((one.held.began - before).total_seconds()) < 30


@pytest.mark.parametrize(
    ("seen", "state", "lost"),
    [
        (queue(Job("17", "RUNNING", "x")), "RUNNING", ""),
        (queue(Job("17", "TIMEOUT", "x")), "TIMEOUT", "its job 17 ended (TIMEOUT) while it ran"),
        (queue(), "", "its job 17 is no longer in the queue while it ran"),
        (queue(asked=1.0), "", ""),  # asked before the job was there
        (QueueSeen(problem="`squeue` failed"), "", ""),
        (NO_QUEUE, "", ""),
    ],
)
def test_jobs_and_what_became_of_them(seen: QueueSeen, state: str, lost: str, lpad: LaunchPad, run: str) -> None:
    take(lpad, "w1", "17")
    work = read_work(lpad, seen)
    (one,) = work.crews[0].taken
    assert (one.held.job, one.job_state, one.lost) == ("17", state, lost)
    assert len(work.lost) == bool(lost)
    assert work.jobs == 1


def test_a_lock_that_was_left_behind(lpad: LaunchPad, run: str) -> None:
    lpad.workflows.update_many({}, {"$set": {"locked": True}})
    assert read_work(lpad, NO_QUEUE).locked == []  # an update is under way
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
    for written in (long_ago, long_ago.isoformat(), long_ago.replace(tzinfo=None).isoformat()):
        lpad.workflows.update_many({}, {"$set": {"updated_on": written}})
        assert read_work(lpad, NO_QUEUE).locked == [run]


# --- the queue ----------------------------------------------------------------------------------------------------


def test_many_who_look_ask_once() -> None:
    times = []

    def ask() -> Mapping[str, Job]:
        times.append(time.monotonic())
        time.sleep(0.2)
        return {"1": Job("1", "RUNNING", "x")}

    watch, found = QueueWatch(ask), list[QueueSeen]()
    threads = [threading.Thread(target=lambda: found.append(watch.look())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == 1
    assert len(found) == 20
    assert all(one.jobs and not one.problem for one in found)


def test_a_queue_that_fails_is_said_and_what_was_known_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Mapping[str, Job] | QueueProblem] = [{"1": Job("1", "RUNNING", "x")}, QueueProblem("down"), {}]

    def ask() -> Mapping[str, Job]:
        answer = answers.pop(0)
        if isinstance(answer, QueueProblem):
            raise answer
        return answer

    monkeypatch.setattr("launchpad.dashboard.queue_watch.KEPT", 0.0)
    watch = QueueWatch(ask)
    first, second, third = watch.look(), watch.look(), watch.look()
    assert not first.problem
    assert (second.problem, second.jobs, second.asked) == ("down", first.jobs, first.asked)
    assert (third.problem, third.jobs) == ("", {})


def test_a_queue_that_does_not_answer_keeps_nobody() -> None:
    answer = threading.Event()

    def ask() -> Mapping[str, Job]:
        answer.wait(30)
        return {}

    watch = QueueWatch(ask)
    begun = time.monotonic()
    seen = watch.look(patience=0.1)
    assert time.monotonic() - begun < 5
    assert (seen.jobs, seen.problem) == (None, "`squeue` has not answered yet")
    answer.set()
    assert watch.look(patience=5).problem == ""


def test_where_there_is_no_slurm_nothing_is_said() -> None:
    assert QueueWatch(None).look() == QueueSeen()


# --- the page -----------------------------------------------------------------------------------------------------


@pytest.fixture
def page(lpad_file: Path) -> Callable[[QueueSeen], str]:
    """The page's text, with the queue as given."""

    class Fixed(QueueWatch):
        def __init__(self, seen: QueueSeen) -> None:
            super().__init__(None)
            self._seen = seen

    def text(seen: QueueSeen) -> str:
        with asked(lpad_file) as client:
            client.application.extensions["alflow.queue"] = Fixed(seen)
            answer = client.get("/workers")
            assert answer.status_code == 200
            return answer.text

    return text


def test_an_empty_page_says_how_to_start_workers(page: Callable[[QueueSeen], str]) -> None:
    text = page(NO_QUEUE)
    assert "No worker runs a step now." in text
    assert "alflow supervise" in text
    assert "SLURM's queue" not in text


def test_the_page_names_what_is_lost_and_the_remedy(
    page: Callable[[QueueSeen], str], lpad: LaunchPad, run: str
) -> None:
    take(lpad, "w1", "17")
    text = page(queue(Job("17", "NODE_FAIL", "x")))
    assert "its job 17 ended (NODE_FAIL) while it ran" in text
    assert "alflow recover" in text
    assert f'href="/run/{run}"' in text
    text = page(QueueSeen(problem="`squeue` did not answer within 60 s"))
    assert "`squeue` did not answer within 60 s" in text
    assert "node7" in text


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_workers_in_a_browser(
    scheme: str, lpad_file: Path, lpad: LaunchPad, run: str, browse: Callable[..., Watched]
) -> None:
    with served(lpad_file) as address:
        window = browse(address, color_scheme=scheme)
        page = window.open("/workers")
        page.get_by_text("No worker runs a step now.").wait_for()
        assert window.serious() == []
        take(lpad, "worker-of-the-test")
        page.get_by_role("rowheader", name="worker-of-the-test").wait_for()  # by itself
        assert window.serious() == []
        page.set_viewport_size({"width": 390, "height": 800})
        assert not window.wide()
        assert window.serious() == []


def test_the_filled_database(client: FlaskClient, world: World) -> None:
    text = client.get("/workers").text
    assert "No worker runs a step now." in text
    assert ">dft<" in text
