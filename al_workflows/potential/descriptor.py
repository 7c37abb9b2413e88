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

import itertools
import threading
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from al_workflows.neighbors import IntArray, Neighbors
from al_workflows.potential import kernels, links
from al_workflows.potential.links import Links
from al_workflows.potential.radial import series_of
from al_workflows.potential.triplets import Batch, Functions, Pairs, empty_batch, empty_pairs, find_pairs, room_for
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
    def functions(self) -> Functions:
        """The symmetry functions as the kernels take them."""
        spec = self.spec
        g2_eta, g4_eta, g4_zeta, g4_gamma = (
            np.array(values, dtype=float) for values in (spec.g2_eta, spec.g4_eta, spec.g4_zeta, spec.g4_gamma)
        )
        series = series_of(spec.g2_eta), series_of(spec.g4_eta)
        return Functions(self.n_species, float(spec.cutoff), g2_eta, series[0], g4_eta, series[1], g4_zeta, g4_gamma)

    @cached_property
    def columns(self) -> IntArray:
        """Features that a neighbour of each species changes, [species, columns]: the columns of :meth:`links`."""
        found: IntArray = links.columns(self.functions)
        return found

    def surroundings(self, species: IntArray, neighbors: Neighbors) -> Surroundings:
        """Features of a structure, with what their derivatives need."""
        pairs, batch, room = _SCRATCH.claim(self.functions, species, neighbors)
        values, kept = kernels.features(pairs, batch, room, self.functions)
        return Surroundings(values, self, species, neighbors, int(kept), _SCRATCH.stamp)

    def features(self, species: IntArray, neighbors: Neighbors) -> FloatArray:
        """Unscaled features, [N, features]."""
        return self.surroundings(species, neighbors).features

    def contraction(self, species: IntArray, neighbors: Neighbors, weights: FloatArray) -> FloatArray:
        """Jacobian contracted with ``weights`` [rows, N, features], without forming it; 1/Å, [rows, N, 3]."""
        return self.surroundings(species, neighbors).contraction(weights)

    def links(self, species: IntArray, neighbors: Neighbors) -> Links:
        """Derivatives of the features by the positions of the atoms that are seen: memory grows like the atoms."""
        found: Links = links.find_links(*_SCRATCH.claim(self.functions, species, neighbors), self.functions)
        return found

    def jacobian(self, species: IntArray, neighbors: Neighbors) -> FloatArray:
        """Derivatives of the features by the positions (1/Å), [N, features, N, 3]: memory grows like atoms squared."""
        slopes: FloatArray = links.dense(self.links(species, neighbors), species, self.columns, self.n_features)
        return slopes


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A structure as :meth:`Descriptor.surroundings` sees it: unscaled ``features`` [N, features].

    ``kept`` triplets (runs of them; −1: too many) are in the scratch memory as long as its stamp is ``stamp``.
    """

    features: FloatArray
    descriptor: Descriptor
    species: IntArray
    neighbors: Neighbors
    kept: int
    stamp: int

    def contraction(self, weights: FloatArray) -> FloatArray:
        """Jacobian contracted with ``weights`` [rows, N, features], without forming it; 1/Å, [rows, N, 3]."""
        functions = self.descriptor.functions
        kept = self.kept if self.stamp == _SCRATCH.stamp else -1
        if kept < 0:
            _SCRATCH.claim(functions, self.species, self.neighbors)
        gathered = _SCRATCH.gathered(len(weights))
        sums: FloatArray = kernels.contraction(*_SCRATCH.claimed, kept, functions, weights, gathered)
        return sums


class _Scratch(threading.local):
    """Room for pairs and triplets, the same from call to call: fresh memory costs more than what is written there.

    ``stamp`` tells whose they are: it is another after every claim, in any thread. ``claimed``: pairs, room for
    triplets, and how many of them to look at together.
    """

    def __init__(self) -> None:
        self.stamp = -1
        self._shape: tuple[int, ...] = ()
        self._pairs: Pairs
        self._batch: Batch
        self.claimed: tuple[Pairs, Batch, int]
        self._gathered = np.empty((0, 0, 4))

    def claim(self, functions: Functions, species: IntArray, neighbors: Neighbors) -> tuple[Pairs, Batch, int]:
        """Pairs of a structure, and room for its triplets."""
        self.stamp = next(_STAMPS)
        shape = tuple(len(values) for values in functions[2:] if isinstance(values, np.ndarray))
        if shape != self._shape or len(neighbors.second) > len(self._pairs.first):
            self._pairs = empty_pairs(0, len(neighbors.second), functions)
        segments = np.zeros((len(species), functions.n_species + 1), np.int64)
        pairs = self._pairs._replace(segments=segments)
        find_pairs(neighbors.offsets, neighbors.second, neighbors.vectors, species, functions, pairs)
        room, runs = int(room_for(pairs)), len(species) * functions.n_species * (functions.n_species + 1) // 2
        if shape != self._shape or room > len(self._batch.p) or runs > self._batch.runs.shape[1]:
            n_angular = len(functions.g4_zeta) * len(functions.g4_gamma)
            self._batch = empty_batch(room, runs, len(functions.g4_eta), n_angular)
        self._shape = shape
        self.claimed = pairs, self._batch, room
        return self.claimed

    def gathered(self, rows: int) -> FloatArray:
        """Room for four numbers of each pair in so many rows, [rows or more, pairs or more, 4]."""
        room = len(self._pairs.first)
        if len(self._gathered) < rows or self._gathered.shape[1] < room:
            self._gathered = np.empty((rows, room, 4))
        return self._gathered


_STAMPS = itertools.count()
_SCRATCH = _Scratch()
