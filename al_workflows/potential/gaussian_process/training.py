"""Training of the Gaussian process: one linear regression in units of the noise.

An image of N atoms is [1 + 3N, species · D] numbers, found in a time that grows like its pairs of neighbours: 18 MB for
500 atoms of three elements and D = 500, and a training holds six such arrays. Images beyond that cost time only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from al_workflows.potential.gaussian_process.evidence import (
    InColumns,
    InRows,
    Regression,
    Scales,
    Widths,
    choose_scales,
)
from al_workflows.potential.gaussian_process.features import FourierFeatures
from al_workflows.potential.gaussian_process.model import GaussianProcess
from al_workflows.potential.model import Potential
from al_workflows.potential.prepare import Prepared, prepare
from al_workflows.potential.values import Image, TrainingMetrics
from al_workflows.records import FloatArray
from al_workflows.spec import GaussianProcessSpec
from al_workflows.structures import max_force

#: eV: standard deviation of an atom's own energy, beyond what the reference has taken off
OFFSET = 10.0
#: eV/Å: a structure whose largest force on a free atom is this may be fitted to the noise in full, and one without
#: forces to a share of it only: a stationary point has to be known as well as its forces are asked for
NOISY_FORCE, QUIET = 1.0, 0.2
#: amplitude and noise are chosen on the latest images, up to this many residuals: they are where the run is
EVIDENCE_RESIDUALS = 600
#: rows that are summed up at once where there are more than weights: enough for the product to pay
BATCH = 512


def train_gaussian_process(
    images: Sequence[Image], spec: GaussianProcessSpec, *, seed: int | Sequence[int]
) -> Potential:
    """The posterior of ``spec`` given ``images``; the same for the same ``seed``.

    Raises
    ------
    TrainingError
        There is no image, or one that cannot be learned from.
    InputError
        The prior lacks an element.
    """
    cloud_rng, feature_rng, sample_rng = (
        np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(3)
    )
    data = prepare(images, spec, cloud_rng)
    n_species, n_inputs = len(data.elements), data.descriptor.n_features
    length = spec.length_scale * math.sqrt(n_inputs)
    features = FourierFeatures.draw(n_species, n_inputs, spec.features, length, feature_rng)
    regression, scales = _regression(data, features, spec)
    count = 0 if spec.members == 1 else spec.members
    found, samples = regression.solve(scales, count, sample_rng)
    mean = _process(features, found[None])
    metrics = _metrics(data, mean, spec)
    if spec.members == 1:
        return data.potential(mean, metrics)
    return data.potential(_process(features, samples - samples.mean(axis=0) + found), metrics)


def _process(features: FourierFeatures, members: FloatArray) -> GaussianProcess:
    split = features.n_species * features.count
    return GaussianProcess(features, np.ascontiguousarray(members[:, :split]), members[:, split:])


def _regression(data: Prepared, features: FourierFeatures, spec: GaussianProcessSpec) -> tuple[Regression, Scales]:
    """The regression on all images in the smaller of the two spaces; amplitude and noise by the latest images."""
    widths = Widths(features.n_species * features.count, np.full(features.n_species, OFFSET))
    parts: Iterator[Part] = _parts(data, features, spec)
    latest = next(batched(parts, EVIDENCE_RESIDUALS))
    few = sum(len(part.values) for part in latest) <= widths.columns
    by_latest: Regression = InRows(*_joined(latest), widths) if few else _in_columns([latest], widths)
    scales = choose_scales(by_latest)
    if len(latest) == len(data.samples):
        return by_latest, scales
    parts = itertools.chain(latest, parts)
    if sum(force.size + 1 for force in data.forces) <= widths.columns:
        return InRows(*_joined(list(parts)), widths), scales
    return _in_columns(batched(parts, BATCH), widths), scales


def _in_columns(batches: Iterable[Sequence[Part]], widths: Widths) -> InColumns:
    columns = InColumns(widths)
    for batch in batches:
        columns.add(*_joined(batch))
    return columns


def _parts(data: Prepared, features: FourierFeatures, spec: GaussianProcessSpec) -> Iterator[Part]:
    """Rows and values of every image, the latest first, in units of its noise."""
    noises = _noise(data)
    for n in reversed(range(len(data.samples))):
        species = data.samples[n].species
        rows = features.rows(species, *data.links(n), data.descriptor.columns)
        counts = np.zeros((len(rows), features.n_species))
        counts[0] = np.bincount(species, minlength=features.n_species)
        rows = np.concatenate([rows, counts], axis=1)
        values = np.concatenate([[data.energies[n]], data.forces[n].ravel()])
        sigma = np.full(len(values), noises[n] * spec.sigma_forces)
        sigma[0] = noises[n] * spec.sigma_energy
        rows /= sigma[:, None]
        yield Part(rows, values / sigma)


def _noise(data: Prepared) -> FloatArray:
    """Factor of the noise of every image, [images]."""
    largest = np.array([max_force(sample.image.atoms, sample.image.forces) for sample in data.samples])
    return np.asarray(data.noise * (QUIET + (1.0 - QUIET) * np.minimum(largest / NOISY_FORCE, 1.0)))


@dataclass(frozen=True, eq=False)
class Part:
    """An image: ``rows`` [1 + 3N, weights] and ``values`` [1 + 3N], energy and forces in units of their noise."""

    rows: FloatArray
    values: FloatArray


def _joined(parts: Sequence[Part]) -> tuple[FloatArray, FloatArray]:
    return np.concatenate([part.rows for part in parts]), np.concatenate([part.values for part in parts])


def batched(parts: Iterable[Part], rows: int) -> Iterator[list[Part]]:
    """``parts`` in turn, in batches of at least so many rows each but the last."""
    batch: list[Part] = []
    for part in parts:
        batch.append(part)
        if sum(len(one.values) for one in batch) >= rows:
            yield batch
            batch = []
    if batch:
        yield batch


def _metrics(data: Prepared, process: GaussianProcess, spec: GaussianProcessSpec) -> TrainingMetrics:
    """Errors of ``process``, of one member, on its labels, from a prediction of each."""
    energies, forces, misfit = [], [], 0.0
    for sample, energy, force, noise in zip(data.samples, data.energies, data.forces, _noise(data), strict=True):
        surroundings = data.descriptor.surroundings(sample.species, sample.neighbors)
        found, gradients = process.outputs(sample.species, data.scale.apply(sample.species, surroundings.features))
        gradients /= data.scale.width[sample.species]
        energies.append(float(found[0]) - energy)
        forces.append((-surroundings.contraction(gradients)[0] - force).ravel())
        squares = (energies[-1] / spec.sigma_energy) ** 2 + float(forces[-1] @ forces[-1]) / spec.sigma_forces**2
        misfit += squares / noise**2
    force_errors = np.concatenate(forces)
    prior_left = np.concatenate([force.ravel() for force in data.forces])
    return TrainingMetrics(
        n_images=len(energies),
        n_members=spec.members,
        trainer="gaussian_process",
        iterations=1,
        reached=bool(misfit <= len(energies) + len(force_errors)),
        energy_mae=float(np.abs(energies).mean()),
        force_mae=float(np.abs(force_errors).mean()),
        force_rmse=float(np.sqrt(np.mean(force_errors**2))),
        force_max_error=float(np.linalg.norm(force_errors.reshape(-1, 3), axis=1).max()),
        prior_force_rmse=float(np.sqrt(np.mean(prior_left**2))),
    )
