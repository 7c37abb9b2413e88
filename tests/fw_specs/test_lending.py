"""Labels lent from run to run through a database."""

from __future__ import annotations

from pathlib import Path

import pytest
from fireworks import LaunchPad

from al_workflows import offline
from al_workflows.records import VerdictKind
from al_workflows.results import run_id
from fw_specs.lending import borrow, borrowed, borrowed_keys
from fw_specs.store import Store
from fw_specs.submit import submit
from fw_specs.tasks import lending_potential
from tests.builders import run_spec, slab
from tests.fw_specs.test_run import in_a_directory_of_its_own, numbers, through_fireworks, work

__all__ = ["in_a_directory_of_its_own"]  # a fixture

pytestmark = pytest.mark.workflow
SHARING = run_spec(sharing={})


def test_a_run_learns_from_those_before_it(lpad: LaunchPad, tmp_path: Path) -> None:
    first = through_fireworks(lpad, SHARING, slab(2.2, seed=1), tmp_path, "first")
    assert borrowed_keys(lpad.db, first.run) == []
    second = through_fireworks(lpad, SHARING, slab(1.9, seed=2), tmp_path, "second")
    assert second.verdict.kind is VerdictKind.CONVERGED
    assert second.dft_calls < first.dft_calls
    assert second.borrowed == tuple(one.key for one in first.labels)
    assert second.cycles[0].dft_calls == 0
    # the same without a database
    alone = offline.run(SHARING, slab(1.9, seed=2), tmp_path / "alone", borrowed=first.labels)
    assert numbers(alone.labels) == numbers(second.labels)


def test_what_is_borrowed_is_chosen_once(lpad: LaunchPad, tmp_path: Path) -> None:
    through_fireworks(lpad, SHARING, slab(2.2, seed=1), tmp_path, "first")
    start = slab(1.9, seed=2)
    submit(lpad, SHARING, start, tmp_path / "second")
    run = run_id(SHARING, start)
    before = [one.key for one in borrow(lpad.db, run, SHARING, start)]
    through_fireworks(lpad, SHARING, slab(2.0, seed=3), tmp_path, "third")
    assert [one.key for one in borrow(lpad.db, run, SHARING, start)] == before
    assert [one.key for one in borrowed(lpad.db, run)] == before


def test_who_does_not_lend(lpad: LaunchPad, tmp_path: Path) -> None:
    through_fireworks(lpad, run_spec(), slab(2.2, seed=1), tmp_path, "first")

    def lent(start: object = None, **changes: object) -> int:
        spec = run_spec(**{"sharing": {}, **changes})
        return len(borrow(lpad.db, f"asks-{len(str(changes))}-{start is None}", spec, start or slab(1.9)))  # type: ignore[arg-type]

    assert lent() > 0  # a run need not learn itself to lend
    assert lent(dft={"kind": "ase", "calculator": "ase.calculators.lj.LennardJones"}) == 0
    nitrogen = slab(1.9)
    nitrogen.symbols[-1] = "N"
    assert lent(nitrogen) == 0  # O is not among its elements
    assert borrow(lpad.db, "off", run_spec(), slab(1.9)) == []


def test_at_most_so_many(lpad: LaunchPad, tmp_path: Path) -> None:
    first = through_fireworks(lpad, run_spec(), slab(2.2, seed=1), tmp_path, "first")
    spec = run_spec(sharing={"labels": 2})
    assert [one.key for one in borrow(lpad.db, "few", spec, slab(1.9))] == [first.labels[0].key, first.labels[-1].key]


def test_the_store_says_what_was_borrowed(lpad: LaunchPad, tmp_path: Path) -> None:
    first = through_fireworks(lpad, run_spec(), slab(2.2, seed=1), tmp_path, "first")
    second = through_fireworks(lpad, SHARING, slab(1.9, seed=2), tmp_path, "second")
    result = Store(lpad.db).result(second.run)
    assert result is not None
    assert result.summary()["borrowed"] == len(first.labels)


def test_networks_begin_with_a_lenders_weights(lpad: LaunchPad, tmp_path: Path) -> None:
    networks = {"hidden": [5], "members": 2, "training": {"kind": "lbfgs", "warm_start": True, "max_iterations": 50}}
    warm = run_spec(sharing={}, potential=networks, termination={"max_cycles": 1})
    first = through_fireworks(lpad, warm, slab(2.2, seed=1), tmp_path, "first")
    store = Store(lpad.db)
    assert lending_potential(store, warm, first.labels) is not None
    assert lending_potential(store, warm, ()) is None
    assert lending_potential(store, SHARING, first.labels) is None  # nothing of it would be used
    second = through_fireworks(lpad, warm, slab(1.9, seed=2), tmp_path, "second")
    assert second.borrowed
    assert store.last_potential(second.run) is not None


def test_rerunning_what_has_borrowed_changes_nothing(lpad: LaunchPad, tmp_path: Path) -> None:
    through_fireworks(lpad, SHARING, slab(2.2, seed=1), tmp_path, "first")
    second = through_fireworks(lpad, SHARING, slab(1.9, seed=2), tmp_path, "second")
    through_fireworks(lpad, SHARING, slab(2.0, seed=3), tmp_path, "third")  # by now there is more to borrow
    for firework in list(lpad.fireworks.find({"spec.al_run": second.run}, {"fw_id": 1, "name": 1}).sort("fw_id")):
        lpad.rerun_fw(firework["fw_id"])
        work(lpad, tmp_path)
        again = Store(lpad.db).result(second.run)
        assert again is not None
        assert again.borrowed == second.borrowed, firework["name"]
        assert numbers(again.labels) == numbers(second.labels), firework["name"]
        assert lpad.fireworks.distinct("state") == ["COMPLETED"], firework["name"]
