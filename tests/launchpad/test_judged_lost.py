"""What counts as lost, from values alone: no database, no queue."""

from __future__ import annotations

import dataclasses
import datetime
import os
import socket

import pytest
import typer

from launchpad.cli.keep import _caps
from launchpad.fizzled import machine_cause
from launchpad.held import Held, Patience, why_lost
from launchpad.reconcile import Seen
from launchpad.slurm_queue import Job, QueueProblem, count, parse_jobs
from launchpad.workers import process_name

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
PATIENCE = Patience(moments=60.0, pings=600.0)
RUNNING = Held("run", 1, "dft", "run:0:dft-00", "RUNNING", 7, "RUNNING", "12", "here", "node", NOW)
RESERVED = dataclasses.replace(RUNNING, state="RESERVED", launch_state="RESERVED")


def judged(held: Held, state: str | None = None, age: float = 1e6, **more: object) -> str | None:
    jobs = {} if state is None else {"12": Job("12", state, "alflow-dft")}
    later = NOW + datetime.timedelta(seconds=age)
    return why_lost(held, jobs, later, PATIENCE, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "A_STATE_TO_COME"])
def test_a_job_that_goes_on_is_never_touched_however_late_its_pings(state: str) -> None:
    assert judged(RUNNING, state) is None
    assert judged(RESERVED, state) is None


@pytest.mark.parametrize("state", ["CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "COMPLETED", None])
def test_a_job_that_is_over_has_lost_what_it_had(state: str | None) -> None:
    assert "while it ran" in str(judged(RUNNING, state))
    assert "before it began" in str(judged(RESERVED, state, age=0))


def test_a_requeued_job_has_lost_what_ran_and_not_what_waits() -> None:
    assert "put back into the queue" in str(judged(RUNNING, "PENDING"))
    assert judged(RESERVED, "PENDING") is None


def test_without_a_queue_or_with_jobs_of_another_cluster_nothing_is_known() -> None:
    assert why_lost(RUNNING, None, NOW, PATIENCE) is None
    assert judged(RUNNING, None, workers={"there"}) is None
    assert judged(RUNNING, None, workers={"here"}) is not None


def test_a_worker_outside_a_job_is_judged_by_its_process_here_and_by_pings_elsewhere() -> None:
    alone = dataclasses.replace(RUNNING, job=None, worker="somebody")
    assert judged(alone, age=599) is None
    assert "not heard of" in str(judged(alone, age=601))
    ours = dataclasses.replace(alone, worker=process_name(os.getpid()))
    assert judged(ours) is None  # pings are late, and it runs
    dead = dataclasses.replace(alone, worker=f"alflow-{socket.gethostname()}-4194305-1")
    assert "gone" in str(judged(dead, age=0))
    named_like_a_host = dataclasses.replace(alone, worker=f"alflow-{socket.gethostname()}-ml")
    assert judged(named_like_a_host, age=1) is None


def test_half_made_reservations_are_given_the_time_that_they_take() -> None:
    bare = dataclasses.replace(RESERVED, launch_id=None, launch_state=None, job=None)
    unsubmitted = dataclasses.replace(RESERVED, job=None)
    done = dataclasses.replace(RUNNING, launch_state="COMPLETED")
    for held in (bare, unsubmitted, done):
        assert judged(held, age=59) is None
        assert judged(held, age=61) is not None


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ("al_workflows.errors.EnvironmentProblem: the attempt was told to stop", True),
        ("pymongo.errors.AutoReconnect: 127.0.0.1:27017: connection closed", True),
        ("OSError: [Errno 28] No space left on device: '/tmp/x'", True),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'x'", False),
        ("al_workflows.errors.InputError: `cutoff` is -1", False),
        ("ValueError: EnvironmentProblem: said somebody", False),
        ("GivenUp: lost 5 times", False),
    ],
)
def test_what_fizzled_with_the_machine(line: str, lost: bool) -> None:
    trace = f'Traceback (most recent call last):\n  File "x", line 1, in f\n    g()\n{line}\n'
    launch = {"state": "FIZZLED", "action": {"stored_data": {"_exception": {"_stacktrace": trace}}}}
    assert (machine_cause(launch) == line) is lost
    assert (machine_cause(launch) is None) is not lost


def test_a_fizzled_launch_without_traceback_is_a_loss() -> None:
    assert machine_cause({"state": "FIZZLED", "action": None}) == "its worker was lost"


def test_squeue_is_read_or_refused() -> None:
    jobs = parse_jobs("12|RUNNING|alflow-dft\n 13|PENDING|a|b \n13|PENDING|a|b\n14|COMPLETED|x\n\n")
    assert jobs["12"] == Job("12", "RUNNING", "alflow-dft")
    assert jobs["13"].name == "a|b"
    assert jobs["14"].over
    assert count(jobs, "alflow-dft") == 1
    assert count(jobs, "alflow-dft", {"13", "14"}) == 3
    assert parse_jobs("") == {}
    for text in ("slurm_load_jobs error: Unable to contact", "12|RUNNING", "JOBID|STATE|NAME"):
        with pytest.raises(QueueProblem, match="is no job"):
            parse_jobs(text)


def test_a_second_look_counts_only_what_stayed_the_same() -> None:
    seen = Seen()
    assert seen.for_seconds(["a"]) == {"a": 0.0}
    assert seen.for_seconds(["a", "b"])["a"] >= 0
    seen.for_seconds([])
    assert seen.for_seconds(["a"]) == {"a": 0.0}


def test_caps() -> None:
    assert _caps([]) == ({}, 20)
    assert _caps(["4", "dft=50"]) == ({"dft": 50}, 4)
    with pytest.raises(typer.BadParameter, match="dft=many"):
        _caps(["dft=many"])
