"""Displacements under periodic boundaries, and pieces."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from al_workflows.geometry import displacements, largest_displacement, nearest, pieces
from al_workflows.neighbors import find_neighbors
from tests.builders import slab


def test_displacement_is_that_of_the_minimum_image() -> None:
    atoms = slab()
    moved = atoms.copy()
    moved.positions[3] += [0.3, 0, 0.4]
    moved.positions += atoms.cell[0] - 2 * atoms.cell[1]  # whole cells do not count along periodic directions
    expected = np.zeros(len(atoms))
    expected[3] = 0.5
    assert displacements(moved, atoms) == pytest.approx(expected, abs=1e-12)
    moved.positions[:, 2] += 1.0  # not periodic
    assert largest_displacement(moved, atoms) == pytest.approx(np.hypot(0.3, 1.4))


def test_displacement_of_a_molecule_is_plain() -> None:
    atoms = molecule("H2O")
    moved = atoms.copy()
    moved.positions[1] += [3.0, 4.0, 0.0]
    assert displacements(moved, atoms) == pytest.approx([0, 5, 0])


def test_nearest() -> None:
    atoms, near, far = slab(), slab(), slab()
    near.positions[-1, 2] += 0.2
    far.positions[-1, 2] += 0.7
    assert nearest(atoms, [far, near]) == (1, pytest.approx(0.2))
    far.positions[0] += atoms.cell[0] + atoms.cell[1]  # wrapped
    assert nearest(atoms, [far]) == (0, pytest.approx(0.7))
    assert nearest(atoms, []) == (-1, float("inf"))


def test_fragments_count_across_the_boundary() -> None:
    atoms = Atoms("Ar2", positions=[[0.5, 0, 0], [9.5, 0, 0]], cell=[10, 10, 10], pbc=(True, False, False))
    assert pieces(find_neighbors(atoms, 1.5)) == 1
    atoms.pbc = False
    assert pieces(find_neighbors(atoms, 1.5)) == 2
