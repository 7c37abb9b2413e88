"""Scaling of the features, sound from the first image on.

A feature is centred and divided by half its range over the atoms of one species in the data. Alone that fails with
one image, or with near-duplicates: features that hardly vary in the data would turn the next step of the simulation
into thousands of units. So the range has a floor, the larger of what a cloud of rattled copies of the images spans
and what one more neighbour at the distance of a bond would add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from al_workflows.neighbors import IntArray, Neighbors, find_neighbors
from al_workflows.potential.descriptor import Descriptor
from al_workflows.records import FloatArray

#: a plausible displacement of an atom in a simulation, Å (standard deviation of each component)
RATTLE = 0.2
#: rattled copies in all
CLOUD = 12
#: below this, a feature is constant for every purpose
TINY = 1e-12

Sample = tuple[IntArray, FloatArray]  # species [N] and unscaled features [N, features]


@dataclass(frozen=True, eq=False)
class Scaling:
    """``center`` and ``width`` of every feature by species, [species, features]."""

    center: FloatArray
    width: FloatArray

    def apply(self, species: IntArray, features: FloatArray) -> FloatArray:
        """Scaled features, [N, features]."""
        return (features - self.center[species]) / self.width[species]


def fit_scaling(
    descriptor: Descriptor, elements: Sequence[str], data: Sequence[Sample], cloud: Sequence[Sample]
) -> Scaling:
    """Centres and half ranges over ``data``, the ranges floored by those of ``cloud`` and by a neighbour's worth."""
    low, high = _limits(descriptor, data)
    cloud_low, cloud_high = _limits(descriptor, [*data, *cloud])
    floor = np.maximum(cloud_high - cloud_low, contact_features(descriptor, elements))
    width = np.maximum(high - low, floor) / 2
    return Scaling(center=(low + high) / 2, width=np.maximum(width, TINY))


def _limits(descriptor: Descriptor, samples: Sequence[Sample]) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest value of every feature by species, [species, features]."""
    species = np.concatenate([sample[0] for sample in samples])
    features = np.concatenate([sample[1] for sample in samples])
    groups = [features[species == kind] for kind in range(descriptor.n_species)]
    return np.array([group.min(axis=0) for group in groups]), np.array([group.max(axis=0) for group in groups])


def contact_features(descriptor: Descriptor, elements: Sequence[str]) -> FloatArray:
    """What neighbours at the distance of a bond (two, at a right angle) amount to, [species, features]."""
    radii = np.array([covalent_radii[atomic_numbers[element]] for element in elements])
    n_species = len(elements)
    result = np.zeros((n_species, descriptor.n_features))
    for center in range(n_species):
        for first in range(n_species):
            for second in range(first, n_species):
                bonds = np.diag(radii[center] + radii[[first, second, center]])[:2]
                neighbors = Neighbors(np.array([0, 2, 2, 2]), np.array([1, 2]), bonds)
                found = descriptor.features(np.array([center, first, second]), neighbors)[0]
                result[center] = np.maximum(result[center], found)
    return result


def rattled_features(
    descriptor: Descriptor, structures: Sequence[Atoms], species: Sequence[IntArray], rng: np.random.Generator
) -> list[Sample]:
    """Features of rattled copies of ``structures``, taken in turn."""
    samples = []
    for n in range(CLOUD):
        index = -1 - n % len(structures)
        copy = structures[index].copy()
        copy.positions += rng.normal(0.0, RATTLE, copy.positions.shape)
        neighbors = find_neighbors(copy, descriptor.spec.cutoff)
        samples.append((species[index], descriptor.features(species[index], neighbors)))
    return samples
