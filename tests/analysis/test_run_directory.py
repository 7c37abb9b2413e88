"""What an in-process run keeps: all that a report needs, at every moment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.history import RunHistory
from al_workflows.records import Cycle, Label, Request
from al_workflows.run_directory import read_run_directory
from al_workflows.termination import Progress
from tests.analysis.conftest import answer
from tests.builders import run_spec, slab


def by_emt(request: Request, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), directory=directory)


class Stop(Exception):
    """Ends a run from outside."""


def stop_after(last: int) -> offline.Listener:
    def listen(cycle: Cycle, _: Progress) -> None:
        if cycle.index == last:
            raise Stop

    return listen


def test_it_holds_what_the_run_returned(history: RunHistory, run_directory: Path, tmp_path: Path) -> None:
    result = offline.run(history.spec, history.start, tmp_path, labeller=answer)
    assert history.run == result.run
    assert history.verdict == result.verdict
    assert history.state == result.verdict.kind.value
    assert [cycle.verdict for cycle in history.cycles] == [cycle.verdict for cycle in result.cycles]
    for kept, one in zip(history.labels, result.labels, strict=True):
        assert (kept.key, kept.energy, kept.status) == (one.key, one.energy, one.status)
    assert list(history.pools) == list(range(1, len(result.cycles)))
    for label in history.labels[1:]:
        frame = history.pools[label.cycle].frame(label.request.pool_index or 0)
        assert np.array_equal(frame.positions, label.atoms.positions)
    assert history.versions["numpy"] == np.__version__


def test_an_unfinished_run_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        offline.run(run_spec(), slab(2.4, seed=0), tmp_path, labeller=by_emt, listener=stop_after(1))
    found = read_run_directory(tmp_path)
    assert (found.state, len(found.cycles), len(found.labels), list(found.pools)) == ("UNFINISHED", 2, 2, [1])
    assert found.verdict is None
    assert found.answer is not None


def test_cycles_of_an_earlier_run_are_not_mixed_in(tmp_path: Path) -> None:
    start = slab(2.4, seed=0)
    with pytest.raises(Stop):
        offline.run(run_spec(), start, tmp_path, labeller=by_emt, listener=stop_after(2))
    with pytest.raises(Stop):
        offline.run(run_spec(seed=2), start, tmp_path, labeller=by_emt, listener=stop_after(0))
    found = read_run_directory(tmp_path)
    assert found.spec.seed == 2
    assert (len(found.cycles), len(found.labels), found.pools) == (1, 1, {})


def test_a_directory_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.json"):
        read_run_directory(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"run": "x"})[:-1])
    with pytest.raises(EnvironmentProblem, match="damaged"):
        read_run_directory(tmp_path)
    for foreign in ({"run": "x"}, ["run"]):
        (tmp_path / "run.json").write_text(json.dumps(foreign))
        with pytest.raises(InputError, match="not a run of this program"):
            read_run_directory(tmp_path)


def test_a_damaged_pool_is_named(run_directory: Path, tmp_path: Path) -> None:
    shutil.copytree(run_directory, tmp_path / "copy")
    pool = tmp_path / "copy" / "0002" / "pool.npz"
    pool.write_bytes(pool.read_bytes()[:100])
    with pytest.raises(EnvironmentProblem, match=r"0002/pool\.npz is damaged"):
        read_run_directory(tmp_path / "copy")
