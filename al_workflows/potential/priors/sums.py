"""Priors added up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from al_workflows.neighbors import IntArray, Neighbors
from al_workflows.potential.priors import Prior
from al_workflows.records import FloatArray


@dataclass(frozen=True, eq=False)
class SumPrior:
    """The sum of ``terms``."""

    terms: tuple[Prior, ...]

    @property
    def cutoff(self) -> float:
        """The largest of the terms', Å."""
        return max((term.cutoff for term in self.terms), default=0.0)

    def energy_and_forces(self, atoms: Atoms, species: IntArray, neighbors: Neighbors) -> tuple[float, FloatArray]:
        """Energy (eV) and forces (eV/Å, [N, 3])."""
        energy, forces = 0.0, np.zeros((len(atoms), 3))
        for term in self.terms:
            term_energy, term_forces = term.energy_and_forces(atoms, species, neighbors)
            energy, forces = energy + term_energy, forces + term_forces
        return energy, forces
