"""Pairwise Morse prior: the physics that keeps a potential sane where it has no data.

For a pair of elements, with x = exp[−a (r − r_e)] and the taper t(r) of :mod:`.taper`, one below ``taper_start``
and zero from ``cutoff`` on::

    E(r) = D_e (x² − 2 x) t(r)

Unlike elements are mixed linearly, after Yang et al., J. Phys. Chem. Lett. 9, 4457 (2018)::

    D_AB = √(D_A D_B)      r_AB = (r_A + r_B) / 2      σ_AB = (σ_A + σ_B) / 2      a_AB = ln 2 / (r_AB − σ_AB)

where σ = r_e − ln 2 / a is where a curve crosses zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from al_workflows.neighbors import IntArray, Neighbors
from al_workflows.potential.compiled import compiled
from al_workflows.potential.priors.taper import taper
from al_workflows.records import FloatArray
from al_workflows.spec import MorseParameters

#: orders of the columns of pair parameters
LN_DEPTH, R_E, LN_A = range(3)


@compiled
def morse(distance: float, depth: float, r_e: float, a: float) -> tuple[float, float, float]:
    """Energy (eV) of the bare curve and its first and second derivatives (eV/Å, eV/Å²)."""
    x = math.exp(-a * (distance - r_e))
    return depth * x * (x - 2.0), -2.0 * a * depth * x * (x - 1.0), 2.0 * a * a * depth * x * (2.0 * x - 1.0)


@compiled
def energy_and_forces(
    offsets: IntArray,
    second: IntArray,
    vectors: FloatArray,
    species: IntArray,
    curves: FloatArray,
    start: float,
    end: float,
) -> tuple[float, FloatArray]:
    """Energy (eV) and forces (eV/Å, [N, 3]) of ``curves`` [species, species, 3] (D_e, r_e, a)."""
    energy = 0.0
    forces = np.zeros((len(species), 3))
    for i in range(len(species)):
        for p in range(offsets[i], offsets[i + 1]):
            distance = math.sqrt(vectors[p, 0] ** 2 + vectors[p, 1] ** 2 + vectors[p, 2] ** 2)
            if distance >= end:
                continue
            depth, r_e, a = curves[species[i], species[second[p]]]
            value, slope, _ = morse(distance, depth, r_e, a)
            weight, weight_slope = taper(distance, start, end)
            # every pair is met twice, once from each end
            energy += 0.5 * weight * value
            radial = 0.5 * (weight * slope + weight_slope * value) / distance
            for c in range(3):
                forces[i, c] += radial * vectors[p, c]
                forces[second[p], c] -= radial * vectors[p, c]
    return energy, forces


def mix(first: MorseParameters, second: MorseParameters) -> MorseParameters:
    """The curve of a pair of unlike elements; an element's own curve when both are the same."""
    zeros = [curve.r_e - math.log(2.0) / curve.a for curve in (first, second)]
    r_e = (first.r_e + second.r_e) / 2
    return MorseParameters(
        well_depth=math.sqrt(first.well_depth * second.well_depth),
        r_e=r_e,
        a=math.log(2.0) / (r_e - sum(zeros) / 2),
    )


@dataclass(frozen=True, eq=False)
class MorsePrior:
    """Morse curves for every pair of species.

    ``curves`` [species, species, 3], symmetric: D_e (eV), r_e (Å), a (1/Å), with a depth of zero for a pair without
    curve; ``taper_start`` and ``cutoff`` Å; ``movable`` where the curves may be fitted to labels.
    """

    curves: FloatArray
    taper_start: float
    cutoff: float
    movable: bool = True

    @classmethod
    def from_elements(
        cls, elements: Sequence[MorseParameters | None], taper_start: float, cutoff: float, movable: bool = True
    ) -> MorsePrior:
        """Every pair mixed from the curves of its ``elements``; none for a pair with an element that has none."""
        curves = np.tile([0.0, 1.0, 1.0], (len(elements), len(elements), 1))
        for i, first in enumerate(elements):
            for j, second in enumerate(elements):
                if first is not None and second is not None:
                    mixed = mix(first, second)
                    curves[i, j] = mixed.well_depth, mixed.r_e, mixed.a
        return cls(curves, taper_start, cutoff, movable)

    def energy_and_forces(self, atoms: Atoms, species: IntArray, neighbors: Neighbors) -> tuple[float, FloatArray]:
        """Energy (eV) and forces (eV/Å, [N, 3])."""
        result: tuple[float, FloatArray] = energy_and_forces(
            neighbors.offsets,
            neighbors.second,
            neighbors.vectors,
            species,
            self.curves,
            self.taper_start,
            self.cutoff,
        )
        return result
