"""What a campaign costs, on a real mongod of the benchmark's own and by real `rlaunch` processes."""

from __future__ import annotations

import pytest

from al_workflows.benchmark.campaign import InProcess, document, efficiency_rows, members
from launchpad import benchmark_campaign
from launchpad.benchmark_campaign import scale, work_off
from tests.launchpad.test_rlaunch import ENVIRONMENT

pytestmark = pytest.mark.workflow


@pytest.fixture(autouse=True)
def for_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, ENVIRONMENT[name])


def test_members_differ() -> None:
    found = members(60, 1.0)
    assert len({member.key for member in found}) == len({member.run for member in found}) == 60
    assert {member.tags["bulk"] for member in found} == {"Cu0000", "Pt0001", "Ni0002"}


def test_many_members_on_a_small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_campaign, "REPEATS", 1)
    told: list[str] = []
    found = scale(24, told.append)
    assert {row.members for row in found.calls} == {24}
    assert all(row.wall > 0 for row in found.calls)
    assert {row.collection: row.documents for row in found.sizes}["al_members"] == 24
    assert len(told) == len(found.calls)


def test_two_members_are_worked_off_and_set_beside_the_ideal() -> None:
    found = work_off(2, 0.0, 2)
    assert (found.members, found.converged, found.workers) == (2, 2, 2)
    assert found.calls >= 4
    assert found.workers_cpu > 0
    assert found.wall > found.recorded / 2
    here = InProcess(members=1, seconds=3.0, calls=3)
    first, second = efficiency_rows(found, here)
    assert first.total == pytest.approx(found.calls)
    assert first.ideal == max(first.share, first.longest)
    assert second.longest == found.longest_recorded
    assert "## Worked off" in document([], [], found, here, {}, "alflow benchmark campaign").markdown()
