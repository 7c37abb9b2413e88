"""`alflow benchmark` as a user types it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from al_workflows.benchmark import curvature, cycle, speed, speed_training, workflow
from al_workflows.benchmark.sites import draw_sites
from al_workflows.benchmark.tables import Document
from launchpad import benchmark_cycle, benchmark_workflow
from launchpad.cli import benchmark_costs, benchmark_learner
from tests.launchpad.test_bad_input import ALFLOW, alflow, refusal


def test_peers_alone_on_one_start(tmp_path: Path) -> None:
    words = ("benchmark", "relax", "--seeds", "1", "--peers", "BFGS", "--variants", "none", "--output", "out")
    done = alflow(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "paper  seed 0  BFGS: converged, 31 calls" in done.stdout
    assert "| paper | BFGS | 1/1 | 31.0 | 31 |" in (tmp_path / "out" / "relax.md").read_text()
    data = json.loads((tmp_path / "out" / "relax.json").read_text())
    assert data["command"].startswith("alflow benchmark relax --seeds 1")
    (run,) = data["runs"]
    assert (run["calls"], run["outcome"], len(run["fmax"])) == (31, "converged", 31)
    again = alflow(*words, cwd=tmp_path)
    assert again.returncode == 0
    assert "seed 0" not in again.stdout  # nothing was made anew
    assert again.stdout in done.stdout


def test_a_killed_command_goes_on_where_it_was(tmp_path: Path) -> None:
    words = ("benchmark", "relax", "--seeds", "40", "--peers", "BFGS", "--variants", "none", "-o", "out", "--jobs", "2")
    begun = subprocess.Popen([ALFLOW, *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert begun.stdout is not None
    assert "converged" in begun.stdout.readline()
    workers = children(begun.pid)
    begun.kill()
    begun.communicate()
    assert workers
    assert not wait_for_end(workers)
    kept = {path.name for path in (tmp_path / "out" / "cache").glob("paper-*.json")}
    assert 0 < len(kept) < 40
    done = alflow(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sum("  seed " in line for line in done.stdout.splitlines()) == 40 - len(kept)
    assert kept < {path.name for path in (tmp_path / "out" / "cache").iterdir()}
    assert len(json.loads((tmp_path / "out" / "relax.json").read_text())["runs"]) == 40


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def wait_for_end(pids: list[int]) -> list[int]:
    """Those that are still there after a while."""
    for _ in range(100):
        pids = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        if pids:
            time.sleep(0.1)
    return pids


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--peers", "BFGS,BGFS"), "peer 'BGFS' is not known"),
        (("--systems", "paper", "--systems", "papers"), "system 'papers' is not known"),
        (("--variants", "nonesuch"), "variant 'nonesuch' is not known"),
        (("--seeds", "ten"), "`seeds` is 'ten'"),
        (("--variants", "missing.yaml"), "missing.yaml cannot be read"),
        (("--variants", "none", "--peers", "none"), "nobody"),
    ],
)
def test_bad_input_is_refused_in_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert said in refusal("benchmark", "relax", *words, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--systems", "CO-Cu100"), "system 'CO-Cu100' is not known"),
        (("--variants", "best"), "variant 'best' is not known"),
        (("--temperatures", "cold"), "--temperatures is 'cold'"),
    ],
)
def test_bad_input_of_dynamics_is_refused_in_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert said in refusal("benchmark", "md", *words, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


def test_uncertainty_of_one_start(tmp_path: Path) -> None:
    words = ("benchmark", "uncertainty", "--systems", "paper", "--potentials", "gaussian_process", "--members", "3")
    done = alflow(*words, "--labels", "2", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (table,) = json.loads((tmp_path / "out" / "uncertainty.json").read_text())["tables"]
    assert [(row["members"], row["labels"]) for row in table["rows"]] == [(3, 2)] * 3
    assert "rank correlation" in (tmp_path / "out" / "uncertainty.md").read_text()
    assert "from 2 on" in refusal("benchmark", "uncertainty", "--members", "1", cwd=tmp_path)


def test_curvature_writes_its_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def study(seeds: int, **others: object) -> curvature.Study:
        others.pop("listener")
        asked.append((seeds, others))
        return curvature.Study((), ())

    monkeypatch.setattr(curvature, "curvature_study", study)
    benchmark_learner.curvature(seeds=3, fmax=0.02, output=tmp_path / "out", jobs=2)
    benchmark_learner.curvature(seeds=1, draw_seed=7, output=tmp_path / "out")
    assert asked == [
        (3, {"sites": draw_sites(2020, 18), "fmax": 0.02, "jobs": 2}),
        (1, {"sites": draw_sites(7, 18), "fmax": 0.03, "jobs": 1}),
    ]
    assert "Minimum or saddle" in (tmp_path / "out" / "curvature.md").read_text()


def test_speed_writes_its_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def document(*arguments: object) -> Document:
        asked.append(arguments[1:-1])
        return Document("Speed", "alflow benchmark", {}, ())

    monkeypatch.setattr(speed, "document", document)
    monkeypatch.setattr(speed_training, "document", document)
    benchmark_costs.predict(largest=50, steps=7, output=tmp_path / "out")
    benchmark_costs.train(atoms="13", images="1,5", output=tmp_path / "out")
    assert asked == [([(3, 3), (4, 4)], 7), ([13], [1, 5])]
    for name in ("predict", "train"):
        assert "# Speed" in (tmp_path / "out" / f"{name}.md").read_text()


def test_cycle_goes_through_rlaunch_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def through_rlaunch(seeds: object, listen: object) -> tuple[list[object], list[object]]:
        asked.append(seeds)
        return [], [cycle.RunCost("by a worker", 0, 5, 7.5)]

    monkeypatch.setattr(cycle, "in_process", lambda seeds, listen: [])
    monkeypatch.setattr(benchmark_cycle, "through_rlaunch", through_rlaunch)
    benchmark_costs.cycle(seeds="2", rlaunch=False, output=tmp_path)
    assert asked == []
    benchmark_costs.cycle(seeds="2", output=tmp_path)
    assert asked == [[0, 1]]
    assert "| by a worker | 1 | 5 | 1.50 |" in (tmp_path / "cycle.md").read_text()


def test_workflow_writes_its_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measure(cycles: int, sizes: list[int], listen: object) -> benchmark_workflow.Measured:
        asked.append((cycles, sizes))
        fireworks = [workflow.FireworkCost(1, step, 0.05, 0.1, 0.01, 0.02) for step in workflow.STEPS]
        return benchmark_workflow.Measured(fireworks, [workflow.CallCost("submit a run", 3, 0.25, 0.5)], 0.125)

    monkeypatch.setattr(workflow, "cycles_in_process", lambda cycles: [workflow.CallCost("here", 0, 0.2, 0.3)])
    monkeypatch.setattr(benchmark_workflow, "measure", measure)
    benchmark_costs.workflow(cycles=1, runs="3,5", output=tmp_path)
    assert asked == [(1, [3, 5])]
    shown = (tmp_path / "workflow.md").read_text()
    assert "| submit a run | 3 | 1 | 250.0 |" in shown
    assert "database server, CPU s a cycle: 0.125" in shown
    assert "--runs" in refusal("benchmark", "workflow", "--runs", "many", cwd=tmp_path)


def test_speed_of_images_there_are_not(tmp_path: Path) -> None:
    assert "must name 13" in refusal("benchmark", "train", "--atoms", "12", cwd=tmp_path)


def test_barriers_write_their_table(tmp_path: Path) -> None:
    words = ("benchmark", "neb", "--systems", "N-Au111", "--seeds", "1", "--peers", "none", "--variants", "default")
    done = alflow(*words, "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    barriers, failed = json.loads((tmp_path / "out" / "neb.json").read_text())["tables"]
    assert [(row["system"], row["method"], row["converged"]) for row in barriers["rows"]] == [
        ("N-Au111", "default", "1/1")
    ]
    assert failed["rows"] == []
    assert "median error, meV" in (tmp_path / "out" / "neb.md").read_text()
    assert "system 'nowhere' is not known" in refusal("benchmark", "neb", "--systems", "nowhere", cwd=tmp_path)
