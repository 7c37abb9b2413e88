"""What every kind of potential needs before it is trained: samples, prior, scaling, and what the prior leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.data import chemical_symbols

from al_workflows.errors import TrainingError
from al_workflows.neighbors import IntArray, Neighbors, find_neighbors
from al_workflows.potential import scaling
from al_workflows.potential.descriptor import Descriptor
from al_workflows.potential.links import Links
from al_workflows.potential.model import Potential, Reference, Regressor, neighbor_cutoff, species_of
from al_workflows.potential.priors import Prior
from al_workflows.potential.priors.build import build_prior, refitted
from al_workflows.potential.priors.morse_fit import MOST_LABELS, PriorSample
from al_workflows.potential.values import Image, TrainingMetrics
from al_workflows.records import FloatArray
from al_workflows.spec import PotentialSpec

#: largest force (eV/Å) that is fitted in full; the noise allowed grows with the square beyond
ORDINARY_FORCE = 5.0
#: atoms nearer than this (Å) are a mistake, and a Morse curve has nothing to say about them
CLOSEST = 0.2
#: neighbours of all images that are remembered (32 bytes each)
MOST_PAIRS = 10_000_000


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with what is computed of it once: ``features`` [N, F] unscaled, ``n_pairs`` neighbours in all."""

    image: Image
    species: IntArray
    features: FloatArray
    n_pairs: int
    reach: float
    known: Neighbors | None = None

    @property
    def neighbors(self) -> Neighbors:
        """Neighbours within ``reach`` (Å), found anew where there are too many of all images to be ``known``."""
        return find_neighbors(self.image.atoms, self.reach) if self.known is None else self.known


@dataclass(frozen=True, eq=False)
class Prepared:
    """A training set, ready for any trainer: eq. (3) of Shuaibi et al., for energies and forces.

    ``energies`` (eV, [images]) and ``forces`` (eV/Å, per image [N, 3]) are what prior and reference leave.
    """

    elements: tuple[str, ...]
    descriptor: Descriptor
    prior: Prior | None
    samples: tuple[Sample, ...]
    scale: scaling.Scaling
    reference: Reference
    energies: FloatArray
    forces: tuple[FloatArray, ...]

    def inputs(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Scaled features [N, F] of an image and their derivatives by its positions (1/Å, [N, F, N, 3])."""
        sample = self.samples[index]
        slopes = self.descriptor.jacobian(sample.species, sample.neighbors)
        slopes /= self.scale.width[sample.species][:, :, None, None]
        return self.scale.apply(sample.species, sample.features), slopes

    def links(self, index: int) -> tuple[FloatArray, Links]:
        """As :meth:`inputs`, with the derivatives in the form whose size grows like the atoms."""
        sample, columns = self.samples[index], self.descriptor.columns
        links = self.descriptor.links(sample.species, sample.neighbors)
        widths = self.scale.width[sample.species[links.first][:, None], columns[sample.species[links.second]]]
        np.divide(links.slopes, widths[:, :, None], out=links.slopes)
        return self.scale.apply(sample.species, sample.features), links

    def potential(self, regressor: Regressor, metrics: TrainingMetrics) -> Potential:
        """The potential that ``regressor``, trained on this, makes."""
        return Potential(self.elements, self.descriptor, self.scale, regressor, self.prior, self.reference, metrics)

    @property
    def noise(self) -> FloatArray:
        """Factor of the ordinary noise that an image is allowed, [images]: one that is torn apart teaches little."""
        largest = np.array([np.linalg.norm(s.image.forces, axis=1).max() for s in self.samples])
        return np.asarray(1.0 + (largest / ORDINARY_FORCE) ** 2 * (largest > ORDINARY_FORCE))


def prepare(images: Sequence[Image], spec: PotentialSpec, rng: np.random.Generator) -> Prepared:
    """Refit the prior, scale the features, and take prior and reference off the labels.

    Raises
    ------
    TrainingError
        There is no image, or one that cannot be learned from.
    InputError
        The prior lacks an element.
    """
    check_images(images)
    numbers = np.unique(np.concatenate([image.atoms.numbers for image in images]))
    elements = tuple(chemical_symbols[number] for number in numbers)
    descriptor = Descriptor(spec.descriptor, len(elements))
    prior = build_prior(elements, spec.prior)
    cutoff = neighbor_cutoff(descriptor, prior)
    samples = _samples(images, elements, descriptor, cutoff)
    labels = samples[-MOST_LABELS:]  # a fit looks at no others
    prior = refitted(
        prior, [PriorSample(s.image.atoms, s.species, s.neighbors, s.image.energy, s.image.forces) for s in labels]
    )
    scale = _scaling(samples, elements, descriptor, rng)
    reference, energies, forces = _left(samples, descriptor.n_species, prior)
    return Prepared(elements, descriptor, prior, samples, scale, reference, energies, forces)


def check_images(images: Sequence[Image]) -> None:
    """Raise a :class:`TrainingError` for the first image that cannot be learned from."""
    if len(images) == 0:
        raise TrainingError("no images to train on; give at least one accepted label")
    for n, image in enumerate(images):
        where = f"image {n} ({image.atoms.symbols})"
        if len(image.atoms) == 0:
            raise TrainingError(f"image {n} has no atoms; remove it")
        if image.forces.shape != (len(image.atoms), 3):
            raise TrainingError(f"{where} has forces of shape {image.forces.shape} but needs {(len(image.atoms), 3)}")
        values = {"energy": image.energy, "forces": image.forces, "positions": image.atoms.positions}
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise TrainingError(f"{where} has {name} with NaN or infinity; remove it")


def _samples(
    images: Sequence[Image], elements: tuple[str, ...], descriptor: Descriptor, cutoff: float
) -> tuple[Sample, ...]:
    """Samples of ``images``; the first :data:`MOST_PAIRS` neighbours of them all are known."""
    samples, left = [], MOST_PAIRS
    for image in images:
        sample = _sample(image, elements, descriptor, cutoff)
        left -= sample.n_pairs
        samples.append(sample if left >= 0 else replace(sample, known=None))
    return tuple(samples)


def _sample(image: Image, elements: tuple[str, ...], descriptor: Descriptor, cutoff: float) -> Sample:
    species = species_of(image.atoms, elements)
    neighbors = find_neighbors(image.atoms, cutoff)
    closest = float(np.linalg.norm(neighbors.vectors, axis=1).min(initial=np.inf))
    if closest < CLOSEST:
        raise TrainingError(
            f"an image of {image.atoms.symbols} has atoms {closest:.3f} Å apart but {CLOSEST} Å is the least; remove it"
        )
    features = descriptor.features(species, neighbors)
    return Sample(image, species, features, len(neighbors.second), cutoff, neighbors)


def _scaling(
    samples: Sequence[Sample], elements: Sequence[str], descriptor: Descriptor, rng: np.random.Generator
) -> scaling.Scaling:
    cloud = scaling.rattled_features(
        descriptor, [sample.image.atoms for sample in samples], [sample.species for sample in samples], rng
    )
    return scaling.fit_scaling(descriptor, elements, [(s.species, s.features) for s in samples], cloud)


def _left(
    samples: Sequence[Sample], n_species: int, prior: Prior | None
) -> tuple[Reference, FloatArray, tuple[FloatArray, ...]]:
    """The reference, and the energies and forces that it and the prior leave."""
    energies, forces = [], []
    for sample in samples:
        energy, force = sample.image.energy, np.asarray(sample.image.forces, dtype=float)
        if prior is not None:
            prior_energy, prior_forces = prior.energy_and_forces(sample.image.atoms, sample.species, sample.neighbors)
            energy, force = energy - prior_energy, force - prior_forces
            if not (np.isfinite(energy) and np.isfinite(force).all()):
                raise TrainingError(
                    f"the prior gives NaN or infinity for {sample.image.atoms.symbols} but must be finite; "
                    "choose another prior"
                )
        energies.append(float(energy))
        forces.append(force)
    counts = np.array([np.bincount(s.species, minlength=n_species) for s in samples], dtype=float)
    surplus = counts - counts[0]
    element_energies = np.zeros(n_species)
    if surplus.any():
        # compositions differ by whole atoms' energies, thousands of eV: nothing for a network
        element_energies = np.linalg.lstsq(surplus, np.array(energies) - energies[0], rcond=None)[0]
    reference = Reference(energies[0], counts[0], element_energies)
    left = np.array([energy - reference.of(s.species) for s, energy in zip(samples, energies, strict=True)])
    return reference, left, tuple(forces)
