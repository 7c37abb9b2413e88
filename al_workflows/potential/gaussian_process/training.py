"""Training of the Gaussian process: one linear regression in units of the noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from al_workflows.potential.gaussian_process.evidence import (
    InColumns,
    InRows,
    Posterior,
    Regression,
    choose_amplitude,
    posterior,
)
from al_workflows.potential.gaussian_process.features import FourierFeatures
from al_workflows.potential.gaussian_process.model import GaussianProcess
from al_workflows.potential.model import Potential
from al_workflows.potential.prepare import Prepared, prepare
from al_workflows.potential.values import Image, TrainingMetrics
from al_workflows.records import FloatArray
from al_workflows.spec import GaussianProcessSpec

#: eV: standard deviation of an atom's own energy, beyond what the reference has taken off
OFFSET = 10.0
#: the amplitude is chosen on the latest images, up to this many residuals: they are where the run is
EVIDENCE_RESIDUALS = 600


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
    parts = _Parts(data, features, spec)
    found = _posterior(parts, spec.members, sample_rng)
    members = found.mean[None] if spec.members == 1 else found.samples - found.samples.mean(axis=0) + found.mean
    split = n_species * features.count
    process = GaussianProcess(features, np.ascontiguousarray(members[:, :split]), members[:, split:])
    return data.potential(process, _metrics(parts, found.mean, spec))


class _Parts:
    """Rows and values of every image, the latest first, in units of its noise; kept where they are few."""

    def __init__(self, data: Prepared, features: FourierFeatures, spec: GaussianProcessSpec) -> None:
        self.n_features = features.n_species * features.count
        self.widths = np.ones(self.n_features + features.n_species)
        self.widths[self.n_features :] = OFFSET
        self.n_residuals = sum(1 + 3 * len(sample.species) for sample in data.samples)
        self._data, self._features, self._spec = data, features, spec
        self._kept = list(self._computed()) if self.few else None

    @property
    def few(self) -> bool:
        """Whether there are fewer residuals than weights."""
        return self.n_residuals <= len(self.widths)

    def __iter__(self) -> Iterator[Part]:
        return iter(self._kept) if self._kept is not None else self._computed()

    def _computed(self) -> Iterator[Part]:
        data, spec, n_species = self._data, self._spec, self._features.n_species
        for n, noise in reversed(list(enumerate(data.noise))):
            species = data.samples[n].species
            rows = self._features.rows(species, *data.inputs(n))
            counts = np.zeros((len(rows), n_species))
            counts[0] = np.bincount(species, minlength=n_species)
            values = np.concatenate([[data.energies[n]], data.forces[n].ravel()])
            sigma = np.full(len(values), noise * spec.sigma_forces)
            sigma[0] = noise * spec.sigma_energy
            yield Part(np.concatenate([rows, counts], axis=1) / sigma[:, None], values / sigma, sigma)


@dataclass(frozen=True, eq=False)
class Part:
    """An image: ``rows`` [1 + 3N, weights] and ``values`` [1 + 3N] in units of ``sigma`` (eV, then eV/Å)."""

    rows: FloatArray
    values: FloatArray
    sigma: FloatArray


def _posterior(parts: _Parts, members: int, rng: np.random.Generator) -> Posterior:
    latest: list[Part] = []
    for part in parts:
        latest.append(part)
        if sum(len(part.values) for part in latest) >= EVIDENCE_RESIDUALS:
            break
    chosen = choose_amplitude(_in_rows(latest), parts.widths, parts.n_features)
    regression: Regression = _in_rows(list(parts)) if parts.few else _in_columns(parts)
    return posterior(regression, parts.widths, parts.n_features, chosen, 0 if members == 1 else members, rng)


def _in_rows(parts: Sequence[Part]) -> InRows:
    return InRows(np.concatenate([part.rows for part in parts]), np.concatenate([part.values for part in parts]))


def _in_columns(parts: _Parts) -> InColumns:
    size = len(parts.widths)
    square, projection, total = np.zeros((size, size)), np.zeros(size), 0.0
    for part in parts:
        square += part.rows.T @ part.rows
        projection += part.rows.T @ part.values
        total += float(part.values @ part.values)
    return InColumns(square, projection, total)


def _metrics(parts: _Parts, mean: FloatArray, spec: GaussianProcessSpec) -> TrainingMetrics:
    energies, forces, left, misfit = [], [], [], 0.0
    for part in parts:
        residuals = part.rows @ mean - part.values
        misfit += float(residuals @ residuals)
        errors = residuals * part.sigma
        energies.append(errors[0])
        forces.append(errors[1:])
        left.append((part.values * part.sigma)[1:])
    force_errors, prior_left = np.concatenate(forces), np.concatenate(left)
    return TrainingMetrics(
        n_images=len(energies),
        n_members=spec.members,
        trainer="gaussian_process",
        iterations=1,
        reached=misfit <= parts.n_residuals,
        energy_mae=float(np.abs(energies).mean()),
        force_mae=float(np.abs(force_errors).mean()),
        force_rmse=float(np.sqrt(np.mean(force_errors**2))),
        force_max_error=float(np.linalg.norm(force_errors.reshape(-1, 3), axis=1).max()),
        prior_force_rmse=float(np.sqrt(np.mean(prior_left**2))),
    )
