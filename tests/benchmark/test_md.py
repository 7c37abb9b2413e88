"""The dynamics benchmark: what is judged, on what, and the tables made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from al_workflows.benchmark import md, md_parent
from al_workflows.benchmark.cache import Cache
from al_workflows.benchmark.md import MdTask, MdTrial, MdVariant, md_trials, md_variants_of
from al_workflows.benchmark.md_figure import draw_errors
from al_workflows.benchmark.md_parent import parent_trajectory
from al_workflows.benchmark.md_systems import MD_SYSTEMS, MdSystem, md_systems_of
from al_workflows.benchmark.md_tables import document
from al_workflows.dictionaries import atoms_to_dict
from al_workflows.errors import InputError
from al_workflows.preflight import fixed_atoms
from al_workflows.records import VerdictKind
from launchpad.examples import copy_example

SMALL = MdSystem("Cu", "100", (2, 2, 2), "O", "hollow", 1.0)
SHORT = MdVariant("default", "short", {"simulation": {"steps": 60, "equilibration": 20, "stride": 5}})
GOOD, BAD = {"all": 0.01, "Cu": 0.01, "O": 0.02}, {"all": 0.01, "Cu": 0.01, "O": 0.2}


def trial(**changes: Any) -> MdTrial:
    fields: dict[str, Any] = {
        "system": "O-Cu100-3x3x3",
        "temperature": 300.0,
        "seed": 0,
        "variant": "default",
        "verdict": VerdictKind.CONVERGED,
        "reason": "",
        "calls": (1, 3, 7, 11),
        "errors": (BAD, GOOD, BAD, GOOD),
        "energies": (1.0, 0.1, 0.1, 0.01),
        "own": GOOD,
        "stops": ("uncertain", "max_steps", "max_steps"),
        "moved": 5000,
        "refused": 0,
        "radial": 0.05,
        "temperatures": (301.0, 299.0),
        "seconds": {"train": 1.0, "simulate": 10.0, "query": 0.1},
    }
    return MdTrial(**fields | changes)


def test_a_run_is_judged_on_a_trajectory_of_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(md_parent, "FRAMES", 10)
    parent_trajectory.cache_clear()
    task = MdTask(SMALL, 300.0, 0, SHORT)
    (made,) = md_trials([task], Cache(tmp_path))
    parent_trajectory.cache_clear()
    assert made.converged
    assert made.calls[0] == 1
    assert made.errors[0]["all"] > made.errors[-1]["all"] > 0
    assert made.errors[-1].keys() == {"all", "Cu", "O"}
    assert len(made.errors) == len(made.energies) == len(made.calls) == len(made.stops) + 1
    assert made.moved > 0
    told = []
    (again,) = md_trials(
        [task], Cache(tmp_path), listener=lambda one, stored, done, of: told.append((stored, done, of))
    )
    assert told == [(True, 1, 1)]
    assert again.to_dict() == made.to_dict()


def test_each_seed_has_a_trajectory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(md_parent, "FRAMES", 3)
    parent_trajectory.cache_clear()
    one, other = (parent_trajectory(SMALL, 300.0, seed) for seed in range(2))
    parent_trajectory.cache_clear()
    assert len(one.pool) == 3
    assert abs(one.pool.positions[0] - other.pool.positions[0]).max() > 0.05
    assert (one.pool.positions[:, :4] == SMALL.start().positions[:4]).all()
    task = MdTask(SMALL, 300.0, 0, SHORT)
    assert task.key() != replace(task, seed=1).key()


def test_calls_to_the_accuracy_count_from_where_it_stays() -> None:
    assert trial().calls_to_enough == 11
    assert trial(errors=(BAD, GOOD, GOOD, GOOD)).calls_to_enough == 3
    assert trial(errors=(GOOD, GOOD, GOOD, BAD)).calls_to_enough is None
    assert not trial(errors=(GOOD, GOOD, GOOD, BAD)).good  # one element is enough to spoil it


def test_tables(tmp_path: Path) -> None:
    tasks = [MdTask(MD_SYSTEMS["O-Cu100-3x3x3"], 300.0, seed, SHORT) for seed in range(3)]
    spent = trial(seed=2, verdict=VerdictKind.BUDGET_SPENT, calls=(1, 3, 7, 60), errors=(BAD,) * 4, own={})
    trials = [trial(), trial(seed=1, errors=(BAD, GOOD, GOOD, BAD)), spent]
    draw_errors(trials, tmp_path / "md.png")
    assert (tmp_path / "md.png").read_bytes().startswith(b"\x89PNG")
    page, data = document(tasks, trials, "command").write(tmp_path, "md")
    calls = json.loads(data.read_text())["tables"][0]["rows"][0]
    assert (calls["converged"], calls["false"], calls["calls"], calls["worst"]) == ("2/3", 1, 11, 60)
    assert "| ∞ | ∞ | 11.0 | 60 | 1 | 11 11 60 |" in page.read_text()
    assert "3 of 9 (uncertain 3)" in page.read_text()
    assert "| 2.00 |" in page.read_text()


@pytest.mark.parametrize("name", MD_SYSTEMS)
def test_systems_are_sound(name: str) -> None:
    (system,) = md_systems_of([name])
    start = system.start()
    assert start.symbols[-1] == system.adsorbate
    assert 0 < fixed_atoms(start) < len(start)
    assert system.name == name


def test_the_first_system_is_the_examples(tmp_path: Path) -> None:
    from al_workflows.spec_file import load_spec
    from al_workflows.structures import read_structure

    example = read_structure(load_spec(copy_example("md", tmp_path)).structure)
    system = atoms_to_dict(MD_SYSTEMS["O-Cu100-3x3x3"].start())
    shown = atoms_to_dict(example)
    assert (shown["numbers"], shown["constraints"]) == (system["numbers"], system["constraints"])
    assert example.positions == pytest.approx(MD_SYSTEMS["O-Cu100-3x3x3"].start().positions, abs=1e-7)


def test_names_that_are_not_known() -> None:
    assert len(md_systems_of(["all", "O-Cu100-3x3x3"])) == len(MD_SYSTEMS)
    with pytest.raises(InputError, match="system 'CO-Cu' is not known"):
        md_systems_of(["CO-Cu"])
    with pytest.raises(InputError, match="variant 'best' is not known"):
        md_variants_of(["best"])
    with pytest.raises(InputError, match="must name some"):
        md_variants_of([])
    assert all(variant.spec(300.0, 0).simulation.kind == "md" for variant in md.MD_VARIANTS.values())
