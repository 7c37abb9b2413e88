"""Adsorption sites of a slab: pymatgen's, named by how many atoms they lie between, with all their images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from al_workflows.campaign.crystal import asking_pymatgen
from al_workflows.campaign.slabs import Slab
from al_workflows.campaign.spec import SiteKind
from al_workflows.records import FloatArray

#: a site belongs to the surface atoms that are no farther than this times the nearest one
SHELL = 1.1
#: Å: sites, and images of sites, nearer to each other than this are one
SAME_SITE = 0.15
#: Å: what the finder and the symmetry of a slab are asked with
SLAB_SYMPREC = 0.1
#: Å: an atom this far aside is below a site
BELOW = 0.5
#: in this order sites are counted and kept
KINDS: tuple[SiteKind, ...] = ("hollow", "bridge", "ontop")


@dataclass(frozen=True, eq=False)
class Site:
    """A site of a slab's primitive surface cell.

    ``position`` is the middle of its ``neighbors`` surface atoms, Å; ``images`` [M, 3] are all that are equal to it by
    symmetry in that cell, itself first. ``below`` is the layer of the atom under it, 0 if there is none.
    """

    name: str
    kind: SiteKind
    position: FloatArray
    images: FloatArray
    neighbors: int
    below: int


@dataclass(frozen=True, eq=False)
class SlabSymmetry:
    """Operations that leave a slab and its upper side: x → R x + t on scaled coordinates, [S, 3, 3] and [S, 3]."""

    rotations: FloatArray
    translations: FloatArray

    def images(self, scaled: FloatArray) -> FloatArray:
        """Those of a point, [S, 3], not wrapped."""
        return np.asarray(self.rotations @ scaled + self.translations)


def slab_symmetry(unit: Atoms) -> SlabSymmetry:
    """Symmetry of a primitive surface cell that keeps up up.

    Raises
    ------
    InputError
        There is none.
    """
    from pymatgen.core import Structure
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    structure = Structure(unit.cell.array, unit.get_chemical_symbols(), unit.get_scaled_positions())
    with asking_pymatgen("the symmetry of a slab"):
        operations = SpacegroupAnalyzer(structure, SLAB_SYMPREC).get_symmetry_operations()
    rotations = np.array([operation.rotation_matrix for operation in operations])
    translations = np.array([operation.translation_vector for operation in operations])
    up = np.isclose(rotations[:, 2, 2], 1.0)  # the others turn the slab over
    return SlabSymmetry(rotations[up], translations[up])


def find_sites(slab: Slab, symmetry: SlabSymmetry, depth: float) -> tuple[Site, ...]:
    """All sites that differ, hollows first; atoms within ``depth`` (Å) of the highest have sites.

    Raises
    ------
    InputError
        None can be found.
    """
    from pymatgen.analysis.adsorption import AdsorbateSiteFinder
    from pymatgen.core import Structure

    unit = slab.unit
    structure = Structure(unit.cell.array, unit.get_chemical_symbols(), unit.get_scaled_positions())
    with asking_pymatgen("the sites of a slab"):
        finder = AdsorbateSiteFinder(structure, height=depth)
        found = finder.find_adsorption_sites(distance=0.0)
    surface = np.array([site.coords for site in finder.surface_sites])
    around = _repeated(surface, unit)
    different: list[tuple[SiteKind, FloatArray, FloatArray, int]] = []
    for label in ("ontop", "bridge", "hollow"):
        for position in found[label]:
            images = _distinct_images(np.asarray(position), unit, symmetry)
            if any(_nearest(position, others, unit) < SAME_SITE for _, _, others, _ in different):
                continue  # the middle of a square is the middle of its diagonals
            neighbors = _neighbors(np.asarray(position), around)
            different.append((_kind(label, neighbors), np.asarray(position), images, neighbors))
    return _named(different, slab)


def _named(found: list[tuple[SiteKind, FloatArray, FloatArray, int]], slab: Slab) -> tuple[Site, ...]:
    """Sites with names that do not hang on the order in which the finder gives them."""

    def order(one: tuple[SiteKind, FloatArray, FloatArray, int]) -> tuple[object, ...]:
        kind, position, images, neighbors = one
        height = round(float(position[2]), 2)
        return KINDS.index(kind), -neighbors, -height, _below(position, slab), len(images), *position.round(2)

    counts: dict[str, int] = {}
    sites = []
    for kind, position, images, neighbors in sorted(found, key=order):
        counts[kind] = counts.get(kind, 0) + 1
        below = _below(position, slab)
        sites.append(Site(f"{kind}{counts[kind]}", kind, position, images, neighbors, below))
    return tuple(sites)


def _kind(label: str, neighbors: int) -> SiteKind:
    if label == "bridge" and neighbors > 2:
        return "hollow"  # of four atoms or more: the finder knows those of three
    return "ontop" if label == "ontop" else "bridge" if label == "bridge" else "hollow"


def _neighbors(position: FloatArray, surface: FloatArray) -> int:
    """Number of surface atoms that the site lies between."""
    distances = np.linalg.norm(surface - position, axis=1)
    return int((distances < SHELL * distances.min() + 0.05).sum())


def _below(position: FloatArray, slab: Slab) -> int:
    """The layer of the highest atom under a site, 0 if there is none, as under fcc's hollow in a thin slab."""
    unit = slab.unit
    delta = unit.positions - position
    scaled = unit.cell.scaled_positions(delta)
    scaled[:, :2] -= np.round(scaled[:, :2])
    aside = np.linalg.norm((scaled @ unit.cell.array)[:, :2], axis=1)
    under = (aside < BELOW) & (delta[:, 2] < -BELOW)
    return int(unit.get_tags()[under].min()) if under.any() else 0


def _distinct_images(position: FloatArray, unit: Atoms, symmetry: SlabSymmetry) -> FloatArray:
    """Images of ``position`` in one cell, each once, itself first, [M, 3]."""
    scaled = unit.cell.scaled_positions(position[None])[0]
    kept = [position]
    for image in symmetry.images(scaled):
        inside = image.copy()
        inside[:2] -= np.floor(inside[:2] + 1e-6)
        point = inside @ unit.cell.array
        if _nearest(point, np.array(kept), unit) > SAME_SITE:
            kept.append(point)
    return np.array(kept)


def _nearest(point: FloatArray, others: FloatArray, unit: Atoms) -> float:
    """Distance (Å) of ``point`` to the nearest of ``others`` [M, 3], or of their periodic images in the plane."""
    scaled = unit.cell.scaled_positions(others - point)
    scaled[:, :2] -= np.round(scaled[:, :2])
    return float(np.linalg.norm(scaled @ unit.cell.array, axis=1).min())


def _repeated(points: FloatArray, unit: Atoms) -> FloatArray:
    """``points`` [M, 3] with their images in the 24 cells around."""
    steps = np.array([(i, j, 0) for i in range(-2, 3) for j in range(-2, 3)]) @ unit.cell.array
    return np.asarray((points[None] + steps[:, None]).reshape(-1, 3))
