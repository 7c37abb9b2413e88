"""A path through FireWorks on a real mongod gives the numbers of the loop in process, and is known with both ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from fireworks import FWorker, LaunchPad
from fireworks.core.rocket_launcher import rapidfire

from al_workflows import offline
from al_workflows.records import VerdictKind
from al_workflows.results import run_id, write_result
from al_workflows.run_directory import read_run_directory
from fw_specs.store import Store
from fw_specs.submit import submit
from tests.bands import hop, neb_spec
from tests.fw_specs.test_run import numbers


@pytest.mark.workflow
def test_a_path_through_fireworks_gives_the_numbers_of_the_loop_in_process(
    lpad: LaunchPad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec, (initial, final) = neb_spec(), hop(seed=0)
    assert submit(lpad, spec, initial, tmp_path / "work", final)
    scratch = tmp_path / "launchers"
    scratch.mkdir()
    rapidfire(lpad, FWorker(), m_dir=str(scratch), sleep_time=0)
    run, store = run_id(spec, initial, final), Store(lpad.db)
    stored = store.result(run)
    assert stored is not None
    direct = offline.run(spec, initial, tmp_path / "direct", final=final)
    assert stored.verdict.kind is VerdictKind.CONVERGED
    assert stored.verdict == direct.verdict
    assert numbers(stored.labels) == numbers(direct.labels)
    seconds = {"seconds": None}
    assert stored.summary() | seconds == direct.summary() | seconds
    for result, name in ((stored, "a"), (direct, "b")):
        write_result(result, tmp_path / name)
    assert (tmp_path / "a" / "band.extxyz").read_text() == (tmp_path / "b" / "band.extxyz").read_text()
    assert (tmp_path / "work" / "band.extxyz").is_file()

    kept, filed = store.history(run), read_run_directory(tmp_path / "direct")
    for history in (kept, filed):
        assert history.final is not None
        assert history.final.positions.tolist() == final.positions.tolist()
        assert list(history.bands) == list(range(1, len(history.cycles)))
        assert history.relaxations == {}
