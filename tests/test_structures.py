"""Reading, judging and naming structures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc100, molecule
from ase.constraints import FixAtoms, FixCartesian, FixedLine
from ase.data import covalent_radii
from ase.io import write

from al_workflows.errors import InputError
from al_workflows.structures import (
    OVERLAP,
    max_force,
    min_distance_ratio,
    read_structure,
    structure_key,
    validate_structure,
)


@pytest.fixture
def slab():
    atoms = fcc100("Cu", (2, 2, 2), a=3.63, vacuum=6.0)
    add_adsorbate(atoms, "C", 1.2, "hollow")
    atoms.center(vacuum=6.0, axis=2)
    atoms.rattle(0.05, seed=3)
    atoms.info.clear()  # ASE cannot write its note on adsorption sites
    atoms.set_constraint(FixAtoms([0, 1, 2, 3]))
    return atoms


class TestRead:
    @pytest.mark.parametrize("name", ["a.extxyz", "a.traj", "POSCAR", "a.json"])
    def test_constraints_survive(self, tmp_path, slab, name):
        write(tmp_path / name, slab)
        atoms = read_structure(tmp_path / name)
        assert np.allclose(atoms.positions, slab.positions, atol=1e-6)
        assert atoms.constraints[0].index.tolist() == [0, 1, 2, 3]

    def test_the_last_image_without_its_results(self, tmp_path, slab):
        from ase.calculators.singlepoint import SinglePointCalculator

        first = slab.copy()
        first.positions[-1, 2] += 1.0
        slab.calc = SinglePointCalculator(slab, energy=1.0)
        write(tmp_path / "run@2.traj", [first, slab])
        atoms = read_structure(tmp_path / "run@2.traj")
        assert np.array_equal(atoms.positions, slab.positions)
        assert atoms.calc is None

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            (None, None, "does not exist; give the path"),
            ("folder", None, "is a directory; give the path"),
            ("a.unheard", "hello", "has no format that ASE knows"),
            ("a.xyz", "", "is empty; give the path"),
            ("a.xyz", "2\n\nCu 0 0\n", "cannot be read"),
            ("a.xyz", "3\n\nCu 0 0 0\n", "cannot be read"),
            ("a.cif", "data_\n_cell 1", "cannot be read"),
            ("POSCAR", "Cu\n1.0\n", "cannot be read"),
            ("a.extxyz", "\x80\x81", "cannot be read"),
            ("a.extxyz", "0\n\n", "there are 0 atoms|cannot be read"),
            ("a.extxyz", "2\nProperties=species:S:1:pos:R:3\nCu nan 0 0\nC 0 0 2\n", r"atom 0 \(Cu\) is \[nan"),
            ("a.extxyz", "2\n\nCu 0 0 0\nC 0 0 0.7\n", "0.700 Å apart, 0.337 times the sum of their covalent radii"),
            ("a.extxyz", '1\nLattice="4 0 0 0 4 0 4 4 0" pbc="T T T"\nCu 0 0 0\n', "span no volume"),
            ("a.extxyz", '1\nLattice="4 0 0 0 4 0 0 0 0" pbc="T T T"\nCu 0 0 0\n', "span no volume"),
            ("a.extxyz", "1\nProperties=species:S:1:pos:R:3:move_mask:L:1\nCu 0 0 0 F\n", "all 1 atoms are fixed"),
            ("a.extxyz", "1\n\nX 0 0 0\n", "atom 0 is 'X' but must be a chemical element"),
        ],
    )
    def test_every_mistake_is_one_line_with_the_file(self, tmp_path, name, text, message):
        path = tmp_path / (name or "missing.xyz")
        if name == "folder":
            path.mkdir()
        elif name is not None:
            path.write_bytes(text.encode("latin-1"))
        with pytest.raises(InputError, match=message) as caught:
            read_structure(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


class TestValidate:
    def test_good_ones_pass(self, slab):
        validate_structure(slab, "slab")
        validate_structure(molecule("CH3OH"), "methanol")
        validate_structure(bulk("Cu"), "copper")
        validate_structure(Atoms("Cu"), "atom")

    def test_a_partly_free_direction_is_freedom(self):
        validate_structure(Atoms("Cu", constraint=FixedLine(0, [1, 1, 0])), "line")

    def test_infinite_cell(self):
        atoms = Atoms("Cu", cell=[4, 4, 4])
        atoms.cell[0, 0] = np.inf
        with pytest.raises(InputError, match="start: the cell is"):
            validate_structure(atoms, "start")


class TestMinDistance:
    @staticmethod
    def brute_force(atoms, images):
        """Over all images within ``images`` cells."""
        radii, best = covalent_radii[atoms.numbers], math.inf
        ranges = [range(-images, images + 1) if p else range(1) for p in atoms.pbc]
        for shift in ((a, b, c) for a in ranges[0] for b in ranges[1] for c in ranges[2]):
            vectors = atoms.positions[None] + np.array(shift) @ atoms.cell.array - atoms.positions[:, None]
            ratio = np.linalg.norm(vectors, axis=2) / (radii[:, None] + radii)
            if shift == (0, 0, 0):
                np.fill_diagonal(ratio, np.inf)
            best = min(best, ratio.min())
        return best

    @pytest.mark.parametrize("seed", range(12))
    def test_against_all_images(self, seed):
        rng = np.random.default_rng(seed)
        number = int(rng.integers(1, 6))
        atoms = Atoms(
            rng.choice(["Cu", "C", "H"], number).tolist(),
            positions=rng.uniform(-5, 5, (number, 3)),
            cell=np.diag(rng.uniform(1.5, 9, 3)) + rng.uniform(-1, 1, (3, 3)),
            pbc=[True, *rng.integers(0, 2, 2).astype(bool)],
        )
        closest = min_distance_ratio(atoms)
        assert closest.ratio == pytest.approx(self.brute_force(atoms, 6), rel=1e-12)
        radii = covalent_radii[atoms.numbers]
        assert closest.distance == pytest.approx(closest.ratio * (radii[closest.i] + radii[closest.j]))

    def test_one_atom_and_its_images(self):
        ratio, i, j, distance = min_distance_ratio(Atoms("Cu", cell=[2.0, 5, 5], pbc=True))
        assert (i, j) == (0, 0)
        assert distance == pytest.approx(2.0)
        assert ratio == pytest.approx(2.0 / (2 * covalent_radii[29]))

    def test_a_tiny_cell(self):
        assert min_distance_ratio(Atoms("Cu", cell=[1e-3, 5, 5], pbc=True)).distance == pytest.approx(1e-3)

    def test_one_atom_alone(self):
        assert min_distance_ratio(Atoms("Cu")).ratio == math.inf

    def test_atoms_far_apart(self):
        assert min_distance_ratio(Atoms("Cu2", positions=[[0, 0, 0], [0, 30, 40]])).distance == pytest.approx(50.0)

    def test_coincident_atoms(self):
        closest = min_distance_ratio(Atoms("CuC", positions=np.zeros((2, 3))))
        assert closest.ratio == 0.0
        assert {closest.i, closest.j} == {0, 1}
        assert closest.ratio < OVERLAP

    def test_the_smallest_ratio_is_not_the_smallest_distance(self):
        atoms = Atoms("H2Cu2", positions=[[0, 0, 0], [0, 0, 0.74], [9, 0, 0], [9, 0, 1.6]])
        assert {min_distance_ratio(atoms).i, min_distance_ratio(atoms).j} == {2, 3}


class TestKey:
    def test_what_does_not_matter(self, slab):
        other = slab.copy()
        other.set_constraint()
        other.set_tags(range(len(other)))
        other.positions += 4e-8 * np.sign(np.round(other.positions, 6) - other.positions)
        other.info["note"] = 1
        assert structure_key(other) == structure_key(slab)

    def test_negative_zero_is_zero(self):
        assert structure_key(Atoms("H", positions=[[-0.0, -1e-9, 0]])) == structure_key(Atoms("H"))

    @pytest.mark.parametrize("what", ["position", "species", "order", "cell", "pbc", "magmom", "charge"])
    def test_what_matters(self, slab, what):
        other = slab.copy()
        if what == "position":
            other.positions[0, 0] += 2e-6
        elif what == "species":
            other.symbols[0] = "Ag"
        elif what == "order":
            other = other[::-1]
        elif what == "cell":
            other.set_cell(other.cell.array + np.diag([0, 0, 2e-6]))
        elif what == "pbc":
            other.pbc = True
        elif what == "magmom":
            other.set_initial_magnetic_moments([0.1] + [0.0] * (len(other) - 1))
        else:
            other.set_initial_charges([0.1] + [0.0] * (len(other) - 1))
        assert structure_key(other) != structure_key(slab)

    def test_zero_moments_are_none(self, slab):
        other = slab.copy()
        other.set_initial_magnetic_moments(np.zeros(len(other)))
        assert structure_key(other) == structure_key(slab)


class TestMaxForce:
    forces = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]])

    def test_free_atoms(self):
        assert max_force(Atoms("Cu2"), self.forces) == 5.0

    @pytest.mark.parametrize(
        ("constraint", "expected"),
        [
            (FixAtoms([0]), 1.0),
            (FixCartesian(0, [True, False, False]), 4.0),
            (FixedLine(0, [1, 0, 0]), 3.0),
            (FixAtoms([0, 1]), 0.0),
        ],
    )
    def test_constraints_count_by_component(self, constraint, expected):
        atoms, forces = Atoms("Cu2", constraint=constraint), self.forces.copy()
        assert max_force(atoms, forces) == pytest.approx(expected)
        assert np.array_equal(forces, self.forces)

    def test_nan_is_not_hidden(self):
        assert math.isnan(max_force(Atoms("Cu2"), np.array([[np.nan, 0, 0], [1, 0, 0]])))
