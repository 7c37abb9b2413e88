"""Neighbours of a structure that moves little from call to call (Verlet's list with a skin)."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from al_workflows.neighbors import IntArray, Neighbors, find_shifts
from al_workflows.potential.compiled import compiled
from al_workflows.records import FloatArray

#: Å beyond the cutoff within which pairs are remembered
SKIN = 0.8


class NeighborCache:
    """Gives what :func:`~al_workflows.neighbors.find_neighbors` gives, to the last bit, and searches seldom.

    Pairs up to ``skin`` (Å) beyond the cutoff are remembered. As long as no atom has moved by more than half of it,
    and the cell is the same, every pair within the cutoff is among them. It serves one structure at a time; another
    one, or a wrapped one, is searched anew.
    """

    def __init__(self, skin: float = SKIN) -> None:
        self._skin = skin
        self._key: tuple[float, int, bytes, bytes] | None = None
        self._positions: FloatArray = np.empty((0, 3))
        self._pairs: tuple[IntArray, IntArray, FloatArray] | None = None

    def find(self, atoms: Atoms, cutoff: float) -> Neighbors:
        """Pairs of ``atoms`` closer than ``cutoff`` (Å); see :func:`~al_workflows.neighbors.find_neighbors`."""
        positions, cell = atoms.positions, atoms.cell.array
        key = (cutoff, len(atoms), cell.tobytes(), atoms.pbc.tobytes())
        if self._pairs is None or key != self._key or not within(positions, self._positions, self._skin / 2):
            self._pairs = find_shifts(atoms, cutoff + self._skin)
            self._key, self._positions = key, positions.copy()
        return Neighbors(*closer(positions, *self._pairs, cutoff))


@compiled
def within(positions: FloatArray, before: FloatArray, limit: float) -> bool:
    """Whether every atom of ``positions`` is at most ``limit`` (Å) away from where it was ``before``; [N, 3]."""
    for i in range(len(positions)):
        square = 0.0
        for c in range(3):
            square += (positions[i, c] - before[i, c]) ** 2
        if not square <= limit * limit:  # NaN is not near
            return False
    return True


@compiled
def closer(
    positions: FloatArray, first: IntArray, second: IntArray, shifts: FloatArray, cutoff: float
) -> tuple[IntArray, IntArray, FloatArray]:
    """``offsets``, ``second`` and ``vectors`` of those pairs that are closer than ``cutoff``.

    Sums and comparison are those of :func:`~al_workflows.neighbors.find_neighbors`, so that both give the same bits.
    """
    offsets = np.zeros(len(positions) + 1, np.int64)
    others, vectors = np.empty(len(first), np.int64), np.empty((len(first), 3))
    n = 0
    for p in range(len(first)):
        i, j = first[p], second[p]
        x = positions[j, 0] + shifts[p, 0] - positions[i, 0]
        y = positions[j, 1] + shifts[p, 1] - positions[i, 1]
        z = positions[j, 2] + shifts[p, 2] - positions[i, 2]
        if x * x + y * y + z * z < cutoff * cutoff:
            others[n] = j
            vectors[n, 0], vectors[n, 1], vectors[n, 2] = x, y, z
            offsets[i + 1] += 1
            n += 1
    for i in range(len(positions)):
        offsets[i + 1] += offsets[i]
    return offsets, others[:n], vectors[:n]
