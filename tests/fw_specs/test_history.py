"""A run's history from the database is that of the same run in a directory, at any stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import launch_rocket

from al_workflows import offline
from al_workflows.analysis.report import write_report
from al_workflows.errors import InputError
from al_workflows.results import run_id
from al_workflows.run_directory import read_run_directory
from fw_specs.store import Store
from fw_specs.submit import submit
from launchpad.status import read_history
from tests.builders import run_spec, slab
from tests.fw_specs.test_run import numbers, work


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.workflow
def test_database_and_directory_hold_the_same_history(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(query={"kind": "random", "batch": 2}), slab(2.4, seed=0)
    run = run_id(spec, start)
    submit(lpad, spec, start, tmp_path / "work")
    fresh = read_history(lpad, run)
    assert (fresh.state, fresh.labels, fresh.cycles, fresh.pools) == ("WAITING", (), (), {})
    assert fresh.versions["numpy"] == np.__version__
    assert write_report(fresh, tmp_path / "fresh").is_file()
    launch_rocket(lpad, FWorker())
    assert (read_history(lpad, run).state, read_history(lpad, run).dft_calls) == ("WAITING", 1)
    work(lpad, tmp_path)
    stored = read_history(lpad, run[:6])
    offline.run(spec, start, tmp_path / "direct")
    direct = read_run_directory(tmp_path / "direct")
    assert stored.state == direct.state == "CONVERGED"
    assert stored.remark == direct.remark
    assert numbers(stored.labels) == numbers(direct.labels)
    assert stored.spec == direct.spec
    assert dict(stored.rejected) == dict(direct.rejected)
    assert list(stored.pools) == list(direct.pools)
    for ours, theirs in zip(stored.pools.values(), direct.pools.values(), strict=True):
        assert np.array_equal(ours.positions, theirs.positions)
        assert np.array_equal(ours.energies, theirs.energies)


@pytest.mark.workflow
def test_a_run_that_stopped_says_where(lpad: LaunchPad, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    submit(lpad, spec, start, tmp_path / "work")
    lpad.db["al_cycles"].delete_many({})
    work(lpad, tmp_path)
    history = read_history(lpad, run_id(spec, start))
    assert history.state == "FIZZLED"
    assert "selection" in history.remark
    assert "selection" in write_report(history, tmp_path / "page").read_text()


@pytest.mark.workflow
def test_runs_that_were_stored_before_versions_were_kept(lpad: LaunchPad, tmp_path: Path) -> None:
    store = Store(lpad.db)
    store.add_run("old", run_spec(), slab(), tmp_path)
    lpad.db["al_runs"].update_many({}, {"$unset": {"versions": 1}})
    assert store.history("old").versions == {}
    with pytest.raises(InputError, match="nowhere"):
        read_history(lpad, "nowhere")
