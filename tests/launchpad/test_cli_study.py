"""`alflow study` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from al_workflows.study.catalogue import STUDIES
from tests.launchpad.test_bad_input import alflow, refusal


def test_all_are_listed(tmp_path: Path) -> None:
    done = alflow("study", "list", cwd=tmp_path)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(STUDIES)
    assert {"table1", "table2", "figure1", "figure3", "figure4-5", "figureS1", "figureS2", "figureS3"} < STUDIES.keys()
    assert not list(tmp_path.iterdir())


def test_one_is_made_and_taken_up_again(tmp_path: Path) -> None:
    words = ("study", "figureS2", "--arms", "Cu,O", "-o", "out")
    done = alflow(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1/2  Cu2  Cu  seed 0: CONVERGED, 9 calls" in done.stdout
    out = tmp_path / "out"
    assert {"figureS2.md", "figureS2.json", "figureS2-Cu.png", "figureS2-Cu.pdf"} < {
        path.name for path in out.iterdir()
    }
    assert [one["arm"] for one in json.loads((out / "figureS2.json").read_text())["trials"]] == ["Cu", "O"]
    again = alflow(*words, cwd=tmp_path)
    assert "seed 0" not in again.stdout  # nothing was made anew
    assert again.stdout in done.stdout
    assert "2/2  O2  O  seed 0" in alflow(*words, "--fresh", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("table9",), "study 'table9' is not known"),
        (("table1", "--seeds", "none"), "`seeds` is 'none'"),
        (("table1", "--arms", "best"), "arm 'best' is not one of study table1"),
        (("table1", "--dft", "none.yaml"), "none.yaml cannot be read"),
        (("table1", "--dft", "vasp.yaml"), "setups"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    (tmp_path / "vasp.yaml").write_text("dft: {kind: vasp}\n")
    assert said in refusal("study", *words, "-o", "out", cwd=tmp_path)
    assert not (tmp_path / "out").exists()
