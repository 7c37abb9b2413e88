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
from al_workflows.potential.compiled import compiled
from al_workflows.potential.links import Links
from al_workflows.records import FloatArray

#: numbers in a temporary array (1 MB): it stays in the cache
BLOCK = 2**17


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
        cosines, sines = self._waves(kind, inputs)
        energies = weights @ cosines.sum(axis=0)
        inwards = np.ascontiguousarray(self.frequencies[kind].T)
        gradients = np.empty((len(weights), *inputs.shape))
        some = max(1, BLOCK // sines.size)  # rows at once
        for start in range(0, len(weights), some):
            rows = slice(start, start + some)
            np.matmul(sines * -weights[rows, None, :], inwards, out=gradients[rows])
        return energies, gradients

    def rows(self, species: IntArray, inputs: FloatArray, links: Links, columns: IntArray) -> FloatArray:
        """An image's energy and its 3N forces as linear functions of the weights, [1 + 3N, species · D].

        ``species`` [N]; ``inputs`` [N, F]; ``links`` their derivatives (1/Å) by the positions, with ``columns``
        [species, columns] as the descriptor has them. Time grows like the links, memory beyond the result does not.
        """
        out = np.zeros((1 + 3 * len(species), self.n_species * self.count))
        some = max(1, BLOCK // (3 * self.count))
        for kind in np.unique(species):
            where = np.flatnonzero(species == kind)
            cosines, sines = self._waves(int(kind), inputs[where])
            place = np.zeros(len(species), np.int64)
            place[where] = np.arange(len(where))
            start = int(kind) * self.count
            out[0, start : start + self.count] = cosines.sum(axis=0)
            for other in np.unique(species):
                frequencies = self.frequencies[kind][columns[other]]  # [columns, D]
                found = np.flatnonzero((species[links.first] == kind) & (species[links.second] == other))
                for chosen in np.split(found, range(some, len(found), some)):
                    moves = np.swapaxes(links.slopes[chosen], 1, 2) @ frequencies  # [links, 3, D]
                    first, second = links.first[chosen], links.second[chosen]
                    add_forces(out, start, moves, first, second, sines, place)
        return out

    def _waves(self, kind: int, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """φ of atoms of species ``kind``, and the sines in place of its cosines; [n, D]."""
        angles = inputs @ self.frequencies[kind]
        angles += self.phases[kind]
        cosines, sines = np.cos(angles), np.sin(angles, out=angles)
        cosines *= self._height
        sines *= self._height
        return cosines, sines


@compiled
def add_forces(
    out: FloatArray,
    start: int,
    moves: FloatArray,
    first: IntArray,
    second: IntArray,
    sines: FloatArray,
    place: IntArray,
) -> None:
    """Add to ``out`` [1 + 3N, …], from column ``start``, what links are for the forces on both of their atoms.

    ``moves`` [links, 3, D]: derivatives of the phases by the position of the second atom, 1/Å. ``sines`` [n, D]
    of atom i are in row ``place[i]``.
    """
    n_links, _, count = moves.shape
    for n in range(n_links):
        i, j = first[n], second[n]
        sine = sines[place[i]]
        for c in range(3):
            move = moves[n, c]
            to_j, to_i = out[1 + 3 * j + c, start : start + count], out[1 + 3 * i + c, start : start + count]
            for d in range(count):
                push = move[d] * sine[d]
                to_j[d] += push
                to_i[d] -= push
