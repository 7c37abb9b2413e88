"""What the dashboard takes, on a real mongod of the benchmark's own, by a real server and a real browser."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from fireworks import LaunchPad

from al_workflows.benchmark.dashboard import document
from al_workflows.campaign.states import Limits
from fw_specs.campaign_store import CampaignStore
from fw_specs.campaign_submit import submit_members
from fw_specs.store import Store
from launchpad import benchmark_dashboard, benchmark_dashboard_data
from launchpad.benchmark_dashboard import measure
from launchpad.benchmark_dashboard_data import end_members, members
from launchpad.dashboard.data.members import read_members
from tests.launchpad.test_rlaunch import ENVIRONMENT


def test_members_are_a_campaign_s_with_their_references() -> None:
    found = members(700)
    keys = [member.key for member in found]
    assert len(set(keys)) == len({member.run for member in found}) == 700
    assert {role: sum(member.role == role for member in found) for role in ("molecule", "slab", "adsorption")} == {
        "molecule": 20,
        "slab": 100,
        "adsorption": 580,
    }
    assert all(reference in keys for member in found for reference in member.references)


@pytest.mark.workflow
def test_what_has_ended_reads_as_what_checks_leave(lpad: LaunchPad, tmp_path: Path) -> None:
    submit_members(lpad, "c", members(400), tmp_path, Limits())
    store = CampaignStore(lpad.db)
    end_members(lpad, "c", list(store.find("c"))[:300], 10.0)
    found = read_members(lpad, "c")
    ended = [row for row in found.rows if row.outcome.state.ended]
    assert len(ended) == 300
    assert sum(row.entry.adsorption_energy is not None for row in ended) > 100
    for row in ended:
        cycles = Store(lpad.db).cycles(row.outcome.run)
        assert row.outcome.calls == len(cycles) == (row.cycles or 0) + 1
        assert cycles[-1].fmax == row.outcome.fmax
        assert (row.outcome.fmax <= (row.target or 0)) == (row.outcome.state == "CONVERGED")
        assert all((a.fmax or 0) > (b.fmax or 0) for a, b in pairwise(cycles))
    times = [row.ended for row in ended if row.ended is not None]
    assert times == sorted(times)
    assert len(times) == 300


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed")
def test_a_small_campaign_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    monkeypatch.setattr(benchmark_dashboard, "LOADS", 1)
    monkeypatch.setattr(benchmark_dashboard, "REPEATS", 6)
    monkeypatch.setattr(benchmark_dashboard_data, "LONG_CYCLES", 1)
    told: list[str] = []
    with ThreadPoolExecutor(1) as alone:  # where no other test's browser goes on
        found = alone.submit(measure, 300, 2, 5.0, told.append).result()
    assert [row.page for row in found.loads] == ["campaign", "run", "campaigns", "runs"]
    assert all(0 < row.shown <= row.interactive for row in found.loads)
    for row in (*found.alone, *found.together):
        assert row.failed == 0
        assert 0 < row.median <= row.most <= row.worst
    assert {"has it changed?", "campaign page"} <= {row.what for row in found.together}
    assert found.memory["at most"] >= found.memory["after its start"] > 0
    text = document(found.loads, found.alone, found.together, 2, {}, "alflow benchmark dashboard").markdown()
    assert "## 2 viewers at once" in text
