"""`alflow campaign plan` and `lattice` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.launchpad.test_bad_input import alflow, refusal

FILE = """\
bulks: [Cu, {name: Ag, lattice: eos}, Mn]
slabs: {miller: [[1, 1, 1], [-1, 1, 1]]}
adsorbates: [O]
sites: {positions: [hollow]}
paths: {}
run: {simulation: {kind: relaxation}, dft: {kind: emt}}
"""


def test_the_example_is_planned(tmp_path: Path) -> None:
    written = alflow("example", "campaign", cwd=tmp_path).stdout
    assert "alflow campaign plan campaign.yaml" in written
    before = sorted(tmp_path.rglob("*"))
    done = alflow("campaign", "plan", "campaign.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("campaign campaign: 47 members: 36 adsorptions, 8 clean slabs, 3 gas-phase species\n")
    assert "Ni-100-t0: 16 atoms, 8 fixed, 4.98 × 4.98 Å, 3 adsorptions, 1 clean slab: C N O on hollow1" in done.stdout
    assert "at most 4,700 DFT calls" in done.stdout
    assert "cannot be made" not in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_pictures_and_json(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(FILE)
    done = alflow("campaign", "plan", "c.yaml", "--json", "--pictures", "sheet", "--number", "5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "shows the first 5 of 5" in done.stderr
    found = json.loads(done.stdout)
    assert found["roles"] == {"adsorption": 2, "slab": 1, "molecule": 1, "path": 1}
    assert found["duplicates"]["facets"] == 1
    assert {one["key"] for one in found["skipped"]} == {"Ag", "Mn"}
    member = next(one for one in found["members"] if one["key"] == "Cu-111-t0-O-hollow1")
    assert member["run"].startswith("c-Cu-111-t0-O-hollow1-")
    assert member["references"] == {"Cu-111-t0": 1.0, "gas-O": 1.0}
    with Image.open(tmp_path / "sheet" / "c.png") as sheet:
        colours = sheet.convert("RGB").getcolors(maxcolors=2**24)
    assert colours is not None
    assert {(200, 128, 51), (255, 13, 13)} <= {colour for _, colour in colours}  # copper and oxygen are drawn


def test_lattice_then_plan(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(FILE)
    assert "Ag: bulk Ag has `lattice: eos`" in alflow("campaign", "plan", "c.yaml", cwd=tmp_path).stdout
    done = alflow("campaign", "lattice", "c.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Ag: a, b, c = 4.06" in done.stdout
    points = sorted((tmp_path / "c.lattice").rglob("label.json"))
    assert len(points) == 7
    again = alflow("campaign", "lattice", "c.yaml", cwd=tmp_path)
    assert again.stdout == done.stdout
    assert sorted((tmp_path / "c.lattice").rglob("label.json")) == points
    assert "Ag-111-t0: 12 atoms" in alflow("campaign", "plan", "c.yaml", cwd=tmp_path).stdout


def test_exit_codes(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(FILE.replace("Cu, {name: Ag, lattice: eos}, Mn", "Mn"))
    done = alflow("campaign", "plan", "c.yaml", "--pictures", "sheet", cwd=tmp_path)
    assert done.returncode == 1
    assert "0 members" in done.stdout
    assert not (tmp_path / "sheet").exists()
    assert "no bulk has `lattice: eos`" in refusal("campaign", "lattice", "c.yaml", cwd=tmp_path)
    (tmp_path / "c.yaml").write_text(FILE.replace("Mn", "{name: W, lattice: eos}"))
    done = alflow("campaign", "lattice", "c.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "W: left out: " in done.stdout
    assert list(json.loads((tmp_path / "c.lattice.json").read_text())) == ["Ag"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bulks: [Cu\n", "is not valid YAML (line 2)"),
        (FILE + "sitez: {}\n", "`sitez` is not a key here"),
        (FILE.replace("kind: emt", "kind: abc"), "abc"),
        (FILE.replace("paths: {}", "paths: {run: {simulation: {fmax: 1}}}"), "`simulation.fmax` is not a key here"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    before = sorted(tmp_path.rglob("*"))
    assert said in refusal("campaign", "plan", "c.yaml", cwd=tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
