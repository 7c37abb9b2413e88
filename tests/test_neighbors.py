"""Neighbours, against ASE's own search."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from al_workflows.errors import InputError
from al_workflows.neighbors import Neighbors, find_neighbors, find_shifts
from al_workflows.potential import neighbor_cache
from al_workflows.potential.neighbor_cache import NeighborCache
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


@pytest.mark.parametrize("name", ["slab", "cluster", "chain", "oblique"])
@pytest.mark.parametrize("distance", [1e3, 1e7, 1e12])
def test_far_away_atom_costs_nothing(name: str, distance: float) -> None:
    """The search must neither hang nor die when a simulation explodes."""
    atoms = STRUCTURES[name]()
    near = find_neighbors(atoms[:-1], 6.0)
    stray = find_neighbors(_with_stray(atoms, distance), 6.0)
    if not atoms.pbc.all():
        count = len(near.second)
        assert stray.offsets[-2] == count
        assert set(stray.second[count:]) <= {len(atoms) - 1}  # it may meet its own images
        np.testing.assert_allclose(stray.vectors[:count], near.vectors, atol=1e-9)


def _with_stray(atoms: Atoms, distance: float) -> Atoms:
    moved = atoms.copy()
    moved.positions[-1] += [0.7 * distance, 0.2 * distance, distance]
    return moved


def test_not_finite() -> None:
    with pytest.raises(InputError, match="finite"):
        find_neighbors(Atoms("C2", positions=[[0, 0, 0], [0, 0, np.nan]]), 6.0)


# --- remembered -------------------------------------------------------------------------------------------------


def assert_same_bits(one: Neighbors, other: Neighbors) -> None:
    for name in ("offsets", "second", "vectors"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("name", STRUCTURES)
def test_remembered_neighbors_are_the_searched_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    searches = counted_searches(monkeypatch)
    atoms, cache, rng = STRUCTURES[name](), NeighborCache(skin=0.8), np.random.default_rng(0)
    for _ in range(40):
        atoms.positions += rng.normal(0, 0.03, atoms.positions.shape)
        assert_same_bits(cache.find(atoms, 4.5), find_neighbors(atoms, 4.5))
    assert len(searches) < 20


def counted_searches(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    searches: list[float] = []

    def counted(atoms: Atoms, cutoff: float):
        searches.append(cutoff)
        return find_shifts(atoms, cutoff)

    monkeypatch.setattr(neighbor_cache, "find_shifts", counted)
    return searches


@pytest.mark.parametrize("change", ["cell", "pbc", "cutoff", "fewer", "wrapped", "far"])
def test_a_change_is_noticed(change: str) -> None:
    atoms, cache, cutoff = STRUCTURES["slab"](), NeighborCache(), 5.0
    cache.find(atoms, cutoff)
    if change == "cell":
        atoms.set_cell(atoms.cell.array * 0.9)
    elif change == "pbc":
        atoms.pbc = False
    elif change == "cutoff":
        cutoff = 5.6
    elif change == "fewer":
        atoms = atoms[:-1]
    elif change == "wrapped":
        atoms.positions[0] += atoms.cell[0]
    else:
        atoms.positions[-1, 2] += 1e7
    assert_same_bits(cache.find(atoms, cutoff), find_neighbors(atoms, cutoff))


def test_half_of_the_skin_is_safe() -> None:
    """Two atoms that approach by all that is allowed meet the cutoff from outside the skin."""
    atoms, cache = Atoms("C2", positions=[[0, 0, 0], [0, 0, 5.79]]), NeighborCache(skin=0.8)
    assert len(cache.find(atoms, 5.0).second) == 0
    atoms.positions[:, 2] += [0.3999, -0.3999]
    assert len(cache.find(atoms, 5.0).second) == 2
