"""Distances between structures of one composition, and what hangs together in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.geometry import find_mic
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from al_workflows.neighbors import Neighbors
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


def nearest(atoms: Atoms, references: Sequence[Atoms]) -> tuple[int, float]:
    """Index of the reference with the smallest largest displacement, and that distance in Å; (-1, inf) for none."""
    if not references:
        return -1, float("inf")
    apart = atoms.positions - np.array([reference.positions for reference in references])  # [R, N, 3]
    distances = np.linalg.norm(apart, axis=-1).max(axis=-1)  # [R], an upper bound where an atom has been wrapped
    for wrapped in np.flatnonzero(distances >= _surely_minimal(atoms)).tolist():
        distances[wrapped] = largest_displacement(atoms, references[wrapped])
    index = int(np.argmin(distances))
    return index, float(distances[index])


def _surely_minimal(atoms: Atoms) -> float:
    """Å: a shorter vector is its own minimum image: half the smallest height of the cell along a periodic direction.

    No lattice vector is shorter than that height, so an image of a vector below half of it is longer than that half.
    """
    if not atoms.pbc.any():
        return float("inf")
    reciprocal = atoms.cell.complete().reciprocal().array[atoms.pbc]
    return float(0.5 / np.linalg.norm(reciprocal, axis=1).max())


def pieces(neighbors: Neighbors, linked: npt.NDArray[np.bool_] | None = None) -> int:
    """Number of pieces that a structure falls into when neighbours hang together, or those ``linked`` [pairs] alone."""
    count = len(neighbors.offsets) - 1
    links = np.ones(len(neighbors.second)) if linked is None else linked.astype(float)
    graph = csr_array((links, neighbors.second, neighbors.offsets), shape=(count, count))
    graph.eliminate_zeros()
    return int(connected_components(graph, directed=False)[0])
