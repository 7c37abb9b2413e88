"""Which atoms hang together by bonds, and whether something has left since the start."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from al_workflows.geometry import pieces
from al_workflows.neighbors import find_neighbors

#: in units of the sum of the covalent radii: nearer atoms hang together (a weak bond is 1.3 of it)
BOUND = 1.6


def bonded_pieces(atoms: Atoms) -> int:
    """Number of pieces that a structure falls into when bonds alone hold it together."""
    radii = covalent_radii[atoms.numbers]
    neighbors = find_neighbors(atoms, 2 * BOUND * float(radii.max()))
    distances = np.linalg.norm(neighbors.vectors, axis=1)  # [pairs]
    bound = distances < BOUND * (radii[neighbors.first] + radii[neighbors.second])
    return pieces(neighbors, bound)


def left_behind(atoms: Atoms, start: Atoms) -> str:
    """A remark if ``atoms`` is in more pieces than ``start``; empty if it is not."""
    now, before = bonded_pieces(atoms), bonded_pieces(start)
    if now <= before:
        return ""
    return (
        f"the structure is in {now} pieces with no bond between them (it began in {before}): something may have left "
        "the surface"
    )
