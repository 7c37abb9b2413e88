"""Lattice constants by a campaign's own DFT."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from al_workflows.campaign.bulk_spec import BulkSpec
from al_workflows.campaign.lattice import fit_lattice
from al_workflows.campaign.lattice_file import lattice_file, write_fits
from al_workflows.campaign.settings import bulk_dft
from al_workflows.campaign.spec import EosSpec
from al_workflows.errors import InputError
from al_workflows.records import Label
from al_workflows.spec import EmtSpec
from tests.campaign.plans import campaign, keys, planned, skipped


def test_copper_by_emt(tmp_path: Path) -> None:
    """As by relaxing the cell with EMT's stress; found again without a calculation; used by the plan."""
    atoms, labels = bulk("Cu"), list[Label]()
    relaxed = bulk("Cu")
    relaxed.calc = EMT()
    BFGS(FrechetCellFilter(relaxed), logfile=None).run(fmax=1e-4, steps=100)
    spec = BulkSpec(name="Cu", lattice="eos")
    fit = fit_lattice(spec, atoms, EmtSpec(), EosSpec(), tmp_path / "points", labels.append)
    assert fit.volume == pytest.approx(relaxed.get_volume(), rel=1e-4)
    assert fit.energy == pytest.approx(relaxed.get_potential_energy(), abs=1e-5)
    assert fit.bulk_modulus == pytest.approx(134, abs=2)
    assert fit.residual < 1e-4
    assert fit.lengths == pytest.approx([(4 * fit.volume) ** (1 / 3)] * 3)
    assert len(labels) == 7
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "points").rglob("*") if path.is_file()}
    assert fit_lattice(spec, atoms, EmtSpec(), EosSpec(), tmp_path / "points") == fit
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "points").rglob("*") if path.is_file()}

    changes = {"bulks": [{"name": "Cu", "lattice": "eos"}, "Ag"], "lattice": "given"}
    path = lattice_file(campaign(tmp_path, **changes))
    assert "`alflow campaign lattice`" in skipped(planned(tmp_path, **changes))["Cu"]
    write_fits({"Cu": fit}, path)
    plan = planned(tmp_path, **changes)
    assert not plan.skipped
    slab = next(member for member in plan.members if member.key == "Cu-111-t0")
    assert slab.start.cell.lengths()[0] == pytest.approx(np.sqrt(2) * fit.lengths[0])

    other = {"run": {"dft": {"kind": "ase", "calculator": "ase.calculators.emt.EMT"}}}
    assert "at other DFT settings" in skipped(planned(tmp_path, **changes, **other))["Cu"]
    moved = changes | {"bulks": [{"name": "Cu", "a": 3.7, "lattice": "eos"}]}
    assert "another structure" in skipped(planned(tmp_path, **moved))["Cu"]
    path.write_text("[]")
    broken = planned(tmp_path, **changes)
    assert "cannot be read" in skipped(broken)["Cu"]
    assert "Ag-111-t0" in keys(broken)


def test_a_given_constant_far_off_is_followed(tmp_path: Path) -> None:
    near = fit_lattice(BulkSpec(name="Al"), bulk("Al"), EmtSpec(), EosSpec(), tmp_path / "near")
    far = fit_lattice(BulkSpec(name="Al", a=3.8), bulk("Al", a=3.8), EmtSpec(), EosSpec(), tmp_path / "far")
    assert far.scale > 1.03
    assert far.lengths == pytest.approx(near.lengths, rel=1e-4)


def test_two_lengths_are_scaled_alike(tmp_path: Path) -> None:
    from al_workflows.campaign.bulks import bulk_atoms

    spec = BulkSpec(prototype="cscl", species=("Cu", "Pd"), a=3.0)
    atoms = bulk_atoms(spec, tmp_path, lambda _: bulk("Cu"))
    fit = fit_lattice(spec, atoms, EmtSpec(), EosSpec(points=5), tmp_path / "points")
    assert fit.lengths == pytest.approx([3.0 * fit.scale] * 3)


def test_what_has_no_minimum_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bulk Cu: the energy is lowest at an end of all volumes"):
        fit_lattice(BulkSpec(name="Cu"), bulk("Cu", a=7.5), EmtSpec(), EosSpec(strain=0.01, points=5), tmp_path)
    with pytest.raises(InputError, match="no parameters for W"):
        fit_lattice(BulkSpec(name="W"), bulk("W"), EmtSpec(), EosSpec(), tmp_path)
    rejecting = EmtSpec(min_distance=1.0, max_attempts=1)
    with pytest.raises(InputError, match="geometry_rejected"):
        fit_lattice(BulkSpec(name="Cu"), bulk("Cu"), rejecting, EosSpec(), tmp_path / "rejected")


def test_only_k_points_may_differ() -> None:
    run = {"dft": {"kind": "gpaw", "parameters": {"xc": "RPBE", "kpts": [4, 4, 1]}}}
    bulky = campaign(run=run, eos={"dft": {"parameters": {"kpts": [8, 8, 8]}}})
    assert bulk_dft(bulky).parameters == {"xc": "RPBE", "kpts": [8, 8, 8]}  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r"`eos\.dft` changes dft\.parameters\.xc"):
        bulk_dft(campaign(run=run, eos={"dft": {"parameters": {"xc": "PBE"}}}))


def test_the_file_says_where_it_comes_from(tmp_path: Path) -> None:
    fit = fit_lattice(BulkSpec(name="Cu"), bulk("Cu"), EmtSpec(), EosSpec(points=5), tmp_path / "points")
    write_fits({"Cu": fit}, tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text())["Cu"]
    assert content["code"].startswith("ase-emt")
    assert len(content["volumes"]) == len(content["energies"]) == 5
    assert len(content["dft_hash"]) == 64
