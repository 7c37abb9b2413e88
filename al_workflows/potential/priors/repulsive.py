"""Repulsion of nuclei at close distance, known for every pair of elements without parameters.

J. F. Ziegler, J. P. Biersack, U. Littmark, The Stopping and Range of Ions in Solids (Pergamon, New York, 1985), the
universal screened Coulomb curve, tapered to zero before atoms touch (:mod:`.taper`)::

    E(r) = Z_A Z_B e² / (4π ε₀ r)  φ(r / a)  t(r)        a = 0.8854 a₀ / (Z_A^0.23 + Z_B^0.23)
    φ(x) = 0.18175 e^(−3.1998 x) + 0.50986 e^(−0.94229 x) + 0.28022 e^(−0.4029 x) + 0.02817 e^(−0.20162 x)

All of it falls monotonously, so that the prior never binds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.data import atomic_numbers, covalent_radii

from al_workflows.neighbors import IntArray, Neighbors
from al_workflows.potential.compiled import compiled
from al_workflows.potential.priors.taper import taper
from al_workflows.records import FloatArray

#: e² / (4π ε₀), eV Å
COULOMB = units.Hartree * units.Bohr
#: 0.8854 a₀, Å: (9π²/128)^(1/3) of the Thomas-Fermi atom
SCREENING = 0.8854 * units.Bohr
#: orders of the columns of pair parameters: eV Å, 1/Å, Å, Å
CHARGES, INVERSE_LENGTH, START, END = range(4)


@compiled
def screened(distance: float, charges: float, inverse_length: float) -> tuple[float, float]:
    """Energy (eV) and slope (eV/Å) of the bare curve; ``charges`` is Z_A Z_B e² / (4π ε₀)."""
    x = distance * inverse_length
    first, second = 0.18175 * math.exp(-3.1998 * x), 0.50986 * math.exp(-0.94229 * x)
    third, fourth = 0.28022 * math.exp(-0.4029 * x), 0.02817 * math.exp(-0.20162 * x)
    value = first + second + third + fourth
    slope = -(3.1998 * first + 0.94229 * second + 0.4029 * third + 0.20162 * fourth)
    return charges * value / distance, charges * (slope * inverse_length - value / distance) / distance


@compiled
def energy_and_forces(
    offsets: IntArray, second: IntArray, vectors: FloatArray, species: IntArray, curves: FloatArray
) -> tuple[float, FloatArray]:
    """Energy (eV) and forces (eV/Å, [N, 3]) of ``curves`` [species, species, 4]."""
    energy = 0.0
    forces = np.zeros((len(species), 3))
    for i in range(len(species)):
        for p in range(offsets[i], offsets[i + 1]):
            charges, inverse_length, start, end = curves[species[i], species[second[p]]]
            distance = math.sqrt(vectors[p, 0] ** 2 + vectors[p, 1] ** 2 + vectors[p, 2] ** 2)
            if distance >= end:
                continue
            value, slope = screened(distance, charges, inverse_length)
            weight, weight_slope = taper(distance, start, end)
            # every pair is met twice, once from each end
            energy += 0.5 * weight * value
            radial = 0.5 * (weight * slope + weight_slope * value) / distance
            for c in range(3):
                forces[i, c] += radial * vectors[p, c]
                forces[second[p], c] -= radial * vectors[p, c]
    return energy, forces


@dataclass(frozen=True, eq=False)
class RepulsivePrior:
    """Screened repulsion of pairs of species.

    ``curves`` [species, species, 4], symmetric: Z_A Z_B e² / (4π ε₀) in eV Å, 1/a in 1/Å, and where the taper starts
    and ends, Å. A pair that is left out has zeros.
    """

    curves: FloatArray

    @classmethod
    def from_elements(cls, elements: Sequence[str], full_below: float, zero_beyond: float) -> RepulsivePrior:
        """All pairs of ``elements``; the taper's ends are in units of the sum of a pair's covalent radii."""
        numbers = np.array([atomic_numbers[element] for element in elements], dtype=np.int64)
        powers, radii = numbers**0.23, covalent_radii[numbers]
        touch = radii[:, None] + radii  # [species, species], Å
        columns = (COULOMB * np.outer(numbers, numbers), (powers[:, None] + powers) / SCREENING)
        return cls(np.stack([*columns, full_below * touch, zero_beyond * touch], axis=-1))

    @property
    def cutoff(self) -> float:
        """Where the last pair's repulsion ends, Å."""
        return float(self.curves[:, :, END].max(initial=0.0))

    def energy_and_forces(self, atoms: Atoms, species: IntArray, neighbors: Neighbors) -> tuple[float, FloatArray]:
        """Energy (eV) and forces (eV/Å, [N, 3])."""
        result: tuple[float, FloatArray] = energy_and_forces(
            neighbors.offsets, neighbors.second, neighbors.vectors, species, self.curves
        )
        return result
