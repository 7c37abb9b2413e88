"""Network derivatives against torch's autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from al_workflows.potential import network
from al_workflows.potential.network import Layout


@pytest.mark.parametrize("hidden", [(7,), (5, 6), (4, 3, 5)])
def test_derivatives_match_autograd(hidden: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    layout = Layout(2, (9, *hidden, 1))
    parameters = rng.normal(size=layout.n_parameters)
    features, tangents = rng.normal(size=(2, 8, 9))
    weight = rng.normal(size=8)
    layers = layout.layers(parameters, 1)
    values = network.activations(layers, features)

    torch_layers = [[torch.tensor(part.copy(), requires_grad=True) for part in layer] for layer in layers]
    x = torch.tensor(features, requires_grad=True)
    h = x
    for w, b in torch_layers[:-1]:
        h = torch.tanh(h @ w + b)
    energy = (h @ torch_layers[-1][0])[:, 0] + torch_layers[-1][1]
    (slope,) = torch.autograd.grad(energy.sum(), x, create_graph=True)
    loss = (slope * torch.tensor(tangents)).sum() + (energy * torch.tensor(weight)).sum()
    expected = torch.autograd.grad(loss, [part for layer in torch_layers for part in layer], allow_unused=True)

    np.testing.assert_allclose(network.energies(layers, values), energy.detach(), atol=1e-12)
    np.testing.assert_allclose(network.feature_gradient(layers, values), slope.detach(), atol=1e-12)
    found = [part for layer in network.parameter_gradient(layers, values, tangents, weight) for part in layer]
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-11)


def test_layers_are_views_of_all_parameters() -> None:
    layout = Layout(3, (4, 5, 1))
    parameters = np.zeros(layout.n_parameters)
    for species in range(3):
        for weights, biases in layout.layers(parameters, species):
            weights += 1
            biases += 1
    np.testing.assert_array_equal(parameters, 1)


def test_starts_at_zero_energy() -> None:
    layout = Layout(1, (6, 20, 20, 1))
    layers = layout.layers(layout.initial(np.random.default_rng(0), 0.5), 0)
    features = np.random.default_rng(1).normal(size=(5, 6))
    values = network.activations(layers, features)
    np.testing.assert_array_equal(network.energies(layers, values), 0)
    np.testing.assert_array_equal(network.feature_gradient(layers, values), 0)
    assert np.abs(values[-1]).max() > 0
