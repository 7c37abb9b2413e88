"""CPU time of a call, what one core of this machine can do at best, and what a prediction or a fit must do at least."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from al_workflows.neighbors import find_neighbors
from al_workflows.potential.network import Layout
from al_workflows.spec import DescriptorSpec
from al_workflows.threads import single_threaded

#: a call is repeated for this long (s of CPU time) and at least so often; the shortest counts
ENOUGH_SECONDS, ENOUGH_CALLS = 0.5, 5
#: floating-point operations of exp(−η u) f_c(u) as two polynomials of degree 11, and of its derivative beside it
RADIAL, RADIAL_SLOPE = 46, 46


def cpu_seconds(call: Callable[[], object], seconds: float = ENOUGH_SECONDS) -> float:
    """CPU seconds of the shortest of many calls: what others run on the machine lengthens some, and shortens none.

    The first call, which compiles and allocates, does not count.
    """
    call()
    shortest, spent, calls = math.inf, 0.0, 0
    while spent < seconds or calls < ENOUGH_CALLS:
        began = time.process_time()
        call()
        took = time.process_time() - began
        shortest, spent, calls = min(shortest, took), spent + took, calls + 1
    return shortest


@dataclass(frozen=True)
class Ceilings:
    """What one core does: bytes a second between it and memory, and floating-point operations a second."""

    bandwidth: float
    peak: float

    def floor(self, work: Work) -> float:
        """Seconds that ``work`` takes at least."""
        return max(work.bytes / self.bandwidth, work.operations / self.peak)

    def described(self) -> dict[str, float]:
        """For the head of a document."""
        return {
            "memory bandwidth of a core, GB/s": round(self.bandwidth / 1e9, 1),
            "matrix product of a core, Gflop/s": round(self.peak / 1e9, 1),
        }


@dataclass(frozen=True)
class Work:
    """``operations`` in floating point, and ``bytes`` that must come from memory or go there."""

    operations: float
    bytes: float


@single_threaded
def measured_ceilings() -> Ceilings:
    """Sum of two arrays of 64 MB each (three are moved), and product of two matrices of 1000 by 1000."""
    one, other, total = (np.ones(8 * 2**20) for _ in range(3))
    matrix = np.random.default_rng(0).normal(size=(1000, 1000))
    moved = cpu_seconds(lambda: np.add(one, other, out=total))
    multiplied = cpu_seconds(lambda: matrix @ matrix)
    return Ceilings(bandwidth=3.0 * one.nbytes / moved, peak=2.0 * 1000.0**3 / multiplied)


@dataclass(frozen=True)
class Counts:
    """Ordered pairs and triplets (all three sides shorter than the cutoff) of a structure."""

    atoms: int
    pairs: int
    triplets: int


def counted(atoms: Atoms, cutoff: float) -> Counts:
    """The pairs and triplets of ``atoms`` within ``cutoff`` (Å)."""
    found = find_neighbors(atoms, cutoff)
    triplets = 0
    for start, stop in zip(found.offsets[:-1], found.offsets[1:], strict=True):
        vectors = found.vectors[start:stop]
        apart = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=-1)
        triplets += int(np.triu(apart < cutoff**2, k=1).sum())
    return Counts(len(atoms), len(found.second), triplets)


def descriptor_work(counts: Counts, spec: DescriptorSpec) -> Work:
    """Of the features: distances, radial functions, angles, and a product and a sum for each term."""
    n2, n_eta, n_angular = _sizes(spec)
    pairs = counts.pairs * (8 + RADIAL * (n2 + n_eta) + n2)
    triplets = counts.triplets * (8 + 6 + n_eta * (RADIAL + 2) + 4 * n_angular + 2 * n_eta * n_angular)
    return Work(pairs + triplets, 32.0 * counts.pairs)


def prediction_work(counts: Counts, spec: DescriptorSpec, layout: Layout, members: int) -> Work:
    """Of energy and forces of an ensemble of networks: features, networks there and back, and all slopes."""
    n2, n_eta, n_angular = _sizes(spec)
    features = descriptor_work(counts, spec)
    pairs = counts.pairs * RADIAL_SLOPE * (n2 + n_eta)
    triplets = counts.triplets * (n_eta * (RADIAL_SLOPE + 9) + 6 + n_angular)
    by_pair = counts.pairs * (2 * n2 + 12)
    by_triplet = counts.triplets * (n_eta * (4 * n_angular + 9) + 14)
    networks = 4 * counts.atoms * layout.per_species
    operations = features.operations + pairs + triplets + members * (by_pair + by_triplet + networks)
    return Work(operations, features.bytes + 48.0 * counts.atoms + 8.0 * members * layout.n_parameters)


def loss_work(atoms: int, images: int, n_features: int, layout: Layout) -> Work:
    """Of loss and gradient of one network: every derivative of every feature is read twice, there and back."""
    slopes = images * atoms * n_features * 3 * atoms
    networks = 14 * images * atoms * layout.per_species
    return Work(4.0 * slopes + networks, 16.0 * slopes)


def _sizes(spec: DescriptorSpec) -> tuple[int, int, int]:
    return len(spec.g2_eta), len(spec.g4_eta), len(spec.g4_zeta) * len(spec.g4_gamma)


def exponent(sizes: list[float], values: list[float]) -> float:
    """Slope of ln value by ln size, by least squares: 1 is linear."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
