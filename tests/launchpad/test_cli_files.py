"""report, export and schema as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase.io import read

from tests.launchpad.test_bad_input import alflow, refusal
from tests.launchpad.test_cli_runs import run_file


@pytest.fixture
def finished(tmp_path: Path) -> str:
    """An in-process run in ``out``; its id."""
    done = alflow("run", str(run_file(tmp_path)), "--in-process", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return str(json.loads((tmp_path / "out" / "result.json").read_text())["run"])


@pytest.mark.workflow
def test_report_and_export_of_a_directory_need_no_database(finished: str, tmp_path: Path) -> None:
    none = {"AL_WORKFLOWS_MONGODB_URI": "mongodb://127.0.0.1:1/x"}
    done = alflow("report", "--output-of", "out", cwd=tmp_path, **none)
    assert done.returncode == 0, done.stderr
    page = tmp_path / "alflow-report" / finished / "report.html"
    assert finished in page.read_text()
    assert "CONVERGED" in done.stdout
    assert all(page.with_name(f"relaxation_energies.{kind}").exists() for kind in ("png", "svg", "pdf", "csv"))
    assert not page.with_name("timeline.png").exists()  # of a directory, nobody knows when
    done = alflow("export", "--output-of", "out", "-o", "train.extxyz", cwd=tmp_path, **none)
    assert done.returncode == 0, done.stderr
    images = read(tmp_path / "train.extxyz", index=":")
    assert f"{len(images)} structures" in done.stdout
    assert images[0].info["run"] == finished
    done = alflow("export", "--output-of", "out", "--trajectory", "-o", "last.extxyz", cwd=tmp_path, **none)
    assert done.returncode == 0, done.stderr
    assert f"{len(read(tmp_path / 'last.extxyz', index=':'))} frames of cycle" in done.stdout
    for more, said in ((["--cycle", "2"], "for --trajectory alone"), (["--trajectory", "-f", "ase-db"], "be extxyz")):
        assert said in refusal("export", "--output-of", "out", *more, "-o", "x", cwd=tmp_path, **none)


@pytest.mark.workflow
def test_report_and_export_of_a_run_in_the_database(lpad_file: Path, tmp_path: Path) -> None:
    on = ("--launchpad", str(lpad_file))
    assert alflow("submit", str(run_file(tmp_path)), *on, cwd=tmp_path).returncode == 0
    done = alflow("report", "small", "-o", "page", *on, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page" / "report.html").read_text()
    assert "WAITING" in page
    assert "When each Firework ran" in page
    # its first Firework waits, and the others for that one
    assert (tmp_path / "page" / "timeline.csv").read_text().splitlines()[1].startswith('1,waiting,"Firework ')
    assert "nothing to export" in refusal("export", "small", "-o", "a.db", "-f", "ase-db", *on, cwd=tmp_path)
    assert not (tmp_path / "a.db").exists()


def test_what_cannot_be_reported_is_refused(tmp_path: Path) -> None:
    assert "neither was given" in refusal("report", cwd=tmp_path)
    assert "both were given" in refusal("report", "a", "--output-of", ".", cwd=tmp_path)
    assert "run.json" in refusal("report", "--output-of", ".", cwd=tmp_path)
    assert "run.json" in refusal("export", "--output-of", ".", "-o", "a.extxyz", cwd=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_schema_is_json(tmp_path: Path) -> None:
    schema = json.loads(alflow("schema", cwd=tmp_path).stdout)
    assert schema["properties"]["simulation"]
