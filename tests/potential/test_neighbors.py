"""Neighbours, against ASE's own search."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from al_workflows.potential.neighbors import find_neighbors
from tests.potential.structures import STRUCTURES


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("cutoff", [3.0, 6.0])
def test_same_pairs_as_ase(name: str, cutoff: float) -> None:
    atoms = STRUCTURES[name]()
    found = find_neighbors(atoms, cutoff)
    first, second, vectors = neighbor_list("ijD", atoms, cutoff)
    mine = np.column_stack([np.repeat(np.arange(len(atoms)), np.diff(found.offsets)), found.second, found.vectors])
    theirs = np.column_stack([first, second, vectors])
    assert mine.shape == theirs.shape
    for rows in (mine, theirs):
        rows[:] = rows[np.lexsort(np.round(rows, 6).T)]
    np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_vector_leads_from_first_to_second() -> None:
    atoms = Atoms("HO", positions=[[0, 0, 0], [0, 0, 1.1]])
    found = find_neighbors(atoms, 2.0)
    np.testing.assert_allclose(found.vectors, [[0, 0, 1.1], [0, 0, -1.1]])
    assert found.second.tolist() == [1, 0]
    assert found.offsets.tolist() == [0, 1, 2]


def test_alone_without_neighbors() -> None:
    found = find_neighbors(Atoms("C"), 6.0)
    assert len(found.second) == 0
    assert found.offsets.tolist() == [0, 0]


def test_own_images() -> None:
    found = find_neighbors(Atoms("Cu", cell=[2.5, 20, 20], pbc=True), 3.0)
    np.testing.assert_allclose(np.sort(found.vectors[:, 0]), [-2.5, 2.5])
    assert found.second.tolist() == [0, 0]


def test_periodic_without_a_cell_vector_is_not_periodic() -> None:
    found = find_neighbors(Atoms("C2", positions=[[0, 0, 0], [0, 0, 1.3]], pbc=True), 6.0)
    assert len(found.second) == 2
