"""The Gaussian process as a regressor: the mean's weights and samples of the posterior."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from al_workflows.neighbors import IntArray
from al_workflows.potential.gaussian_process.features import FourierFeatures
from al_workflows.records import FloatArray


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """``weights`` [members, species · D] of ``features``, and atoms' own energies ``offsets`` [members, species], eV.

    The members are samples of the posterior, moved together so that their mean is the posterior's: mean and spread of
    the ensemble are the process's mean and, up to the scatter of few samples, its standard deviation. That is given the
    kernel, its length, the amplitude and the prior: what these are wrong about is not in the spread. It is least right
    beside the path of a relaxation: after ten labels of a slab with many atoms alike it may be ten times too small
    there, whatever amplitude, length and number of features, and labels of the path do not tell.
    """

    features: FourierFeatures
    weights: FloatArray
    offsets: FloatArray

    @property
    def n_members(self) -> int:
        """Number of samples; 1 is the mean alone."""
        return len(self.weights)

    def mean(self) -> GaussianProcess:
        """See :class:`~al_workflows.potential.model.Regressor`; energies are linear in the weights."""
        return replace(self, weights=self.weights.mean(axis=0)[None], offsets=self.offsets.mean(axis=0)[None])

    def outputs(self, species: IntArray, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See :class:`~al_workflows.potential.model.Regressor`."""
        energies = self.offsets @ np.bincount(species, minlength=self.features.n_species)
        gradients = np.empty((self.n_members, *features.shape))
        for kind in range(self.features.n_species):
            where = np.flatnonzero(species == kind)
            if len(where) == 0:
                continue
            block = self.weights[:, kind * self.features.count : (kind + 1) * self.features.count]
            energy, gradients[:, where] = self.features.energies_and_gradients(kind, features[where], block)
            energies = energies + energy
        return energies, gradients
