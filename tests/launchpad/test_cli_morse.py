"""`alflow fit-morse` as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from fireworks import LaunchPad

from tests.launchpad.test_bad_input import alflow, refusal


@pytest.fixture
def emt(tmp_path: Path) -> Path:
    path = tmp_path / "emt.yaml"
    path.write_text("dft: {kind: emt}\n")
    return path


def test_fit_and_use(emt: Path, tmp_path: Path) -> None:
    done = alflow("fit-morse", "Cu", "--dft", emt.name, "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Cu  D_e ")
    entry = yaml.safe_load((tmp_path / "out" / "morse.yaml").read_text())["Cu"]
    assert f"{entry['well_depth']:.4f}" in done.stdout
    assert (tmp_path / "out" / "morse.png").exists()
    attempts = sorted(tmp_path.rglob("attempt_*"))
    assert alflow("fit-morse", "Cu", "--dft", emt.name, "--output", "out", cwd=tmp_path).stdout == done.stdout
    assert sorted(tmp_path.rglob("attempt_*")) == attempts
    assert alflow("example", "relax", cwd=tmp_path).returncode == 0
    run = yaml.safe_load((tmp_path / "relax.yaml").read_text())
    run["potential"] = {"prior": {"kind": "morse", "file": "out/morse.yaml"}}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    assert "is valid" in alflow("validate", "run.yaml", cwd=tmp_path).stdout
    (tmp_path / "out" / "morse.yaml").unlink()
    assert "out/morse.yaml" in refusal("validate", "run.yaml", cwd=tmp_path)


def test_an_element_without_a_curve_is_named_and_the_exit_code_is_1(emt: Path, tmp_path: Path) -> None:
    emt.write_text("dft: {kind: emt}\nelements: {Cu: {r_e: 7}}\n")
    done = alflow("fit-morse", "Cu", "--dft", emt.name, "--output", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("Cu  no minimum found: ")
    assert "# Cu: no minimum found" in (tmp_path / "out" / "morse.yaml").read_text()


@pytest.mark.parametrize(
    ("element", "text", "said"),
    [
        ("Cux", "dft: {kind: emt}", "'Cux' is not a chemical element"),
        ("W", "dft: {kind: emt}", "W2 is not known"),
        ("Br", "dft: {kind: emt}", "EMT has no parameters for Br"),
        ("Cu", "structure: a.traj", "no `dft:` section"),
        ("Cu", "dft: {kind: castep}", "castep"),
    ],
)
def test_bad_input_is_refused_in_one_line(element: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "fit.yaml").write_text(text)
    before = sorted(tmp_path.rglob("*"))
    assert said in refusal("fit-morse", element, "--dft", "fit.yaml", cwd=tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.workflow
def test_submit(lpad: LaunchPad, lpad_file: Path, emt: Path, tmp_path: Path) -> None:
    words = ("fit-morse", "Cu", "O", "--dft", emt.name, "--submit", "--launchpad", str(lpad_file))
    done = alflow(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "submitted morse-Cu-O-" in done.stdout
    assert lpad.fireworks.count_documents({"spec.al_step": "dft"}) == 18
    assert lpad.fireworks.count_documents({"spec.al_step": "fit", "state": "WAITING"}) == 1
    assert "already submitted" in refusal(*words, cwd=tmp_path)
    assert "no runs yet" in alflow("status", "--launchpad", str(lpad_file), cwd=tmp_path).stdout
