"""How far a simulation may go from what DFT has confirmed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from al_workflows.geometry import displacements
from al_workflows.neighbors import find_neighbors
from al_workflows.records import FloatArray

#: Å: where neighbours are looked for
SIGHT = 6.0
#: an atom at x times the bond length (x up to the second number) from its nearest neighbour may go x to this power
#: farther: there is nothing near that it could hit, and little that its energy depends on
POWER, FARTHEST = 3, 1.5


class TrustRegion:
    """Structures none of whose atoms is farther than its radius from its place in the nearest label.

    Parameters
    ----------
    start
        Where the simulation begins; the distances of its atoms from their neighbours set their freedom.
    known
        The labelled structures; one at least.
    radius
        Å, of an atom at a bond length from its nearest neighbour.
    """

    def __init__(self, start: Atoms, known: Sequence[Atoms], radius: float) -> None:
        self._known, self._radius = known, radius
        self._positions = np.array([atoms.positions for atoms in known])  # [K, N, 3]
        self._freedom = freedom(start)  # [N]

    def cut(self, atoms: Atoms, before: FloatArray) -> bool:
        """Move ``atoms`` back to the border along its last step from ``before`` (Å, [N, 3]); whether it had left."""
        if self._share(atoms) <= 1.0:
            return False
        after = atoms.positions.copy()
        inside, outside = 0.0, 1.0
        for _ in range(20):  # bisection: to 1e-6 of a step
            share = (inside + outside) / 2
            atoms.positions[:] = before + share * (after - before)
            if self._share(atoms) <= 1.0:
                inside = share
            else:
                outside = share
        atoms.positions[:] = before + inside * (after - before)
        return True

    def _share(self, atoms: Atoms) -> float:
        """The largest displacement in units of what is allowed, from the label for which that is smallest."""
        apart = np.linalg.norm(atoms.positions - self._positions, axis=-1)  # [K, N], too large for wrapped atoms
        shares = (apart / self._freedom).max(axis=-1) / self._radius  # [K]
        nearest = int(shares.argmin())
        if shares[nearest] > 1.0 and atoms.pbc.any():
            found = [displacements(atoms, other) for other in self._known]  # [K, N]
            shares = (np.array(found) / self._freedom).max(axis=-1) / self._radius
        return float(shares.min())


def freedom(atoms: Atoms) -> FloatArray:
    """Factor of the trust radius of every atom, [N]: one beside a neighbour, more in empty space."""
    neighbors = find_neighbors(atoms, SIGHT)
    radii = covalent_radii[atoms.numbers]
    bonds = np.linalg.norm(neighbors.vectors, axis=1) / (radii[neighbors.first] + radii[neighbors.second])  # [pairs]
    nearest = np.full(len(atoms), FARTHEST)
    np.minimum.at(nearest, neighbors.first, bonds)
    return np.asarray(np.clip(nearest, 1.0, FARTHEST) ** POWER)
