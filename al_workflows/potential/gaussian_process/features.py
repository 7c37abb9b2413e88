"""Random Fourier features of a squared-exponential kernel, and what they are of an image.

With w drawn from N(0, 1/ℓ²) and b uniform in [0, 2π), φ(G) = ℓ √(2/D) cos(wᵀG + b) has φ(G)·φ(G') ≈ ℓ² k(G, G') with
k = exp(−|G − G'|² / 2ℓ²) (Rahimi & Recht, NIPS 2007); with the factor ℓ the features' slopes are of order one whatever
the length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from al_workflows.neighbors import IntArray
from al_workflows.records import FloatArray


@dataclass(frozen=True, eq=False)
class FourierFeatures:
    """``frequencies`` [species, F, D] and ``phases`` [species, D] of D features of F scaled symmetry functions."""

    frequencies: FloatArray
    phases: FloatArray
    length: float

    @classmethod
    def draw(
        cls, n_species: int, n_inputs: int, count: int, length: float, rng: np.random.Generator
    ) -> FourierFeatures:
        """``count`` features a species, of a kernel of ``length`` in units of the scaled symmetry functions."""
        frequencies = rng.normal(0.0, 1.0 / length, (n_species, n_inputs, count))
        return cls(frequencies, rng.uniform(0.0, 2.0 * math.pi, (n_species, count)), length)

    @property
    def n_species(self) -> int:
        """Number of species."""
        return len(self.phases)

    @property
    def count(self) -> int:
        """D, the features of one species."""
        return int(self.phases.shape[1])

    @property
    def _height(self) -> float:
        return self.length * math.sqrt(2.0 / self.count)

    def energies_and_gradients(
        self, kind: int, inputs: FloatArray, weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Σ_atoms φ·w (eV, [rows]) and its gradient by the inputs [rows, n, F], of atoms of species ``kind``.

        ``inputs`` are their scaled symmetry functions [n, F], ``weights`` [rows, D].
        """
        angles = inputs @ self.frequencies[kind] + self.phases[kind]  # [n, D]
        energies = weights @ np.cos(angles).sum(axis=0) * self._height
        slopes = np.sin(angles) * weights[:, None, :]  # [rows, n, D]
        return energies, -self._height * (slopes @ self.frequencies[kind].T)

    def rows(self, species: IntArray, inputs: FloatArray, jacobian: FloatArray) -> FloatArray:
        """An image's energy and its 3N forces as linear functions of the weights, [1 + 3N, species · D].

        ``species`` [N]; ``inputs`` [N, F]; ``jacobian`` [N, F, N, 3] (1/Å) of the inputs.
        """
        n_atoms, n_inputs = inputs.shape
        out = np.zeros((1 + 3 * n_atoms, self.n_species, self.count))
        for kind in np.unique(species):
            frequencies, phases = self.frequencies[kind], self.phases[kind]
            where = np.flatnonzero(species == kind)
            angles = inputs[where] @ frequencies + phases  # [n, D]
            out[0, kind] = self._height * np.cos(angles).sum(axis=0)
            slopes = self._height * np.sin(angles)
            for atom, slope in zip(where, slopes, strict=True):  # one atom at a time: [3N, F] by [F, D]
                out[1:, kind] += jacobian[atom].reshape(n_inputs, -1).T @ (frequencies * slope)
        return out.reshape(1 + 3 * n_atoms, -1)
