"""What is kept is found again, by those who would get the same, and by nobody else."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from al_workflows.benchmark import cache as cache_module
from al_workflows.benchmark.cache import Cache, modules_hash, package_hash
from al_workflows.benchmark.jobs import as_they_finish
from al_workflows.benchmark.peers import PEERS
from al_workflows.benchmark.relax import Task, relaxations
from al_workflows.benchmark.relaxed import Relaxed
from al_workflows.benchmark.systems import PaperSystem
from al_workflows.benchmark.variants import VARIANTS
from al_workflows.errors import EnvironmentProblem
from tests.benchmark.builders import relaxed


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    kept, one = Cache(tmp_path / "new"), relaxed(closest=(float("inf"), 0.1, 0.2, 0.3, 0.4))
    assert kept.get("a b/c", {"seed": 1}, Relaxed) is None
    kept.put("a b/c", {"seed": 1}, one)
    found = kept.get("a b/c", {"seed": 1}, Relaxed)
    assert found is not None
    assert found.to_dict() == one.to_dict()
    assert kept.get("a b/c", {"seed": 2}, Relaxed) is None
    assert [path.name[:6] for path in (tmp_path / "new").iterdir()] == ["a-b-c-"]


@pytest.mark.parametrize("content", ["", '{"key": ', '{"key": {"seed": 2}}', "[]"])
def test_a_damaged_file_is_no_record(content: str, tmp_path: Path) -> None:
    kept = Cache(tmp_path)
    kept.put("one", {"seed": 1}, relaxed())
    (path,) = tmp_path.iterdir()
    path.write_text(content)
    assert kept.get("one", {"seed": 1}, Relaxed) is None
    kept.put("one", {"seed": 1}, relaxed())
    assert kept.get("one", {"seed": 1}, Relaxed) is not None


def task(method: str = "BFGS", seed: int = 0, fmax: float = 0.5) -> Task:
    return Task(PaperSystem(), seed, PEERS.get(method) or VARIANTS[method], fmax)


def test_the_key_holds_all_that_decides() -> None:
    keys = [task(), task(seed=1), task(fmax=0.4), task("FIRE"), task("BFGS-0.04"), task("default"), task("no-prior")]
    contents = [key.key() for key in keys]
    assert all(contents.count(content) == 1 for content in contents)
    assert task().key() == task().key()
    assert {"ase", "numpy"} <= task().key()["versions"].keys() < task("default").key()["versions"].keys()


@pytest.fixture
def copy_of_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"steps.py": "x = 1\n", "analysis/a.py": "", "benchmark/parent.py": "y = 1\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(cache_module, "_ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text", "changes_ours", "changes_peers"),
    [
        ("steps.py", '"""Said."""\n\nx = 1  # and explained\n', False, False),
        ("steps.py", "x = 2\n", True, False),
        ("new.py", "x = 1\n", True, False),
        ("analysis/a.py", "x = 2\n", False, False),
        ("benchmark/parent.py", "y = 2\n", True, True),
        ("benchmark/tables.py", "y = 2\n", False, False),
    ],
)
def test_what_is_kept_of_ours_is_of_this_code(
    copy_of_package: Path, file: str, text: str, changes_ours: bool, changes_peers: bool
) -> None:
    def hashes() -> tuple[str, str]:
        return package_hash.__wrapped__("benchmark.parent"), modules_hash.__wrapped__("benchmark.parent")

    before = hashes()
    (copy_of_package / file).write_text(text)
    after = hashes()
    assert (before[0] != after[0], before[1] != after[1]) == (changes_ours, changes_peers)


def test_only_what_is_missing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = Task.run

    def run(self: Task) -> Relaxed:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(self.title)
        return real(self)

    tasks = [task(method, seed) for seed in (0, 1) for method in ("BFGS", "FIRE")]
    monkeypatch.setattr(Task, "run", run)
    with pytest.raises(KeyboardInterrupt):
        relaxations(tasks, Cache(tmp_path))
    assert made == ["paper-BFGS-0", "paper-FIRE-0"]
    monkeypatch.setattr(Task, "run", lambda self: made.append(self.title) or real(self))
    heard: list[tuple[str, bool, int, int]] = []
    found = relaxations(
        tasks, Cache(tmp_path), listener=lambda one, stored, done, of: heard.append((one.method, stored, done, of))
    )
    assert made[2:] == ["paper-BFGS-1", "paper-FIRE-1"]
    assert [(one.method, one.seed) for one in found] == [("BFGS", 0), ("FIRE", 0), ("BFGS", 1), ("FIRE", 1)]
    assert heard == [("BFGS", True, 1, 4), ("FIRE", True, 2, 4), ("BFGS", False, 3, 4), ("FIRE", False, 4, 4)]
    again = relaxations(tasks, Cache(tmp_path))
    assert [one.to_dict() for one in again] == [one.to_dict() for one in found]
    assert len(made) == 4


def double(number: int) -> int:
    return 2 * number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_several_processes_give_what_one_gives() -> None:
    several, one = (dict(as_they_finish(double, [3, 4, 5], jobs)) for jobs in (2, 1))
    assert several == one == {0: 6, 1: 8, 2: 10}
    assert list(as_they_finish(double, [], jobs=2)) == []


def wait(number: int) -> int:
    if number > 0:
        time.sleep(60)
    return os.getpid()


def test_no_process_is_left_when_the_iteration_is() -> None:
    began = time.monotonic()
    iteration: Any = as_they_finish(wait, [0, 1, 2], jobs=2)
    _, pid = next(iteration)
    iteration.close()
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_process_that_was_killed_is_said_so() -> None:
    with pytest.raises(EnvironmentProblem, match="one of 2 processes was killed"):
        list(as_they_finish(die, [1, 2], jobs=2))
