"""Crystals cut along planes."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.neighborlist import neighbor_list

from al_workflows.campaign.crystal import Crystal, crystal
from al_workflows.campaign.slabs import Cuts, Slab, build_slab, miller_indices
from al_workflows.campaign.spec import SlabsSpec
from al_workflows.errors import InputError

COPPER = bulk("Cu")


def slabs(found: Crystal, *millers: tuple[int, ...], **settings: object) -> list[Slab]:
    cuts, spec = Cuts(found), SlabsSpec.model_validate({"fixed_layers": 1} | settings)
    return [build_slab(found, cut, spec, {}) for miller in millers for cut in cuts.along(miller_indices(miller, found))]


@pytest.mark.parametrize("miller", [(1, 1, 1), (1, 0, 0), (1, 1, 0), (2, 1, 1), (3, 2, 1), (4, -1, 2)])
def test_a_slab_is_a_piece_of_the_crystal(miller: tuple[int, int, int]) -> None:
    """Atoms in the middle have the crystal's neighbours, and the area of the cell is that of the lattice plane."""
    found = crystal(COPPER, conventional=True)
    (slab,) = slabs(found, miller, thickness=14.0, max_atoms=1000)
    i = int(np.abs(slab.atoms.positions[:, 2] - slab.atoms.positions[:, 2].mean()).argmin())
    distances = np.sort(neighbor_list("d", slab.atoms, 5.2)[neighbor_list("i", slab.atoms, 5.2) == i])
    expected = np.sort(neighbor_list("d", COPPER, 5.2))
    assert distances == pytest.approx(expected, abs=1e-6)
    area = float(np.linalg.norm(np.cross(*slab.unit.cell.array[:2])))
    planes = np.linalg.norm(np.asarray(miller)) / 3.61  # 1 / d of the conventional cell
    periods = 1 if sum(miller) % 2 == 1 and all(index % 2 for index in miller) else 2  # of fcc
    assert area == pytest.approx(3.61**3 / 4 * planes * periods)
    assert slab.layers >= 14.0 * planes * periods
    cell = slab.atoms.cell.array
    assert cell[2, :2] == pytest.approx(0)
    assert cell[0, 1:] == pytest.approx(0)
    assert np.linalg.det(cell) > 0


def test_it_is_ases_111_slab() -> None:
    (slab,) = slabs(crystal(COPPER, conventional=True), (1, 1, 1))
    theirs = fcc111("Cu", (2, 2, 3), vacuum=6.0)
    assert sorted(slab.atoms.get_all_distances(mic=True).ravel().round(6)) == sorted(
        theirs.get_all_distances(mic=True).ravel().round(6)
    )
    assert slab.repeats == (2, 2)
    assert slab.atoms.pbc.tolist() == [True, True, False]


def test_layers_are_tagged_from_above_and_the_lowest_fixed() -> None:
    (slab,) = slabs(crystal(COPPER, conventional=True), (1, 0, 0), fixed_layers=2)
    heights = [slab.atoms.positions[slab.atoms.get_tags() == layer, 2] for layer in range(1, slab.layers + 1)]
    assert [len(layer) for layer in heights] == [4, 4, 4, 4]
    assert np.diff([layer.mean() for layer in heights]) == pytest.approx(-3.61 / 2)
    (fixed,) = slab.atoms.constraints
    assert set(slab.atoms.get_tags()[fixed.index]) == {3, 4}
    below, above = slab.atoms.positions[:, 2].min(), slab.atoms.cell[2, 2] - slab.atoms.positions[:, 2].max()
    assert below == pytest.approx(6.0)
    assert above == pytest.approx(6.0)


def test_facets_and_terminations_that_symmetry_makes_equal_are_made_once() -> None:
    found = crystal(bulk("Ti"), conventional=True)
    cuts = Cuts(found)
    assert len(cuts.along(miller_indices((0, 0, 0, 1), found))) == 1  # two layers a cell, turned
    assert cuts.equal == 1
    assert len(cuts.along(miller_indices((1, 0, -1, 0), found))) == 2  # gaps of two widths
    assert cuts.along(miller_indices((0, 1, -1, 0), found)) == []


@pytest.mark.parametrize(
    ("structure", "millers", "tops"),
    [
        ("cesiumchloride", [(1, 0, 0)], [{"Cs"}, {"Cl"}]),
        ("rocksalt", [(1, 1, 1)], [{"Cs"}, {"Cl"}]),
        ("rocksalt", [(1, 0, 0)], [{"Cs", "Cl"}]),
        ("zincblende", [(1, 1, 1), (-1, -1, -1)], [{"Cs"}, {"Cl"}, {"Cs"}, {"Cl"}]),  # faces A and B
        ("zincblende", [(1, 1, 1), (-1, -1, 1)], [{"Cs"}, {"Cl"}]),
    ],
)
def test_terminations_have_different_upper_sides(
    structure: str, millers: list[tuple[int, int, int]], tops: list[set[str]]
) -> None:
    found = slabs(crystal(bulk("CsCl", structure, a=6.0), conventional=True), *millers)
    assert [set(slab.unit[slab.unit.get_tags() == 1].symbols) for slab in found] == tops


def test_a_chiral_crystal_keeps_its_hand() -> None:
    """A slab made by a reflection would have the other hand's triple products."""
    places = [(0.1, 0, 0), (0, 0.23, 0.1), (0.4, 0.1, 0.3), (0.6, 0.5, 0.7)]
    spiral = Atoms("Cu3Ag", scaled_positions=places, cell=[5.0, 6.0, 7.0], pbc=True)

    def hand(atoms: Atoms) -> set[float]:
        products = set()
        for i in np.flatnonzero(atoms.symbols == "Ag"):
            near = sorted(atoms.get_distances(i, range(len(atoms)), mic=True).round(4).tolist())[1:4]
            at = [int(np.abs(atoms.get_distances(i, range(len(atoms)), mic=True) - one).argmin()) for one in near]
            vectors = atoms.get_distances(i, at, mic=True, vector=True)
            products.add(round(float(np.linalg.det(vectors)), 3))
        return products

    found = crystal(spiral, conventional=False)
    reference = hand(spiral.repeat((3, 3, 3)))
    for miller in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -1, 1)):
        slab = slabs(found, miller, thickness=30.0, max_atoms=2000, min_lateral=9.0)[0]
        assert reference & hand(slab.atoms)
        assert not {-product for product in reference} & hand(slab.atoms)


@pytest.mark.parametrize("min_lateral", [2.0, 5.0, 8.0])
def test_images_are_as_far_as_is_asked_for(min_lateral: float) -> None:
    for slab in slabs(crystal(bulk("Fe"), conventional=True), (1, 1, 0), (2, 1, 0), min_lateral=min_lateral):
        around = [(i, j) for i in range(-3, 4) for j in range(-3, 4) if (i, j) != (0, 0)]
        assert np.linalg.norm(np.array(around) @ slab.atoms.cell.array[:2], axis=1).min() > min_lateral - 1e-6


@pytest.mark.parametrize(
    ("miller", "said"),
    [
        ((0, 0, 0), "all are 0"),
        ((1, 1), "there are 2"),
        ((1, 0, -1, 0), "hexagonal"),
        ((12, 1, 0), "larger than 9"),
    ],
)
def test_impossible_indices(miller: tuple[int, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        miller_indices(miller, crystal(COPPER, conventional=True))


def test_four_indices_must_fit_together() -> None:
    with pytest.raises(InputError, match="add up to 0"):
        miller_indices((1, 0, 0, 0), crystal(bulk("Ti"), conventional=True))


def test_a_multiple_of_a_facet_is_the_facet() -> None:
    assert miller_indices((2, 2, -2), crystal(COPPER, conventional=True)) == (1, 1, -1)


@pytest.mark.parametrize(("settings", "said"), [({"fixed_layers": 3}, "fixed_layers"), ({"max_atoms": 5}, "max_atoms")])
def test_slabs_that_cannot_be(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        slabs(crystal(COPPER, conventional=True), (1, 1, 1), **settings)
