"""Ways from a site to its neighbours on a slab, one of each that are equal by symmetry. Lengths are Å."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from al_workflows.campaign.sites import Site, SlabSymmetry
from al_workflows.campaign.slabs import Slab
from al_workflows.campaign.spec import PathsSpec
from al_workflows.records import FloatArray

#: decimals of scaled coordinates in which equal ways are told
DECIMALS = 2


@dataclass(frozen=True, eq=False)
class Hop:
    """From ``start`` to an image of ``end`` at ``position`` (Å, [3]), which may lie beyond the cell; ``length`` in the
    plane."""

    start: Site
    end: Site
    position: FloatArray
    length: float


@dataclass(frozen=True)
class Hops:
    """``different`` ones, shortest first; ``equal`` others were the same by symmetry."""

    different: tuple[Hop, ...]
    equal: int


def find_hops(slab: Slab, sites: Sequence[Site], symmetry: SlabSymmetry, spec: PathsSpec) -> Hops:
    """The ways between ``sites`` that ``spec`` asks for."""
    chosen = [site for site in sites if site.kind in spec.sites]
    if not chosen:
        return Hops((), 0)
    unit = slab.unit
    reach = [
        int(np.ceil(spec.max_distance * np.linalg.norm(vector))) + 1 for vector in unit.cell.reciprocal().array[:2]
    ]
    steps = [(i, j, 0) for i in range(-reach[0], reach[0] + 1) for j in range(-reach[1], reach[1] + 1)]
    shifts = np.array(steps) @ unit.cell.array  # [K, 3]
    points = np.concatenate([(shifts[:, None] + site.images).reshape(-1, 3) for site in chosen])  # [P, 3]
    owners = [site for site in chosen for _ in range(len(shifts) * len(site.images))]
    seen: set[tuple[object, ...]] = set()
    found, equal = list[Hop](), 0
    for start in chosen:
        lengths = np.linalg.norm((points - start.position)[:, :2], axis=1)
        for k in np.lexsort((*points.round(DECIMALS).T, lengths.round(DECIMALS))):
            length = float(lengths[k])
            if not 0.2 < length <= spec.max_distance + 1e-6:
                continue
            if spec.between == "neighbours" and not _neighbours(start.position, points[k], points):
                continue
            names = sorted((start.name, owners[k].name))
            way = (*names, _canonical(slab, symmetry, start.position, points[k]))
            if way in seen:
                equal += 1
                continue
            seen.add(way)
            found.append(Hop(start, owners[k], points[k], length))
    found.sort(key=lambda hop: round(hop.length, DECIMALS))
    return Hops(tuple(found[: spec.max_per_slab]), equal)


def fits(hop: Hop, slab: Slab) -> bool:
    """Whether no image of the hop's end in the slab's cell is nearer to its start: else another way is shorter."""
    vector = (hop.position - hop.start.position)[:2]
    cell = slab.atoms.cell.array[:2, :2]
    images = np.array([(i, j) for i in range(-2, 3) for j in range(-2, 3)]) @ cell + vector
    return bool(np.linalg.norm(images, axis=1).min() > hop.length - 1e-3)


def _neighbours(one: FloatArray, other: FloatArray, points: FloatArray) -> bool:
    """Whether no third point is within or on the circle over both (they share an edge of Gabriel's graph)."""
    middle, radius = (one + other)[:2] / 2, float(np.linalg.norm((other - one)[:2])) / 2
    third = np.minimum(*(np.linalg.norm((points - end)[:, :2], axis=1) for end in (one, other))) > 0.1
    return not bool((third & (np.linalg.norm(points[:, :2] - middle, axis=1) < radius + 0.05)).any())


def _canonical(slab: Slab, symmetry: SlabSymmetry, one: FloatArray, other: FloatArray) -> tuple[float, ...]:
    """Coordinates that all ways equal to this one by symmetry, and the way back, have in common."""
    ends = slab.unit.cell.scaled_positions(np.array([one, other]))
    forms = []
    for first, second in zip(symmetry.images(ends[0]), symmetry.images(ends[1]), strict=True):
        for a, b in ((first, second), (second, first)):
            start = np.round(a[:2] % 1.0, DECIMALS) % 1.0
            forms.append(tuple(float(x) + 0.0 for x in (*start, *np.round((b - a)[:2], DECIMALS))))
    return min(forms)
