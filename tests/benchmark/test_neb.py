"""The barrier benchmark on a small path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from al_workflows.benchmark.cache import Cache
from al_workflows.benchmark.neb import PATH_VARIANTS, PathRun, PathTask, path_methods_of
from al_workflows.benchmark.neb_peers import PATH_PEERS
from al_workflows.benchmark.neb_systems import PATHS, PathSystem, paths_of
from al_workflows.benchmark.neb_tables import document, rows
from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.work import results
from al_workflows.errors import InputError

SMALL = PathSystem("small", "Cu", "100", (2, 2, 2), "O", 1.2, 1 / 3)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[PathRun]:
    tasks = [PathTask(SMALL, 0, method) for method in (PATH_PEERS["CI-NEB-BFGS"], PATH_VARIANTS["default"])]
    cache = Cache(tmp_path_factory.mktemp("cache"))
    found = results(tasks, PathRun, cache)
    assert [run.to_dict() for run in results(tasks, PathRun, cache)] == [run.to_dict() for run in found]
    return found


def test_ours_takes_a_fraction_of_the_calls_and_is_as_right(runs: list[PathRun]) -> None:
    peer, ours = runs
    assert peer.outcome is ours.outcome is Outcome.CONVERGED
    assert peer.truth == ours.truth
    assert ours.calls <= 14 < peer.calls / 2
    for run in runs:
        assert run.error is not None
        assert abs(run.error) < 0.005


def test_the_table_counts_what_failed(runs: list[PathRun]) -> None:
    failed = replace(runs[1], seed=1, outcome=Outcome.CALLS_SPENT, barrier=None, remark="why")
    off = replace(runs[1], seed=2, barrier=runs[1].truth + 0.006)
    peer, ours = rows([*runs, failed, off])
    assert (peer.converged, ours.converged) == ("1/1", "2/3")
    assert ours.by_seed[1] == "–"
    assert ours.wrong == 1
    assert ours.worst_error == pytest.approx(6.0)
    text = document([*runs, failed, off], "alflow benchmark neb").markdown()
    assert "| small | 1 | default | calls spent | why |" in text


def test_the_systems_of_one_seed_differ_from_those_of_another() -> None:
    for system in PATHS.values():
        initial, final = system.ends(0)
        assert (initial.positions == system.ends(0)[0].positions).all()
        assert (initial.positions != system.ends(1)[0].positions).any()
        fixed = initial.constraints[0].index
        assert initial.positions[fixed] == pytest.approx(final.positions[fixed])


def test_names_that_are_not_known_are_refused() -> None:
    assert paths_of(["all"]) == list(PATHS.values())
    assert len(path_methods_of(["all"], ["none"])) == len(PATH_VARIANTS)
    for call in (
        lambda: paths_of(["nowhere"]),
        lambda: path_methods_of(["nobody"], ["none"]),
        lambda: path_methods_of(["none"], ["nobody"]),
    ):
        with pytest.raises(InputError, match="is not known"):
            call()
    with pytest.raises(InputError, match="nobody to find a barrier"):
        path_methods_of(["none"], ["none"])
