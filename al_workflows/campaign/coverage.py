"""Several adsorbates in a cell, on sites of one kind. Lengths are Å."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from al_workflows.campaign.adsorbates import Adsorbate, touching
from al_workflows.campaign.sites import Site
from al_workflows.campaign.slabs import Slab
from al_workflows.campaign.spec import CoverageSpec
from al_workflows.errors import InputError
from al_workflows.records import FloatArray


def places(site: Site, slab: Slab, coverage: CoverageSpec, adsorbate: Adsorbate) -> FloatArray:
    """Where ``coverage.adsorbates`` are put, [n, 3]: the site, then each on the image that is farthest from all before.

    Raises
    ------
    InputError
        There are not so many images, or they are too close.
    """
    number = coverage.adsorbates
    if number == 1:
        return np.asarray(site.position[None])
    n, m = slab.repeats
    steps = np.array([(i, j, 0) for i in range(n) for j in range(m)]) @ slab.unit.cell.array
    candidates = (steps[:, None] + site.images).reshape(-1, 3)  # the site itself first
    if len(candidates) < number:
        raise InputError(
            f"{number} adsorbates: the cell has {len(candidates)} sites {site.name}; raise `slabs.min_lateral` or "
            "take fewer"
        )
    chosen, nearest = [0], _distances(candidates, candidates[0], slab.atoms)
    spacing = float("inf")
    while len(chosen) < number:
        following = int(np.lexsort((np.arange(len(candidates)), -nearest.round(3)))[0])
        spacing = min(spacing, float(nearest[following]))
        chosen.append(following)
        nearest = np.minimum(nearest, _distances(candidates, candidates[following], slab.atoms))
    if spacing < coverage.min_spacing - 1e-6:
        raise InputError(
            f"{number} adsorbates: on sites {site.name} they are {spacing:.2f} Å apart but `min_spacing` is "
            f"{coverage.min_spacing:g}; raise `slabs.min_lateral` or lower it"
        )
    found = candidates[chosen]
    for k, one in enumerate(found):
        closest = touching(adsorbate, slab.atoms, found[k + 1 :] - one)
        if closest is not None:
            raise InputError(
                f"{number} adsorbates {adsorbate.name}: on sites {site.name} two are {closest:.2f} Å from each other "
                "and "
                "touch; raise `slabs.min_lateral` or take fewer"
            )
    return np.asarray(found)


def monolayers(number: int, slab: Slab) -> str:
    """Adsorbates per primitive surface cell, as members' tags have it."""
    return f"{number / (slab.repeats[0] * slab.repeats[1]):.3g}"


def _distances(points: FloatArray, one: FloatArray, atoms: Atoms) -> FloatArray:
    return np.asarray(find_mic(points - one, atoms.cell, (True, True, False))[1], dtype=float)
