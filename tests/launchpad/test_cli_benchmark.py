"""`alflow benchmark` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.launchpad.test_bad_input import alflow, refusal


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
