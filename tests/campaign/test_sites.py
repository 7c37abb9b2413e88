"""Sites, adsorbates on them, and ways between them."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111
from ase.data import covalent_radii

from al_workflows.campaign.adsorbate_spec import AdsorbateSpec
from al_workflows.campaign.adsorbates import (
    adsorbate_atoms,
    closest_ratio,
    oriented,
    placed,
    refuse_too_large,
    species_atoms,
)
from al_workflows.campaign.coverage import places
from al_workflows.campaign.crystal import crystal
from al_workflows.campaign.hops import find_hops, fits
from al_workflows.campaign.sites import Site, SlabSymmetry, find_sites, slab_symmetry
from al_workflows.campaign.slabs import Cuts, Slab, build_slab
from al_workflows.campaign.spec import CoverageSpec, PathsSpec, SlabsSpec
from al_workflows.errors import InputError


def surface(
    element: str, miller: tuple[int, int, int], **settings: object
) -> tuple[Slab, tuple[Site, ...], SlabSymmetry]:
    found = crystal(bulk(element), conventional=True)
    (cut, *_) = Cuts(found).along(miller)
    slab = build_slab(found, cut, SlabsSpec.model_validate(settings), {})
    symmetry = slab_symmetry(slab.unit)
    return slab, find_sites(slab, symmetry, depth=0.9), symmetry


@pytest.mark.parametrize(
    ("element", "miller", "expected"),
    [
        ("Cu", (1, 1, 1), {"hollow1": 3, "hollow2": 3, "bridge1": 2, "ontop1": 1}),
        ("Cu", (1, 0, 0), {"hollow1": 4, "bridge1": 2, "ontop1": 1}),
        ("Cu", (1, 1, 0), {"hollow1": 4, "bridge1": 2, "bridge2": 2, "ontop1": 1}),  # short and long bridge
        ("Fe", (1, 0, 0), {"hollow1": 4, "bridge1": 2, "ontop1": 1}),
        ("Ti", (0, 0, 1), {"hollow1": 3, "hollow2": 3, "bridge1": 2, "ontop1": 1}),
    ],
)
def test_sites_of_simple_facets(element: str, miller: tuple[int, int, int], expected: dict[str, int]) -> None:
    _, sites, _ = surface(element, miller)
    assert {site.name: site.neighbors for site in sites} == expected


def test_a_square_has_two_bridges_that_are_one() -> None:
    slab, sites, _ = surface("Cu", (1, 0, 0))
    bridge = next(site for site in sites if site.kind == "bridge")
    assert len(bridge.images) == 2
    assert bridge.images[0] == pytest.approx(bridge.position)
    assert len(slab.unit) == 4


def test_fcc_and_hcp_hollows_are_told_apart() -> None:
    _, sites, _ = surface("Cu", (1, 1, 1))
    assert {site.name: site.below for site in sites if site.kind == "hollow"} == {"hollow1": 2, "hollow2": 3}


@pytest.mark.parametrize("name", ["O", "CO", "OH", "NH3", "CH3", "C6H6"])
def test_adsorbates_touch_the_surface_and_no_more(name: str) -> None:
    slab, sites, _ = surface("Pd", (1, 1, 1), min_lateral=10.0, vacuum=30.0)
    adsorbate = oriented(AdsorbateSpec(name=name), species_atoms(name))
    for site in sites:
        positions = placed(adsorbate, slab.atoms, site.position)
        assert positions[adsorbate.binding, :2] == pytest.approx(site.position[:2])
        everything = slab.atoms + Atoms(adsorbate.atoms.numbers, positions)
        guests = range(len(slab.atoms), len(everything))
        radii = covalent_radii[everything.numbers]
        ratios = [
            float(
                (
                    everything.get_distances(i, range(len(slab.atoms)), mic=True)
                    / (radii[i] + radii[: len(slab.atoms)])
                ).min()
            )
            for i in guests
        ]
        assert min(ratios) == pytest.approx(closest_ratio(adsorbate, positions, slab.atoms), abs=1e-6)
        assert min(ratios) > 1 - 1e-6
        others = ratios[: adsorbate.binding] + ratios[adsorbate.binding + 1 :]
        assert min(others, default=2.0) > 1.2 - 1e-6
        assert ratios[adsorbate.binding] < 1 + 1e-6 or min(others) < 1.2 + 1e-6


def test_upright_is_with_the_rest_above() -> None:
    carbon_down = oriented(AdsorbateSpec(name="CO"), species_atoms("CO")).atoms
    assert carbon_down.positions[carbon_down.symbols == "C"] == pytest.approx(np.zeros((1, 3)))
    assert carbon_down.positions[carbon_down.symbols == "O"][0, 2] > 1.0
    oxygen_down = oriented(AdsorbateSpec(name="CO", binding_atom=0), species_atoms("CO")).atoms
    assert oxygen_down.positions[oxygen_down.symbols == "C"][0, 2] > 1.0
    lying = oriented(AdsorbateSpec(name="CO", rotation=(90, 0, 0)), species_atoms("CO")).atoms
    assert lying.positions[:, 2] == pytest.approx(np.zeros(2), abs=1e-9)


def test_the_users_height_counts() -> None:
    slab, sites, _ = surface("Cu", (1, 1, 1))
    adsorbate = oriented(AdsorbateSpec(name="O", height=1.7), species_atoms("O"))
    assert placed(adsorbate, slab.atoms, sites[0].position)[0, 2] == pytest.approx(
        slab.atoms.positions[:, 2].max() + 1.7
    )


def test_it_is_where_ase_puts_it() -> None:
    slab, sites, _ = surface("Cu", (1, 1, 1))
    theirs = fcc111("Cu", (2, 2, 3), vacuum=6.0)
    height = 1.5
    add_adsorbate(theirs, "O", height, "fcc")
    adsorbate = oriented(AdsorbateSpec(name="O", height=height), species_atoms("O"))
    fcc = next(site for site in sites if site.below == 3)
    ours = slab.atoms + Atoms("O", placed(adsorbate, slab.atoms, fcc.position))
    expected = np.sort(theirs.get_distances(-1, range(12), mic=True))
    assert np.sort(ours.get_distances(-1, range(12), mic=True)) == pytest.approx(expected, abs=1e-6)


def test_what_touches_its_image_or_the_end_of_the_cell_is_refused() -> None:
    slab, sites, _ = surface("Cu", (1, 1, 1))
    flat = oriented(AdsorbateSpec(name="C6H6", orientation="as_given"), species_atoms("C6H6"))
    with pytest.raises(InputError, match="from its own image and touches it"):
        refuse_too_large(flat, slab.atoms)
    tall = oriented(AdsorbateSpec(name="C6H6"), species_atoms("C6H6"))
    with pytest.raises(InputError, match="vacuum"):
        placed(tall, slab.atoms, sites[0].position)
    refuse_too_large(oriented(AdsorbateSpec(name="O"), species_atoms("O")), slab.atoms)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"name": "Xy"}, "ASE has no atom or molecule"),
        ({"name": "a", "symbols": "CO", "positions": [[0, 0, 0]]}, "do not fit"),
        ({"name": "a", "symbols": "CO", "positions": [[0, 0, 0], [0, 0, 0.1]]}, "one place"),
        ({"name": "O", "binding_atom": 1}, "binding_atom"),
    ],
)
def test_adsorbates_that_cannot_be(spec: dict[str, object], said: str, tmp_path: object) -> None:
    found = AdsorbateSpec.model_validate(spec)
    with pytest.raises(InputError, match=said):
        oriented(found, adsorbate_atoms(found, tmp_path))  # type: ignore[arg-type]


def test_several_adsorbates_are_spread() -> None:
    slab, sites, _ = surface("Cu", (1, 0, 0))
    oxygen = oriented(AdsorbateSpec(name="O"), species_atoms("O"))
    two = places(sites[0], slab, CoverageSpec(adsorbates=2), oxygen)
    assert np.linalg.norm(two[1] - two[0]) == pytest.approx(3.61)  # across the diagonal of 2 × 2
    four = places(sites[0], slab, CoverageSpec(adsorbates=4), oxygen)
    assert len({tuple(place.round(3)) for place in four}) == 4
    with pytest.raises(InputError, match="min_spacing"):
        places(sites[0], slab, CoverageSpec(adsorbates=4, min_spacing=3.0), oxygen)
    with pytest.raises(InputError, match="the cell has 4 sites"):
        places(sites[0], slab, CoverageSpec(adsorbates=5), oxygen)
    lying = oriented(AdsorbateSpec(name="CO", rotation=(0, 90, 0)), species_atoms("CO"))
    with pytest.raises(InputError, match="touch"):
        places(sites[0], slab, CoverageSpec(adsorbates=4), lying)


@pytest.mark.parametrize(
    ("miller", "lengths"),
    [
        ((1, 1, 1), [2.553 / np.sqrt(3)]),  # hcp to fcc; the longer ones go over others
        ((1, 0, 0), [2.553]),
        ((1, 1, 0), [2.553]),  # along the row; across it is farther than max_distance
    ],
)
def test_ways_between_hollows(miller: tuple[int, int, int], lengths: list[float]) -> None:
    slab, sites, symmetry = surface("Cu", miller)
    hops = find_hops(slab, sites, symmetry, PathsSpec())
    assert [hop.length for hop in hops.different] == pytest.approx(lengths, abs=1e-3)
    assert hops.equal > 0
    assert all(fits(hop, slab) for hop in hops.different)
    everything = find_hops(slab, sites, symmetry, PathsSpec(between="all", max_distance=5.2))
    assert len(everything.different) > len(lengths)


def test_a_way_to_a_nearer_image_does_not_fit() -> None:
    slab, sites, symmetry = surface("Cu", (1, 0, 0), supercell=(1, 1))
    (hop,) = find_hops(slab, sites, symmetry, PathsSpec()).different
    assert not fits(hop, slab)  # it ends where it begins, a cell farther
