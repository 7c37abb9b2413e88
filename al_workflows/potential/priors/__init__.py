"""Priors: rough energies, known without training, that the networks correct; one kind per file.

What a prior gives is subtracted from the labels before training and added to the networks' prediction (eqs (1)-(4) of
Shuaibi et al., Mach. Learn.: Sci. Technol. 2 (2021) 025007).
"""

from __future__ import annotations

from typing import Protocol

from ase import Atoms

from al_workflows.neighbors import IntArray, Neighbors
from al_workflows.records import FloatArray


class Prior(Protocol):
    """What training and prediction ask of a prior. It holds values, changes nothing, and is made by :mod:`.build`."""

    @property
    def cutoff(self) -> float:
        """How far it looks along the neighbour lists, Å; 0 if it does not use them."""
        ...

    def energy_and_forces(self, atoms: Atoms, species: IntArray, neighbors: Neighbors) -> tuple[float, FloatArray]:
        """Energy (eV) and forces (eV/Å, [N, 3]), which are the energy's gradient.

        ``species`` [N] numbers the atoms' elements in the potential's order; ``neighbors`` reach at least to
        ``cutoff``.
        """
        ...
