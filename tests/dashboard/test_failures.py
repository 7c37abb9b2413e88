"""What failed, by cause: alike causes in one line, with what to do and where to look."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fireworks import LaunchPad
from flask.testing import FlaskClient

from al_workflows.records import LabelStatus, Verdict, VerdictKind, request_key
from al_workflows.results import run_id
from fw_specs.keys import CYCLES, LABELS, LOSSES, MEMBERS
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.dashboard import remedies
from launchpad.dashboard.data.failures import Example, read_failures
from launchpad.dashboard.topics import of_failures
from tests.builders import cycle, label, run_spec, slab
from tests.dashboard.browser import Watched
from tests.dashboard.conftest import asked, served
from tests.dashboard.world import SMALL, World


@pytest.fixture
def run(lpad: LaunchPad, tmp_path: Path) -> str:
    spec, start = run_spec(), slab(2.4, seed=0)
    assert submit(lpad, spec, start, tmp_path / "work")
    return run_id(spec, start)


def fail(lpad: LaunchPad, run: str, index: int, status: LabelStatus, cause: str, cycle: int = 3) -> None:
    """Store a label that failed."""
    one = label(slab(), cycle, index, status, cause=cause)
    request = dataclasses.replace(one.request, key=request_key(run, cycle, index))
    Store(lpad.db).put_label(run, dataclasses.replace(one, request=request))


def lose(lpad: LaunchPad, number: int, reason: str, *, outage: bool = False) -> None:
    fw_id = lpad.get_fw_ids()[0]
    at = datetime.datetime(2026, 1, number, 12, tzinfo=datetime.UTC)
    lpad.db[LOSSES].insert_one({"_id": number, "fw_id": fw_id, "reason": reason, "at": at, "outage": outage})


ALIKE = [
    (
        "SCF did not converge in 120 iterations (last change 3.1e-3 eV)",
        "SCF did not converge in 60 iterations (last change -7E+02 eV)",
    ),
    (
        "the force on atom 8 (O) is 412.3 eV/Å but must be at most 100 (`max_force`)",
        "the force on atom 12 (Cu) is 1e5 eV/Å but must be at most 100 (`max_force`)",
    ),
    ("cannot read /scratch/a/run-1a2b3c4d/0003/01/pw.out: empty", "cannot read /data/b/x/0000/00/pw.out: empty"),
    ("point relax-3802934a/0003/01 differs", "point neb-3802934b/0001/12 differs"),
    ("killed: job 1234 on node17", "killed: job 99 on node17"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_causes_that_differ_in_numbers_and_paths_are_alike(one: str, other: str) -> None:
    assert remedies.alike(one) == remedies.alike(other)
    assert remedies.alike(one) != one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("OSError: [Errno 28] No space left on device", "OSError: [Errno 5] Input/output error"),
        ("exit status 139 without a message", "exit status 1 without a message"),
        ("killed by SIGKILL (out of memory?)", "killed by SIGSEGV"),
        ("LAPACK dsyev failed", "LAPACK dpotrf failed"),
    ],
)
def test_causes_that_differ_in_what_they_are_stay_apart(one: str, other: str) -> None:
    assert remedies.alike(one) != remedies.alike(other)


@pytest.mark.parametrize(
    "cause", ["a" * 50_000, "1" * 50_000, "/" * 50_000, "0a" * 25_000, "1." * 20_000, "a/" * 20_000]
)
def test_a_cause_that_is_long_takes_no_time(cause: str) -> None:
    begun = time.process_time()
    remedies.alike(cause)
    for kind in (remedies.POINTS, remedies.RUNS, remedies.STEPS, remedies.LOSSES):
        remedies.remedy(kind, f"crashed {cause}")
    assert time.process_time() - begun < 2


REMEDIES = [
    (remedies.POINTS, "scf_not_converged SCF did not converge", "scf_retries"),
    (remedies.POINTS, "geometry_rejected the force on atom 3 (O) is 400 eV/Å", "trust_radius"),
    (remedies.POINTS, "geometry_rejected atoms 8 and 3 are 0.61 Å apart", "min_distance"),
    (remedies.POINTS, "timed_out stopped after 3600 s (`timeout`)", "dft.timeout"),
    (remedies.POINTS, "crashed killed by SIGKILL (out of memory?)", "more memory"),
    (remedies.POINTS, "crashed lost 5 times before it ended (killed, node or disk gone)", "label.json"),
    (remedies.POINTS, "crashed Error in routine readpp (2): file not found", "ESPRESSO_PSEUDO"),
    (remedies.POINTS, "crashed it broke", "attempt_<n>"),
    (remedies.RUNS, "BUDGET_SPENT 100 DFT calls were made (allowed: 100)", "max_dft_calls"),
    (remedies.RUNS, "BUDGET_SPENT 50 cycles were run (allowed: 50)", "max_cycles"),
    (remedies.RUNS, "STALLED 5 cycles brought no lower DFT fmax", "trust_radius"),
    (remedies.STEPS, "FIZZLED OSError: [Errno 28] No space left on device", "give space"),
    (remedies.STEPS, "outage pymongo.errors.AutoReconnect: connection closed", "database was away"),
    (remedies.STEPS, "FIZZLED al_workflows.errors.InputError: the directory is not marked", "alflow rerun"),
    (remedies.LOSSES, "LOST its job 12 ended (TIMEOUT) while it ran", "walltime"),
    (remedies.LOSSES, "LOST its job 12 ended (OUT_OF_MEMORY) while it ran", "memory"),
    (remedies.LOSSES, "LOST its worker on this machine is gone", "run again by itself"),
]


@pytest.mark.parametrize(("kind", "cause", "said"), REMEDIES)
def test_what_to_do(kind: str, cause: str, said: str) -> None:
    assert said in remedies.remedy(kind, cause)


def test_nothing_has_failed(lpad: LaunchPad, lpad_file: Path, run: str) -> None:
    assert not any(read_failures(lpad, None).groups.values())
    with asked(lpad_file) as client:
        assert "Nothing has failed." in client.get("/failures").text


def test_what_failed_is_grouped_counted_and_linked(lpad: LaunchPad, lpad_file: Path, run: str) -> None:
    for index in range(5):
        fail(lpad, run, index, LabelStatus.SCF_NOT_CONVERGED, f"SCF did not converge in {index} iterations")
    fail(lpad, run, 7, LabelStatus.CRASHED, "SCF did not converge in 3 iterations")
    fail(lpad, run, 8, LabelStatus.OK, "SCF converged only with mixing 0.1")
    stalled = Verdict(VerdictKind.STALLED, criterion="stall", reason="5 cycles brought no lower DFT fmax than 0.3 eV/Å")
    Store(lpad.db).put_cycle(run, dataclasses.replace(cycle(4), verdict=stalled))
    Store(lpad.db).put_cycle(run, cycle(3))
    for number, outage in ((1, False), (2, False), (3, True)):
        lose(lpad, number, f"its job {number} ended (TIMEOUT) while it ran", outage=outage)
    found = read_failures(lpad, None)
    assert [(one.tag, one.count) for one in found.groups[remedies.POINTS]] == [("scf_not_converged", 5), ("crashed", 1)]
    first = found.groups[remedies.POINTS][0]
    assert first.cause == "SCF did not converge in … iterations"
    assert first.last is None
    assert all(isinstance(one, Example) and one.cycle == 3 for one in first.examples)
    assert [(one.tag, one.count) for one in found.groups[remedies.RUNS]] == [("STALLED", 1)]
    assert [(one.tag, one.count) for one in found.groups[remedies.LOSSES]] == [("LOST", 2), ("outage", 1)]
    assert found.groups[remedies.LOSSES][0].last == datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
    with asked(lpad_file) as client:
        text = client.get("/failures").text
    assert f'href="/run/{run}/label/3/' in text
    assert "scf_retries" in text
    assert "a longer one (<code>alflow init --dft-walltime</code>)" in text


def test_a_campaign_alone(client: FlaskClient, world: World) -> None:
    whole = read_failures(world.launchpad, None)
    assert whole.number(remedies.POINTS) >= 3
    assert whole.number(remedies.STEPS) == 1
    own = read_failures(world.launchpad, SMALL)
    assert own.number(remedies.STEPS) == 0
    runs = set(world.launchpad.db[MEMBERS].distinct("run", {"campaign": SMALL}))
    assert {one.run for groups in own.groups.values() for group in groups for one in group.examples} <= runs
    text = client.get("/failures").text
    assert f'href="/run/{world.fizzled}"' in text
    assert "&lt;script&gt;document" in text
    assert world.fizzled not in client.get(f"/failures?campaign={SMALL}").text
    assert client.get("/failures?campaign=nothing").status_code == 404


def test_many_causes_are_paged(lpad: LaunchPad, lpad_file: Path, run: str) -> None:
    for number in range(70):
        fail(
            lpad, run, number, LabelStatus.CRASHED, f"subroutine {chr(97 + number % 26)}{chr(97 + number // 26)} failed"
        )
    with asked(lpad_file) as client:
        assert "All 70 causes" in client.get("/failures").text
        first, second = (client.get(f"/failures?kind=points&page={page}").text for page in (1, 2))
    assert (first.count("subroutine"), second.count("subroutine")) == (50, 20)


def test_the_looking_is_by_indexes(lpad: LaunchPad, run: str) -> None:
    asked_for = [
        (LABELS, {"status": {"$in": ["crashed", "unreadable"]}}),
        (LABELS, {"status": {"$in": ["crashed"]}, "run": {"$in": [run]}}),
        (CYCLES, {"closed.verdict.kind": {"$in": ["FAILED", "STALLED"]}}),
        ("fireworks", {"state": "FIZZLED"}),
        ("launches", {"state": {"$in": ["RUNNING", "RESERVED"]}}),
    ]
    for collection, where in asked_for:
        plan = lpad.db[collection].find(where).explain()["queryPlanner"]["winningPlan"]
        assert "COLLSCAN" not in str(plan), (collection, plan)
    assert Store(lpad.db).missing_indexes() == []
    before = of_failures(lpad, "")
    fail(lpad, run, 1, LabelStatus.CRASHED, "it broke")
    assert of_failures(lpad, "") != before


def test_thousands_are_read_within_a_second_or_two(lpad: LaunchPad, run: str) -> None:
    fail(lpad, run, 0, LabelStatus.CRASHED, "it broke")
    one = lpad.db[LABELS].find_one({"run": run}) or {}
    causes = [f"SCF did not converge in {number} iterations" for number in range(5000)]
    rows = [
        one | {"_id": f"{run}/9/{number}", "index": number, "status": "scf_not_converged", "cause": cause}
        for number, cause in enumerate(causes)
    ]
    lpad.db[LABELS].insert_many(rows)
    begun = time.perf_counter()
    (first, _) = read_failures(lpad, None).groups[remedies.POINTS]
    assert first.count == 5000
    assert time.perf_counter() - begun < 10


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_failures_in_a_browser(
    scheme: str, lpad_file: Path, lpad: LaunchPad, run: str, browse: Callable[..., Watched]
) -> None:
    with served(lpad_file) as address:
        window = browse(address, color_scheme=scheme)
        page = window.open("/failures")
        page.get_by_text("Nothing has failed.").wait_for()
        assert window.serious() == []
        fail(lpad, run, 0, LabelStatus.SCF_NOT_CONVERGED, "SCF did not converge in 12 iterations")
        lose(lpad, 1, "its worker on this machine is gone")
        page.get_by_text("SCF did not converge in … iterations").wait_for()  # by itself
        assert window.serious() == []
        page.set_viewport_size({"width": 390, "height": 800})
        assert not window.wide()
        assert window.serious() == []
