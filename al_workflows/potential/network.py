"""Per-element networks: tanh hidden layers, one linear output, in float64, with the derivatives that training needs.

A member's parameters are one vector; :class:`Layout` says where each element's layers lie in it. The functions take
the layers of one element (or of one element for all members at once: the leading axes of a matrix product).

E = w·h_L + b and h_l = tanh(h_{l-1} W_l + b_l). A *tangent* d is a direction in feature space, and Ė = d·∂E/∂G; the
gradient of Ė by the weights is what a force (a sum of Ė over atoms) needs: reverse over forward differentiation
(Pearlmutter, Neural Comput. 6, 147 (1994)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from al_workflows.records import FloatArray

Layers = list[tuple[FloatArray, FloatArray]]  # per layer: weights [..., in, out] and biases [..., out]


@dataclass(frozen=True)
class Layout:
    """Shapes of the networks of ``n_species`` species: ``sizes`` are features, hidden layers…, 1."""

    n_species: int
    sizes: tuple[int, ...]

    @property
    def per_species(self) -> int:
        """Parameters of one species' network."""
        return sum((inside + 1) * outside for inside, outside in pairwise(self.sizes))

    @property
    def n_parameters(self) -> int:
        """Parameters of one member."""
        return self.n_species * self.per_species

    def layers(self, parameters: FloatArray, species: int) -> Layers:
        """Views of the layers of ``species`` in ``parameters`` [..., n_parameters]."""
        start = species * self.per_species
        layers: Layers = []
        for inside, outside in pairwise(self.sizes):
            stop = start + inside * outside
            weights = parameters[..., start:stop].reshape(*parameters.shape[:-1], inside, outside)
            layers.append((weights, parameters[..., stop : stop + outside]))
            start = stop + outside
        return layers

    def initial(self, rng: np.random.Generator, gain: float) -> FloatArray:
        """Normal weights of width gain/√fan_in; biases and the whole output layer are zero, and so is the energy."""
        parameters = np.zeros(self.n_parameters)
        for species in range(self.n_species):
            for weights, _ in self.layers(parameters, species)[:-1]:
                weights[:] = rng.normal(0.0, gain / math.sqrt(weights.shape[0]), weights.shape)
        return parameters


def activations(layers: Layers, features: FloatArray) -> list[FloatArray]:
    """Features and the values of every hidden layer, each [..., atoms, width]."""
    values = [features]
    for weights, biases in layers[:-1]:
        values.append(np.tanh(values[-1] @ weights + biases[..., None, :]))
    return values


def energies(layers: Layers, values: list[FloatArray]) -> FloatArray:
    """Energy of every atom, [..., atoms]."""
    weights, biases = layers[-1]
    return (values[-1] @ weights)[..., 0] + biases


def feature_gradient(layers: Layers, values: list[FloatArray]) -> FloatArray:
    """∂E/∂G of every atom, [..., atoms, features]."""
    gradient = layers[-1][0][..., None, :, 0] * (1.0 - values[-1] ** 2)
    for (weights, _), value in zip(reversed(layers[1:-1]), reversed(values[1:-1]), strict=True):
        gradient = (gradient @ np.swapaxes(weights, -1, -2)) * (1.0 - value**2)
    return gradient @ np.swapaxes(layers[0][0], -1, -2)


def parameter_gradient(layers: Layers, values: list[FloatArray], tangents: FloatArray, weight: FloatArray) -> Layers:
    """Gradient by the layers of Σ_atoms (Ė + weight · E).

    ``values`` are [..., atoms, width], ``tangents`` [..., atoms, features] and ``weight`` [..., atoms]; leading axes
    are kept, so that a Jacobian is this function with a row of tangents for every force component. ``values`` may
    lack leading axes that the tangents have as long as they broadcast.
    """
    slopes = [1.0 - value**2 for value in values[1:]]
    moves, inner = [tangents], []  # tangents of the layers' values and of their arguments
    for (weights, _), slope in zip(layers[:-1], slopes, strict=True):
        inner.append(moves[-1] @ weights)
        moves.append(slope * inner[-1])
    lead = moves[-1].shape[:-1]
    wide = [np.broadcast_to(value, (*lead, value.shape[-1])) for value in values]
    last = wide[-1] * weight[..., None] + moves[-1]
    result: Layers = [(last.sum(axis=-2)[..., None], np.broadcast_to(weight, lead).sum(axis=-1)[..., None])]
    output = layers[-1][0][:, 0]
    move_bar = np.broadcast_to(output, moves[-1].shape)
    value_bar = weight[..., None] * output
    for n in range(len(layers) - 2, -1, -1):
        inner_bar = slopes[n] * move_bar
        bar = slopes[n] * (value_bar - 2.0 * values[n + 1] * inner[n] * move_bar)
        left = np.concatenate([moves[n], wide[n]], axis=-2)
        right = np.concatenate([inner_bar, np.broadcast_to(bar, inner_bar.shape)], axis=-2)
        result.append((np.swapaxes(left, -1, -2) @ right, bar.sum(axis=-2)))
        if n > 0:
            weights = np.swapaxes(layers[n][0], -1, -2)
            move_bar, value_bar = inner_bar @ weights, bar @ weights
    return result[::-1]


def flatten(gradient: Layers) -> FloatArray:
    """The layers of one species as the vector that :class:`Layout` knows, leading axes kept."""
    parts = []
    for weights, biases in gradient:
        parts += [weights.reshape(*weights.shape[:-2], -1), biases]
    return np.concatenate(parts, axis=-1)
