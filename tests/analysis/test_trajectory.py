"""What is read off trajectories, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc100
from ase.constraints import FixAtoms

from al_workflows.analysis.trajectory import TOTAL, difference, mean_square_displacement, radial_distribution


def test_shells_of_a_crystal_hold_their_neighbours() -> None:
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True)
    found = radial_distribution(atoms, atoms.positions[None], reach=4.0)
    edges = np.arange(0.0, 4.0 + 0.025, 0.05)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    neighbours = found.values[TOTAL] * shells * len(atoms) / atoms.cell.volume
    first, second = abs(found.distances - 3.6 / np.sqrt(2)) < 0.1, abs(found.distances - 3.6) < 0.1
    assert neighbours[first].sum() == pytest.approx(12)
    assert neighbours[second].sum() == pytest.approx(6)
    assert neighbours.sum() == pytest.approx(18)


def test_partial_functions_add_up_to_the_total() -> None:
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    found = radial_distribution(atoms, atoms.positions[None], reach=5.0)
    assert found.values.keys() == {TOTAL, "Cl-Cl", "Cl-Na", "Na-Na"}
    assert found.values["Cl-Na"][found.distances < 3].sum() > 0
    assert found.values["Na-Na"][found.distances < 3].sum() == 0
    mean = (found.values["Cl-Cl"] + 2 * found.values["Cl-Na"] + found.values["Na-Na"]) / 4
    assert found.values[TOTAL] == pytest.approx(mean)


def test_a_gas_has_one_everywhere() -> None:
    atoms = Atoms("Ar400", cell=[15, 15, 15], pbc=True)
    frames = np.random.default_rng(0).uniform(0, 15, (5, 400, 3))
    found = radial_distribution(atoms, frames, width=0.5)
    assert found.values[TOTAL][2:] == pytest.approx(1.0, abs=0.1)
    assert difference(found, found) == 0


def test_molecules_without_a_cell() -> None:
    atoms = Atoms("N2", [[0, 0, 0], [0, 0, 1.1]])
    found = radial_distribution(atoms, atoms.positions[None])
    assert found.distances[np.argmax(found.values["N-N"])] == pytest.approx(1.1, abs=0.05)


def test_displacements_of_free_flight_and_of_what_is_held() -> None:
    slab = fcc100("Cu", (2, 2, 2), vacuum=5.0)
    slab.set_constraint(FixAtoms(range(4)))
    moves = np.zeros((11, 8, 3))
    moves[:, 4:, 0] = 0.1 * np.arange(11)[:, None]  # far beyond half a cell: positions are not wrapped
    found = mean_square_displacement(slab, slab.positions + 40 * moves)
    assert found.keys() == {"Cu"}
    assert found["Cu"] == pytest.approx((4.0 * np.arange(6)) ** 2)
    slab.set_constraint()
    together = np.broadcast_to(np.linspace(0, 5, 11)[:, None, None], (11, 8, 3))
    assert mean_square_displacement(slab, slab.positions + together)["Cu"] == pytest.approx(np.zeros(6), abs=1e-20)
