"""Why a frame must not be followed: numbers that are none, atoms that collide, pieces that leave."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from al_workflows.geometry import fragments
from al_workflows.records import FloatArray, StopReason
from al_workflows.structures import min_distance_ratio

#: Å: atoms farther apart than this do not hang together (the potential's own reach is about 6 Å)
LINK = 5.0
#: eV/Å: no structure that DFT can be asked about has larger forces
EXPLODED = 500.0


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
        self._pieces = fragments(start, LINK)

    def problem(self, atoms: Atoms, energy: float, forces: FloatArray) -> tuple[StopReason, str] | None:
        """What is wrong with a frame (``energy`` eV, ``forces`` eV/Å, [N, 3]), in one line; None if nothing is."""
        if not (np.isfinite(atoms.positions).all() and np.isfinite(energy) and np.isfinite(forces).all()):
            return StopReason.NOT_FINITE, "the model predicts a number that is not finite"
        largest = float(np.linalg.norm(forces, axis=1).max())
        if largest > EXPLODED:
            return StopReason.EXPLODED, f"the model predicts a force of {largest:.0f} eV/Å (limit {EXPLODED:.0f})"
        ratio, i, j, distance = min_distance_ratio(atoms)
        if ratio < self._min_distance:
            pair = f"{atoms.symbols[i]}{i}-{atoms.symbols[j]}{j}"
            return (
                StopReason.TOO_CLOSE,
                f"{pair} are {distance:.2f} Å apart, {ratio:.2f} of their covalent radii (limit {self._min_distance})",
            )
        pieces = fragments(atoms, LINK)
        if pieces > self._pieces:
            return StopReason.DETACHED, f"a fragment is more than {LINK:.0f} Å away from everything else"
        return None
