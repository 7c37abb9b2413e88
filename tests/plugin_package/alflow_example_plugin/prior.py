"""Soft repulsion between all atoms that are too close."""

import numpy as np
from ase import Atoms
from pydantic import PositiveFloat

from al_workflows.neighbors import find_neighbors
from al_workflows.plugins import PluginSettings


class Springs:
    """E = Σ k/2 (reach − r)² over pairs closer than ``reach``."""

    class Settings(PluginSettings):
        """``reach`` Å, ``stiffness`` eV/Å²."""

        reach: PositiveFloat = 1.5
        stiffness: PositiveFloat = 5.0

    def __init__(self, settings: Settings) -> None:
        self._reach, self._stiffness = settings.reach, settings.stiffness

    def energy_and_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        neighbors = find_neighbors(atoms, self._reach)
        distances = np.linalg.norm(neighbors.vectors, axis=1)  # [pairs], each pair twice
        short = self._reach - distances
        forces = np.zeros((len(atoms), 3))
        push = -self._stiffness * (short / distances)[:, None] * neighbors.vectors
        np.add.at(forces, neighbors.first, push)
        return 0.25 * self._stiffness * float(short @ short), forces
