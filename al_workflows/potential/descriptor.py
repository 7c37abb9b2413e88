"""Symmetry functions of Behler and Parrinello: what the networks see of an atom's surroundings.

Behler & Parrinello, Phys. Rev. Lett. 98, 146401 (2007), eqs (3)-(5); Behler, J. Chem. Phys. 134, 074106 (2011),
eqs (6) and (8), here with η in units of 1/r_c² and R_s = 0::

    f_c(r) = ½ [cos(π r / r_c) + 1]                                                  for r < r_c, else 0
    G2_i   = Σ_j  exp(−η r_ij² / r_c²) f_c(r_ij)                                      one per η and species of j
    G4_i   = 2^(1−ζ) Σ_{j<k} (1 + γ cos θ_jik)^ζ exp(−η [r_ij² + r_ik² + r_jk²] / r_c²) f_c(r_ij) f_c(r_ik) f_c(r_jk)
                                                          one per η, ζ, γ and unordered pair of species (j, k)

j and k run over neighbours, images included, so that an atom may be its own neighbour in a small cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from al_workflows.neighbors import IntArray, Neighbors
from al_workflows.potential import kernels
from al_workflows.records import FloatArray
from al_workflows.spec import DescriptorSpec


@dataclass(frozen=True)
class Descriptor:
    """The symmetry functions of ``spec`` over ``n_species`` species (which are numbered from zero).

    Features are ordered: G2 by species and η; then G4 by pair of species ((0, 0), (0, 1), …), η, ζ and γ.
    """

    spec: DescriptorSpec
    n_species: int

    @property
    def n_features(self) -> int:
        """Features of one atom."""
        spec = self.spec
        n4 = len(spec.g4_eta) * len(spec.g4_zeta) * len(spec.g4_gamma)
        return len(spec.g2_eta) * self.n_species + n4 * self.n_species * (self.n_species + 1) // 2

    @cached_property
    def _parameters(self) -> tuple[Any, ...]:
        spec = self.spec
        arrays = (np.array(values, dtype=float) for values in (spec.g2_eta, spec.g4_eta, spec.g4_zeta, spec.g4_gamma))
        return (self.n_species, float(spec.cutoff), *arrays)

    def _arguments(self, species: IntArray, neighbors: Neighbors) -> tuple[Any, ...]:
        return (neighbors.offsets, neighbors.second, neighbors.vectors, species, *self._parameters)

    def features(self, species: IntArray, neighbors: Neighbors) -> FloatArray:
        """Unscaled features, [N, features]."""
        values: FloatArray = kernels.features(*self._arguments(species, neighbors))
        return values

    def jacobian(self, species: IntArray, neighbors: Neighbors) -> FloatArray:
        """Derivatives of the features by the positions (1/Å), [N, features, N, 3]."""
        slopes: FloatArray = kernels.jacobian(*self._arguments(species, neighbors))
        return slopes

    def contraction(self, species: IntArray, neighbors: Neighbors, weights: FloatArray) -> FloatArray:
        """Jacobian contracted with ``weights`` [rows, N, features], without forming it; [rows, N, 3]."""
        sums: FloatArray = kernels.contraction(*self._arguments(species, neighbors), weights)
        return sums
