"""Why a frame must not be followed: numbers that are none, atoms that collide, pieces that leave."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from al_workflows.geometry import pieces
from al_workflows.neighbors import Neighbors, find_neighbors
from al_workflows.potential.neighbor_cache import NeighborCache
from al_workflows.records import FloatArray, StopReason
from al_workflows.structures import Closest, describe_closest

#: Å: atoms farther apart than this do not hang together (the potential's own reach is about 6 Å)
LINK = 5.0
#: eV/Å: no structure that DFT can be asked about has larger forces
EXPLODED = 500.0
#: Å: within this of a label, a frame is not worth stopping for, whatever the ensemble says
BESIDE = 0.15


class Guards:
    """The checks that every frame of an ML simulation passes.

    Parameters
    ----------
    start
        The simulation's start: it may already be in several pieces (two molecules far apart).
    min_distance
        Smallest allowed distance of two atoms in units of the sum of their covalent radii.
    """

    def __init__(self, start: Atoms, min_distance: float) -> None:
        self._min_distance = min_distance
        self._cache = NeighborCache()
        self._pieces = pieces(find_neighbors(start, LINK))

    def problem(self, atoms: Atoms, energy: float, forces: FloatArray) -> tuple[StopReason, str] | None:
        """What is wrong with a frame (``energy`` eV, ``forces`` eV/Å, [N, 3]), in one line; None if nothing is."""
        if not (np.isfinite(atoms.positions).all() and np.isfinite(energy) and np.isfinite(forces).all()):
            return StopReason.NOT_FINITE, "the model predicts a number that is not finite"
        largest = float(np.linalg.norm(forces, axis=1).max())
        if largest > EXPLODED:
            return StopReason.EXPLODED, f"the model predicts a force of {largest:.0f} eV/Å (limit {EXPLODED:.0f})"
        neighbors = self._cache.find(atoms, LINK)
        closest = _closest(atoms, neighbors)
        if closest is not None and closest.ratio < self._min_distance:
            return StopReason.TOO_CLOSE, f"{describe_closest(atoms, closest)} limit {self._min_distance:g}"
        if pieces(neighbors) > self._pieces:
            return StopReason.DETACHED, f"a fragment is more than {LINK:.0f} Å away from everything else"
        return None


def _closest(atoms: Atoms, neighbors: Neighbors) -> Closest | None:
    """The pair with the smallest distance in units of its covalent radii, of those closer than ``LINK``."""
    if len(neighbors.second) == 0:
        return None
    radii = covalent_radii[atoms.numbers]
    distances = np.linalg.norm(neighbors.vectors, axis=1)  # [pairs]
    ratios = distances / (radii[neighbors.first] + radii[neighbors.second])
    k = int(ratios.argmin())
    return Closest(float(ratios[k]), int(neighbors.first[k]), int(neighbors.second[k]), float(distances[k]))
