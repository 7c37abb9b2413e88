"""Neighbours within a cutoff, for any cell and any periodicity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ase import Atoms

from al_workflows.errors import InputError
from al_workflows.records import FloatArray

IntArray = npt.NDArray[np.int64]

#: structures larger than this (Å) are looked at for empty space
LARGE = 100.0


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Every ordered pair of atoms (images included) closer than a cutoff, sorted by its first atom.

    ``offsets`` [N + 1]: the pairs of atom ``i`` are ``offsets[i]:offsets[i + 1]``; ``second`` [pairs]: the other
    atom; ``vectors`` Å [pairs, 3]: from the first atom to (the image of) the second.
    """

    offsets: IntArray
    second: IntArray
    vectors: FloatArray

    @property
    def first(self) -> IntArray:
        """The first atom of each pair [pairs]."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def find_neighbors(atoms: Atoms, cutoff: float) -> Neighbors:
    """Pairs of ``atoms`` closer than ``cutoff`` (Å); an atom is a neighbour of its own images.

    Raises
    ------
    InputError
        A position is not finite.
    """
    first, second, shifts = find_shifts(atoms, cutoff)
    vectors = atoms.positions[second] + shifts - atoms.positions[first]  # [pairs, 3]
    x, y, z = vectors.T
    near = x * x + y * y + z * z < cutoff * cutoff
    offsets = np.zeros(len(atoms) + 1, dtype=np.int64)
    np.cumsum(np.bincount(first[near], minlength=len(atoms)), out=offsets[1:])
    return Neighbors(offsets, second[near], vectors[near])


def find_shifts(atoms: Atoms, cutoff: float) -> tuple[IntArray, IntArray, FloatArray]:
    """Every ordered pair closer than ``cutoff`` (Å): both atoms [pairs], and by what the second is shifted, Å.

    They come in one order, whatever the search's: sums over neighbours must not depend on its threads. A pair at
    ``cutoff`` to the last digit may or may not be there.
    """
    from vesin import NeighborList  # imports torch where it is installed, a second that few callers need to wait

    periodic = atoms.pbc & (np.abs(atoms.cell.array).sum(axis=1) > 0)
    positions = _without_gaps(np.ascontiguousarray(atoms.positions), atoms.cell.array[periodic], 2.0 * cutoff)
    search = NeighborList(cutoff=cutoff * (1.0 + 1e-9), full_list=True)
    box = atoms.cell.complete().array
    first, second, cells = search.compute(positions, box, periodic, quantities="ijS")
    order = np.lexsort((cells[:, 2], cells[:, 1], cells[:, 0], second, first))
    first, second, cells = first[order].astype(np.int64), second[order].astype(np.int64), cells[order]
    shifts = cells[:, :1] * box[0] + cells[:, 1:2] * box[1] + cells[:, 2:] * box[2]  # [pairs, 3]
    return first, second, shifts


def _without_gaps(positions: FloatArray, periodic: FloatArray, gap: float) -> FloatArray:
    """``positions`` with empty space of more than ``gap`` (Å) taken out of the directions that are not periodic.

    The search divides space into cells: an atom that an exploding simulation has thrown 10⁵ Å away would cost minutes,
    one at 10⁷ Å the whole process. ``periodic`` [n, 3] are the cell vectors that repeat.
    """
    if len(positions) == 0 or np.ptp(positions, axis=0).max() < LARGE:
        return positions
    if not np.isfinite(positions).all():
        raise InputError("positions must be finite to have neighbours; end the simulation that made them earlier")
    normals = np.linalg.svd(periodic)[2][len(periodic) :] if len(periodic) else np.eye(3)
    for normal in normals:
        height = positions @ normal
        order = np.argsort(height)
        excess = np.maximum(np.diff(height[order]) - gap, 0.0)
        drop = np.zeros(len(height))
        drop[order[1:]] = np.cumsum(excess)
        drop -= drop[order[len(order) // 2]]  # what moves is the stray, not the structure
        positions = positions - drop[:, None] * normal
    return positions
