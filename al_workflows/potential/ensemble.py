"""An ensemble of per-element networks over scaled features.

Its spread ranks errors of forces but is too small: the root mean square of |ΔF| / σ, which should be near 1, is 3 to 7
with one label and 2 to 4 with three and ten (five members, surfaces on EMT). That is what the factor is for that a
potential's uncertainty is multiplied by (:mod:`al_workflows.potential.calibration`). Members differ by their first
weights and, beyond the first, by the weights of the images; with one image these drop out, and only the first weights
are left. Energies and forces of a network start at zero, so that where no label has moved them all members say what the
prior says. Output layers drawn at random, of a width of 1/√fan_in or twice that, do not widen the spread off the
labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from al_workflows.neighbors import IntArray
from al_workflows.potential import network
from al_workflows.records import FloatArray


@dataclass(frozen=True, eq=False)
class NetworkEnsemble:
    """``parameters`` [members, parameters of one member], laid out by ``layout``."""

    layout: network.Layout
    parameters: FloatArray

    @property
    def n_members(self) -> int:
        """Number of networks per element."""
        return len(self.parameters)

    def mean(self) -> NetworkEnsemble:
        """See :class:`~al_workflows.potential.model.Regressor`; the mean of networks is no network."""
        return self

    @cached_property
    def _layers(self) -> list[network.Layers]:
        layers = [self.layout.layers(self.parameters, kind) for kind in range(self.layout.n_species)]
        return [[(np.ascontiguousarray(w), np.ascontiguousarray(b)) for w, b in layer] for layer in layers]

    def outputs(self, species: IntArray, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See :class:`~al_workflows.potential.model.Regressor`."""
        energies = np.zeros(self.n_members)
        gradients = np.empty((self.n_members, *features.shape))
        for kind, layers in enumerate(self._layers):
            where = np.flatnonzero(species == kind)
            if len(where) == 0:
                continue
            values = network.activations(layers, features[where])
            energies += network.energies(layers, values).sum(axis=-1)
            gradients[:, where] = network.feature_gradient(layers, values)
        return energies, gradients
