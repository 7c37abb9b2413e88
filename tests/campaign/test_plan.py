"""From a campaign's file to its members."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.campaign.file import load_campaign, parse_campaign
from al_workflows.campaign.member import Member, Role
from al_workflows.campaign.settings import merged
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import InputError
from al_workflows.geometry import displacements
from al_workflows.preflight import prepare_structure
from al_workflows.records import VerdictKind
from al_workflows.results import RunResult
from tests.campaign.plans import campaign, keys, planned, skipped


def answered(member: Member, directory: Path) -> RunResult:
    """The member's run, by EMT in this process."""

    def by_emt(request: Any, place: Path) -> Any:
        return single_point_in_process(request, EMT(), directory=place)

    return offline.run(member.spec, member.start, directory / member.key, labeller=by_emt, final=member.final)


# --- what is made -----------------------------------------------------------------------------------------------


def test_members_and_what_they_are_compared_with() -> None:
    plan = planned(adsorbates=["O", {"name": "OH", "reference": {"H2O": 1, "H2": -0.5}}])
    assert keys(plan) == [
        *("gas-O", "gas-H2O", "gas-H2", "Cu-111-t0"),
        *("Cu-111-t0-O-hollow1", "Cu-111-t0-O-hollow2", "Cu-111-t0-OH-hollow1", "Cu-111-t0-OH-hollow2"),
    ]
    hydroxyl = plan.members[-1]
    assert hydroxyl.references == {"Cu-111-t0": 1.0, "gas-H2O": 1.0, "gas-H2": -0.5}
    assert hydroxyl.tags == {
        "bulk": "Cu",
        "miller": "111",
        "termination": "0",
        "adsorbate": "OH",
        "site": "hollow2",
        "coverage": "0.25",
    }
    assert plan.roles == {Role.ADSORPTION: 4, Role.SLAB: 1, Role.MOLECULE: 3}
    assert plan.max_dft_calls == 800
    assert not plan.skipped
    assert plan.duplicates["sites"] == 2 * 2 * 3  # two hollows of four cells each, for two adsorbates


def test_all_of_it_can_be_submitted_as_it_is() -> None:
    """A member is a prepared run: nothing is filled in, refused or changed later, and keys suit a directory."""
    plan = planned(
        bulks=["Cu", {"name": "Al", "magmoms": {"Al": 0.1}}],
        slabs={"miller": [[1, 1, 1], [2, 1, 1], [1, -1, 0]]},
        adsorbates=["O", "CO", {"name": "OH", "rotation": [30, 0, 0], "magmoms": {"O": 1}}],
        sites={},
        paths={"sites": ["hollow", "bridge"]},
        dynamics={"where": {"site": "hollow1"}},
        seeds=2,
    )
    assert plan.roles.keys() == {Role.ADSORPTION, Role.SLAB, Role.MOLECULE, Role.PATH, Role.DYNAMICS}
    assert not plan.skipped
    assert len({member.run for member in plan.members}) == len(plan.members)
    for member in plan.members:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", member.key)
        prepared = prepare_structure(member.spec, member.start, member.final)
        assert prepared.run == member.run
        assert member.run.startswith(f"test-{member.key}-")
        assert (prepared.final is None) == (member.final is None)
        if member.final is not None and prepared.final is not None:
            assert np.array_equal(prepared.final.positions, member.final.positions)


def test_the_same_file_gives_the_same_runs_and_another_seed_others() -> None:
    def runs(**changes: Any) -> list[str]:
        return [member.run for member in planned(**changes).members]

    assert runs() == runs()
    assert not set(runs()) & set(runs(seed=1))
    assert set(runs()) < set(runs(seeds=3))  # more seeds leave those that are there
    assert set(runs()) < set(runs(bulks=["Ag", "Cu"], adsorbates=["N", "O"]))  # so do more entries


def test_a_key_stays_when_settings_change() -> None:
    other = {"simulation": {"kind": "relaxation", "fmax": 0.01}, "dft": {"kind": "emt"}}
    assert keys(planned()) == keys(planned(run=other))
    assert [member.run for member in planned().members] != [member.run for member in planned(run=other).members]


def test_free_atoms_are_displaced_where_there_is_an_adsorbate() -> None:
    plan = planned(slabs={"miller": [[1, 1, 1]], "fixed_layers": 2}, displace=0.02)
    exact = {member.key: member for member in planned(slabs={"miller": [[1, 1, 1]]}, displace=0).members}
    for member in plan.members:
        moved = displacements(member.start, exact[member.key].start)
        if member.role is not Role.ADSORPTION:
            assert not moved.any()
            continue
        free = np.isin(member.start.get_tags(), (0, 1))
        assert (moved[~free] == 0).all()
        assert moved[free].min() > 0.001
        assert moved[free].max() < 0.12
        assert sorted(member.start.get_tags()) == [0, *[1] * 4, *[2] * 4, *[3] * 4]


def test_paths_go_between_neighbouring_hollows() -> None:
    plan = planned(slabs={"miller": [[1, 1, 1], [1, 0, 0]]}, paths={"run": {"simulation": {"images": 5}}}, displace=0.0)
    paths = [member for member in plan.members if member.role is Role.PATH]
    assert [path.key for path in paths] == ["Cu-111-t0-O-hollow1-to-hollow2", "Cu-100-t0-O-hollow1-to-hollow1"]
    for path, length in zip(paths, (3.61 / np.sqrt(6), 3.61 / np.sqrt(2)), strict=True):
        assert path.final is not None
        moved = path.final.positions - path.start.positions
        assert moved[:-1] == pytest.approx(np.zeros_like(moved[:-1]))
        assert np.linalg.norm(moved[-1, :2]) == pytest.approx(length)
        assert path.spec.simulation.kind == "neb"
        assert path.spec.query.kind == "saddle"
        assert path.spec.simulation.images == 5  # type: ignore[union-attr]
        assert not path.references


def test_an_online_campaign_keeps_its_paths_offline() -> None:
    loop, simulation = {"kind": "online"}, {"kind": "relaxation"}
    plan = planned(run={"simulation": simulation, "loop": loop, "dft": {"kind": "emt"}}, paths={}, dynamics={"run": {}})
    kinds = {(member.role, member.spec.loop.kind) for member in plan.members}
    assert {(Role.ADSORPTION, "online"), (Role.SLAB, "online"), (Role.PATH, "offline")} <= kinds
    assert (Role.PATH, "online") not in kinds
    assert (Role.DYNAMICS, "online") not in kinds


def test_dynamics_of_slabs() -> None:
    plan = planned(
        adsorbates=[], dynamics={"of": "slab", "run": {"simulation": {"temperature": 500}}}, relaxations=None
    )
    (member,) = plan.members
    assert (member.key, member.role, member.spec.simulation.kind) == ("Cu-111-t0-md", Role.DYNAMICS, "md")
    assert member.spec.query.kind == "mixed"


def test_coverages() -> None:
    plan = planned(sites={"positions": ["hollow"], "max_per_slab": 1, "coverages": [1, {"adsorbates": 4}]})
    assert keys(plan)[2:] == ["Cu-111-t0-O-hollow1", "Cu-111-t0-O-hollow1-n4"]
    full = plan.members[-1]
    assert full.tags["coverage"] == "1"
    assert full.references == {"Cu-111-t0": 1.0, "gas-O": 4.0}
    assert str(full.start.symbols) == "Cu12O4"


def test_files_custom_adsorbates_and_prototypes(tmp_path: Path) -> None:
    bulk("Cu", cubic=True).write(tmp_path / "copper.cif")
    bulk("Au", a=4.1).write(tmp_path / "gold.extxyz")
    custom = {"name": "COH", "symbols": "COH", "positions": [[0, 0, 0], [0, 0, 1.3], [0.9, 0, 1.6]]}
    plan = planned(
        tmp_path,
        bulks=[
            *({"file": "copper.cif"}, {"file": "gold.extxyz", "label": "A"}),
            {"prototype": "cscl", "species": ["Cu", "Pd"], "a": 3.0, "label": "B2", "miller": [[1, 1, 0]]},
        ],
        adsorbates=[custom],
        sites={"max_per_slab": 1},
    )
    assert keys(plan) == [
        *("gas-COH", "copper-111-t0", "copper-111-t0-COH-hollow1", "A-111-t0", "A-111-t0-COH-hollow1"),
        *("B2-110-t0", "B2-110-t0-COH-hollow1"),
    ]
    a = plan.members[3].start.cell.lengths()[0]
    assert a == pytest.approx(4.1 * np.sqrt(2))


def test_ten_thousand_members_are_planned_in_minutes() -> None:
    before = time.monotonic()
    plan = planned(
        bulks=["Cu", "Ag", "Ni", "Pd", "Pt", "Au", "Al"],
        slabs={"miller": [[1, 1, 1], [1, 0, 0], [1, 1, 0], [2, 1, 1], [3, 1, 1], [3, 2, 1]]},
        adsorbates=["H", "C", "N", "O", "CO", "OH", "NO", "CH"],
        sites={},
        seeds=5,
    )
    assert len(plan.members) > 10_000
    assert time.monotonic() - before < 300


# --- overrides --------------------------------------------------------------------------------------------------


def test_overrides_by_selector() -> None:
    plan = planned(
        slabs={"miller": [[1, 1, 1], [1, 0, 0]]},
        adsorbates=["O", "N"],
        overrides=[
            {"where": {"miller": 111, "adsorbate": ["O", "N"]}, "run": {"simulation": {"fmax": 0.2}}, "priority": 5},
            {"where": {"miller": [1, 1, 1], "adsorbate": "N", "site": "hollow*"}, "run": {"potential": {"members": 4}}},
            {"where": {"role": "slab"}, "priority": -1},
        ],
    )
    found = {member.key: member for member in plan.members}
    oxygen, nitrogen = found["Cu-111-t0-O-hollow1"], found["Cu-111-t0-N-hollow2"]
    assert (oxygen.spec.target_fmax, oxygen.priority, oxygen.spec.potential.members) == (0.2, 5, 8)
    assert (nitrogen.spec.target_fmax, nitrogen.priority, nitrogen.spec.potential.members) == (0.2, 5, 4)
    assert found["Cu-100-t0-O-hollow1"].spec.target_fmax == 0.05
    assert found["Cu-100-t0"].priority == -1
    assert found["gas-O"].spec.target_fmax == 0.05  # it has no facet
    assert not plan.remarks


def test_an_override_of_nothing_is_named_and_one_of_no_run_refused() -> None:
    plan = planned(overrides=[{"where": {"adsorbate": "S"}, "priority": 1}])
    assert plan.remarks == ("`overrides.0` selects no member; correct its `where`, or take it out",)
    for where in ({"adsorbate": "S"}, {"adsorbate": "O"}):
        with pytest.raises(InputError, match=r"overrides\.0.*`simulation\.fmaks` is not a key"):
            planned(overrides=[{"where": where, "run": {"simulation": {"fmaks": 1}}}])


def test_sections_of_another_kind_replace_each_other() -> None:
    below = {"dft": {"kind": "gpaw", "parameters": {"xc": "PBE", "h": 0.2}}, "seed": 1}
    assert merged(below, {"dft": {"parameters": {"xc": "RPBE"}}})["dft"]["parameters"] == {"xc": "RPBE", "h": 0.2}
    assert merged(below, {"dft": {"kind": "emt"}}) == {"dft": {"kind": "emt"}, "seed": 1}


def test_energies_by_different_dft_are_not_compared() -> None:
    other = {"dft": {"kind": "ase", "calculator": "ase.calculators.emt.EMT"}}
    plan = planned(adsorbates=["O", "N"], overrides=[{"where": {"adsorbate": "O", "role": "adsorption"}, "run": other}])
    assert "Cu-111-t0-O-hollow1" not in keys(plan)
    assert "Cu-111-t0-N-hollow1" in keys(plan)
    why = skipped(plan)["Cu-111-t0-O-hollow1"]
    assert "DFT settings are not those of its reference Cu-111-t0: dft.kind (ase, emt)" in why
    both = planned(bulks=["Cu", "Ag"], overrides=[{"where": {"bulk": "Cu"}, "run": other}])
    assert "gas-O" in skipped(both)["Cu-111-t0-O-hollow1"]  # the slab's are the same, the molecule's are not
    assert any("2 different DFT settings" in remark for remark in both.remarks)


def gpaw(kpts: object, **parameters: object) -> dict[str, Any]:
    return {"dft": {"kind": "gpaw", "parameters": {"kpts": kpts, **parameters}}}


@pytest.mark.parametrize(
    ("override", "made"),
    [
        (gpaw([1, 1, 1]), True),
        (gpaw([1, 1, 1], xc="PBE"), False),
        (gpaw({"density": 2}), True),
        (gpaw([1, 1, 1], spinpol=True), True),
    ],
)
def test_a_box_may_have_other_k_points_and_spin(override: dict[str, Any], made: bool) -> None:
    run = {"simulation": {"kind": "relaxation"}, **gpaw([4, 4, 1], xc="RPBE")}
    plan = planned(run=run, overrides=[{"where": {"role": "molecule"}, "run": override}])
    assert ("Cu-111-t0-O-hollow1" in keys(plan)) is made
    if not made:
        assert "dft.parameters.xc ('RPBE', 'PBE')" in skipped(plan)["Cu-111-t0-O-hollow1"]
    slab = planned(run=run, overrides=[{"where": {"role": "slab"}, "run": override}])
    assert "Cu-111-t0-O-hollow1" not in keys(slab)  # in one cell they count
    assert any("one is enough for a box" in remark for remark in planned(run=run).remarks)
    assert not any("box" in remark for remark in plan.remarks)


# --- what cannot be made ----------------------------------------------------------------------------------------


def test_what_cannot_be_made_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        bulks=["Cu", "Mn", {"file": "nothing.cif"}, {"name": "Ti", "label": "titanium"}],
        slabs={"miller": [[0, 0, 0], [1, 1, 1], [1, 0, -1, 0], [2, 2, 2]], "terminations": [0, 3]},
        adsorbates=[
            *("O", "Xy", "F"),
            {"name": "ring", "molecule": "C6H6"},
            {"name": "long", "symbols": "C2", "positions": [[0, 0, 0], [0, 0, 4.0]]},
            {"name": "wrong", "molecule": "OH", "reference": {"H2O": 1}},
            {"name": "lost", "molecule": "OH", "reference": {"O5": 1}},
            {"name": "low", "molecule": "O", "height": 0.1},
        ],
        overrides=[{"where": {"adsorbate": "low"}, "run": {"dft": {"min_distance": 0.9}}}],
    )
    assert keys(plan) == ["gas-O", "Cu-111-t0", "Cu-111-t0-O-hollow1", "Cu-111-t0-O-hollow2"]
    why = skipped(plan)
    assert "all are 0" in why["Cu-000"]
    assert "hexagonal" in why["Cu-10-10"]
    assert "no such termination" in why["Cu-111-t3"]
    assert "ASE has no bulk" in why["Mn"]
    assert "does not exist" in why["nothing"]
    assert "EMT has no parameters for Ti" in why["titanium-111-t0"]
    assert "ASE has no atom or molecule" in why["Xy"]
    assert "no parameters for F" in why["Cu-111-t0-F-hollow1"]
    assert "touches it" in why["Cu-111-t0-ring"]
    assert "`slabs.vacuum`" in why["Cu-111-t0-long-hollow1"]
    assert "has 2 H but must have 1" in why["Cu-111-t0-wrong-hollow1"]
    assert "its reference is missing: O5" in why["Cu-111-t0-lost-hollow2"]
    assert "dft.min_distance" in why["Cu-111-t0-low-hollow1"]
    assert plan.duplicates["facets"] == 2  # 222 is 111, of copper and of titanium
    assert all("\n" not in one.why for one in plan.skipped)


def test_a_large_adsorbate_in_a_small_cell() -> None:
    plan = planned(adsorbates=["O", "CO", "C2H6"], slabs={"miller": [[1, 1, 1]], "supercell": [1, 1]})
    assert "Cu-111-t0-CO-hollow1" in keys(plan)
    assert "touches it; raise `slabs.min_lateral`" in skipped(plan)["Cu-111-t0-C2H6"]


def test_a_selector_of_nothing_is_named() -> None:
    plan = planned(paths={"where": {"adsorbate": "N"}}, relaxations={"where": {"site": "hollow1"}})
    assert keys(plan)[-1] == "Cu-111-t0-O-hollow1"
    assert plan.remarks == ("`paths.where` selects nothing; correct it, or take `paths` out",)


def test_moments_that_a_bulk_comes_with_are_not_lost_unseen() -> None:
    run = {"dft": {"kind": "ase", "calculator": "ase.calculators.emt.EMT"}}
    assert "give `magmoms` of Ni" in planned(bulks=["Ni"], run=run).remarks[0]
    plan = planned(bulks=[{"name": "Ni", "magmoms": {"Ni": 0.6}}], run=run)
    assert not plan.remarks
    assert plan.members[-1].start.get_initial_magnetic_moments().tolist() == [0.6] * (
        len(plan.members[-1].start) - 1
    ) + [0]


def test_what_lacks_is_remarked_once() -> None:
    run = {"dft": {"kind": "ase", "calculator": "ase.calculators.lj.LennardJones"}}
    (remark,) = planned(bulks=["Ti"], slabs={"miller": [0, 0, 1]}, adsorbates=["O", "CO", "N"], run=run).remarks
    assert "no Morse parameters for Ti" in remark
    assert "C-Ti" in remark


def test_a_disordered_crystal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alloy.cif").write_text(
        "data_alloy\n_cell_length_a 3.8\n_cell_length_b 3.8\n_cell_length_c 3.8\n_cell_angle_alpha 90\n"
        "_cell_angle_beta 90\n_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'F m -3 m'\nloop_\n"
        "_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
        "_atom_site_occupancy\nCu1 Cu 0 0 0 0.5\nAu1 Au 0 0 0 0.5\n"
    )
    assert "one element" in skipped(planned(tmp_path, bulks=[{"file": "alloy.cif"}]))["alloy"]


def test_a_file_that_is_no_bulk(tmp_path: Path) -> None:
    from ase.build import molecule

    molecule("H2O").write(tmp_path / "water.xyz")
    assert "must have three" in skipped(planned(tmp_path, bulks=[{"file": "water.xyz"}]))["water"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bulk": ["Cu"]}, "`bulk` is not a key"),
        ({"bulks": []}, "bulks"),
        ({"bulks": [{"name": "Cu", "file": "a.cif"}]}, "but has name and file"),
        ({"bulks": ["Cu", "Cu"]}, "two `bulks` called Cu"),
        ({"bulks": [{"mp_id": "30"}]}, "mp_id"),
        ({"slabs": {}}, "names no facet of Cu"),
        ({"slabs": {"miller": [[1, 1, 1.5]]}}, "miller"),
        ({"slabs": {"miller": [[1, 1, 1]], "thicknes": 3}}, "thicknes` is not a key"),
        ({"adsorbates": [False]}, "YAML reads NO as false"),
        ({"adsorbates": [{"molecule": "CO", "file": "a.xyz"}]}, "molecule and file"),
        ({"sites": {"positions": ["top"]}}, "positions"),
        ({"overrides": [{"where": {"adsorbat": "O"}, "priority": 1}]}, "adsorbat` is not a key"),
        ({"overrides": [{"where": {}}]}, "must have `run` or `priority`"),
        ({"schedule": {"at_once": 0}}, "at_once"),
    ],
)
def test_a_wrong_file_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        campaign(**changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"dft": {"kind": "emt"}, "simulation": {"kind": "neb"}}, "`run`"),
        ({"dft": {"kind": "emt"}, "simulation": {"kind": "md"}}, "`run.simulation.kind` is md"),
        ({"dft": {"kind": "castep"}}, "castep"),
        ({"dft": {"kind": "emt"}, "seed": 3}, "`run.seed` is each member's own"),
        ({}, "`dft` is missing"),
    ],
)
def test_a_wrong_run_is_refused(run: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        planned(run=run)
    assert said in str(caught.value)


def test_syntax_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("bulks: [Cu]\nbulks: [Ag]\n")
    with pytest.raises(InputError, match=r"line 1\): the key 'bulks' is given twice"):
        load_campaign(tmp_path / "c.yaml")
    (tmp_path / "c.yaml").write_text("structure: a.traj\n")
    with pytest.raises(InputError, match="alflow run"):
        load_campaign(tmp_path / "c.yaml")


def test_the_name_is_the_files(tmp_path: Path) -> None:
    (tmp_path / "my first (C).yaml").write_text("bulks: [Cu]\nslabs: {miller: [1, 1, 1]}\nrun: {dft: {kind: emt}}\n")
    assert load_campaign(tmp_path / "my first (C).yaml").spec.name == "my-first-C"
    assert parse_campaign({"name": "a", "bulks": ["Cu"], "slabs": {"miller": [1, 1, 1]}, "run": {}}).slabs.miller == (
        (1, 1, 1),
    )


# --- that it runs -----------------------------------------------------------------------------------------------


def test_an_adsorption_energy(tmp_path: Path) -> None:
    """O on Cu(111) by EMT, beside a relaxation of the same starts by BFGS."""
    from ase.optimize import BFGS

    plan = planned(sites={"positions": ["hollow"], "max_per_slab": 1})
    energies, direct = {}, {}
    for member in plan.members:
        result = answered(member, tmp_path)
        assert result.verdict.kind is VerdictKind.CONVERGED
        assert result.answer is not None
        energies[member.key] = result.answer.energy
        atoms = member.start.copy()
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.01, steps=200)
        direct[member.key] = atoms.get_potential_energy()
    member = plan.members[-1]

    def adsorption(found: dict[str, Any]) -> float:
        return float(found[member.key] - sum(n * found[key] for key, n in member.references.items()))

    assert adsorption(energies) == pytest.approx(adsorption(direct), abs=0.01)


@pytest.mark.parametrize("name", ["O", "H2", "N2", "CO", "NO", "NH3", "CO2"])
def test_gas_phase_species_converge(name: str, tmp_path: Path) -> None:
    """A lone atom with one call, and molecules whose bonds are stiff and which turn freely."""
    (member, *_) = planned(
        adsorbates=[{"name": name, "orientation": "upright"}],
        slabs={"miller": [1, 1, 1], "vacuum": 20, "min_lateral": 6},
    ).members
    assert member.key == f"gas-{name}"
    result = answered(member, tmp_path)
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.dft_calls == 1 if name == "O" else result.dft_calls <= 12
