"""Distances between structures of one composition, and what hangs together in one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from ase.neighborlist import neighbor_list
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from al_workflows.records import FloatArray


def displacements(atoms: Atoms, reference: Atoms) -> FloatArray:
    """How far each atom of ``atoms`` is from its place in ``reference``, minimum image, Å, [N]."""
    delta = atoms.positions - reference.positions  # [N, 3]
    if atoms.pbc.any():
        delta, lengths = find_mic(delta, atoms.cell, atoms.pbc)
        return np.asarray(lengths, dtype=float)
    return np.asarray(np.linalg.norm(delta, axis=1), dtype=float)


def largest_displacement(atoms: Atoms, reference: Atoms) -> float:
    """The largest entry of :func:`displacements`, Å."""
    return float(displacements(atoms, reference).max())


def nearest(atoms: Atoms, references: Iterable[Atoms]) -> tuple[int, float]:
    """Index of the reference with the smallest largest displacement, and that distance in Å; (-1, inf) for none."""
    distances = [largest_displacement(atoms, reference) for reference in references]
    if not distances:
        return -1, float("inf")
    index = int(np.argmin(distances))
    return index, distances[index]


def fragments(atoms: Atoms, link: float) -> int:
    """Number of pieces that ``atoms`` falls into when atoms closer than ``link`` (Å) hang together."""
    i, j = neighbor_list("ij", atoms, link)
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(len(atoms), len(atoms)))
    return int(connected_components(graph, directed=False)[0])
