"""One real relaxation of ours and of a peer, from the same start."""

from __future__ import annotations

from pathlib import Path

import pytest

from al_workflows.benchmark.choices import seeds_of, systems_of
from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.peers import PEERS
from al_workflows.benchmark.relax import Task
from al_workflows.benchmark.relaxed import Relaxed
from al_workflows.benchmark.systems import PaperSystem, draw
from al_workflows.benchmark.variants import Variant, variants_of
from al_workflows.errors import InputError

QUICK = {
    "potential": {"members": 1, "hidden": [8], "descriptor": {"g4_eta": []}},
    "simulation": {"confirm_minimum": "never"},
}


def test_ours_is_counted_as_a_peer_is() -> None:
    mine = Task(PaperSystem(), 0, Variant("quick", "", QUICK), 0.05).run()
    other = Task(PaperSystem(), 0, PEERS["BFGS"], 0.05).run()
    assert mine.energies[0] == other.energies[0]  # the same start
    assert mine.converged
    assert mine.fmax[-1] <= 0.05 < min(mine.fmax[:-1])
    assert mine.end_energy == mine.energies[-1]
    assert mine.calls == mine.rounds < other.calls
    assert mine.seconds.keys() == {"train", "simulate", "query", "parent"}
    assert mine.ground is not None
    assert mine.ground.energy <= (mine.end_energy or 0.0)
    assert Relaxed.from_dict(mine.to_dict()).to_dict() == mine.to_dict()


def test_rounds_are_fewer_than_calls_in_batches_and_a_spent_budget_is_said() -> None:
    changes = QUICK | {"query": {"kind": "random", "batch": 3}, "termination": {"max_cycles": 2}}
    one = Task(PaperSystem(), 0, Variant("batch", "", changes), 0.001).run()
    assert (one.outcome, one.rounds, one.calls) == (Outcome.CALLS_SPENT, 3, 7)
    assert one.remark.startswith("BUDGET_SPENT: ")
    assert one.ground is None
    assert one.end_energy == min(one.energies)


def test_variants_change_what_they_say(tmp_path: Path) -> None:
    found = {variant.name: variant.spec(0.03, 7) for variant in variants_of(["ablation", "batch-4"])}
    assert found["default"].seed == 7
    assert found["default"].target_fmax == 0.03
    assert found["one-network"].potential.members == 1
    assert found["no-prior"].potential.prior.kind == "none"
    assert found["paper"].potential.training.kind == "paper"
    assert found["paper"].query.model_dump() == {"kind": "final_random", "batch": 2}
    assert getattr(found["no-trust-radius"].simulation, "trust_radius", 0) is None
    assert getattr(found["batch-4"].query, "single_points", None) == 4
    (tmp_path / "mine.yaml").write_text("simulation: {trust_radius: 0.4}\n")
    (mine,) = variants_of([str(tmp_path / "mine.yaml")])
    assert mine.name == "mine"
    assert getattr(mine.spec(0.05, 0).simulation, "trust_radius", 0) == 0.4
    (tmp_path / "bad.yaml").write_text("simulation: {trust: 0.4}\n")
    with pytest.raises(InputError, match=r"variant bad: `simulation.trust` is not a key"):
        variants_of([str(tmp_path / "bad.yaml")])
    with pytest.raises(InputError, match=r"variant 'defalt' is not known; give some of default, .*batch-N"):
        variants_of(["defalt"])


def test_systems_are_named_or_counted() -> None:
    names = [system.name for system in draw(2020, 8)]
    assert [system.name for system in systems_of(["paper", "drawn"])] == ["paper", *names]
    assert [system.name for system in systems_of(["drawn:2-3", names[2]])] == names[2:4]
    assert [system.name for system in systems_of(["drawn:2"], 1)] == [system.name for system in draw(1, 2)]
    for bad in ("drawn:0", "drawn:4-3", "drawn:999", "papers", "CO-Cu"):
        with pytest.raises(InputError, match=f"'{bad}'"):
            systems_of([bad])


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [0, 1, 2]), ("5-7", [5, 6, 7]), ("0,3,3", [0, 3]), ("1-2,9", [1, 2, 9]), ("0,", None)]
)
def test_seeds(text: str, seeds: list[int] | None) -> None:
    if seeds is None:
        with pytest.raises(InputError, match="`seeds` is '0,'"):
            seeds_of(text)
    else:
        assert seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "0", "ten", "3-1", "-1", "1.5"])
def test_no_seeds(text: str) -> None:
    with pytest.raises(InputError, match="`seeds` is "):
        seeds_of(text)
