"""All members' networks on a batch at once, in torch: residuals, and the gradient of their squares.

The formulas are those of :mod:`.network`, with the members as the leading axis of every matrix product. What is on
which device is decided in one place, :func:`on_device`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from al_workflows.potential.minibatch_data import BatchData
from al_workflows.potential.network import Layout


@dataclass(frozen=True, eq=False)
class Links:
    """See :class:`~al_workflows.potential.minibatch_data.SpeciesLinks`."""

    columns: Tensor
    slopes: Tensor
    second: Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """See :class:`~al_workflows.potential.minibatch_data.BatchData`; ``atoms_of`` [A, B] is 1 where an atom belongs.

    A product with it adds atoms up in a fixed order, where adding by index would depend on the device's mood.
    """

    index: Tensor
    image: Tensor
    atoms_of: Tensor
    where: dict[int, Tensor]
    features: Tensor
    links: tuple[Links, ...]
    incoming: Tensor
    energies: Tensor
    forces: Tensor


def on_device(data: BatchData, device: torch.device, dtype: torch.dtype) -> Batch:
    """``data`` as tensors on ``device``: the one place where arrays go there."""

    def numbers(array: object) -> Tensor:
        return torch.as_tensor(array, dtype=dtype, device=device)

    def indices(array: object) -> Tensor:
        return torch.as_tensor(array, dtype=torch.int64, device=device)

    return Batch(
        index=indices(data.index),
        image=indices(data.image),
        atoms_of=torch.nn.functional.one_hot(indices(data.image), len(data.index)).to(dtype),
        where={kind: indices(atoms) for kind, atoms in data.where.items()},
        features=numbers(data.features),
        links=tuple(Links(indices(n.columns), numbers(n.slopes), indices(n.second)) for n in data.links),
        incoming=indices(data.incoming),
        energies=numbers(data.energies),
        forces=numbers(data.forces),
    )


def layers_of(layout: Layout, parameters: Tensor, species: int) -> list[tuple[Tensor, Tensor]]:
    """Views of weights [M, in, out] and biases [M, 1, out] of ``species`` in ``parameters`` [M, n_parameters]."""
    start, layers = species * layout.per_species, []
    for inside, outside in pairwise(layout.sizes):
        stop = start + inside * outside
        weights = parameters[:, start:stop].reshape(-1, inside, outside)
        layers.append((weights, parameters[:, None, stop : stop + outside]))
        start = stop + outside
    return layers


def energies_and_gradients(layout: Layout, parameters: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Energies of atoms [M, A] and their gradients by the scaled features [A, M, F]."""
    members, (count, width) = len(parameters), batch.features.shape
    energies = batch.features.new_zeros(members, count)
    gradients = batch.features.new_zeros(count, members, width)
    for kind, atoms in batch.where.items():
        layers = layers_of(layout, parameters, kind)
        values = [batch.features[atoms]]
        for weights, biases in layers[:-1]:
            values.append(torch.tanh(values[-1] @ weights + biases))  # [M, n, width]
        output, bias = layers[-1]
        energies[:, atoms] = (values[-1] @ output + bias)[..., 0]
        gradient = output.transpose(1, 2) * (1.0 - values[-1] ** 2)
        for (weights, _), value in zip(reversed(layers[1:-1]), reversed(values[1:-1]), strict=True):
            gradient = (gradient @ weights.transpose(1, 2)) * (1.0 - value**2)
        gradients[atoms] = (gradient @ layers[0][0].transpose(1, 2)).transpose(0, 1)
    return energies, gradients


def forces_of(gradients: Tensor, batch: Batch) -> Tensor:
    """Forces [A, M, 3] (eV/Å) from ``gradients`` [A, M, F]."""
    count, members, _ = gradients.shape
    forces = gradients.new_zeros(count, members, 3)
    rows = []
    for links in batch.links:
        slopes = torch.bmm(gradients[:, :, links.columns], links.slopes.transpose(1, 2))  # [A, M, 3n]
        slopes = slopes.view(count, members, -1, 3)
        forces += slopes.sum(dim=2)
        rows.append(slopes.transpose(1, 2).reshape(-1, members, 3))
    rows.append(gradients.new_zeros(1, members, 3))  # what there is no more of
    return forces - torch.cat(rows)[batch.incoming].sum(dim=1)


def tangents_of(push: Tensor, batch: Batch) -> Tensor:
    """Σ push · ∂F/∂(∂E/∂G), the transpose of :func:`forces_of`: ``push`` [A, M, 3] to [A, M, F]."""
    count, members, _ = push.shape
    tangents = push.new_zeros(count, members, batch.features.shape[1])
    for links in batch.links:
        apart = push[:, None] - push[links.second]  # [A, n, M, 3]
        apart = apart.transpose(1, 2).reshape(count, members, -1)
        tangents[:, :, links.columns] += torch.bmm(apart, links.slopes)
    return tangents


def errors(layout: Layout, parameters: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Prediction − label: energies eV [M, B], forces eV/Å [A, M, 3]."""
    energies, gradients = energies_and_gradients(layout, parameters, batch)
    return energies @ batch.atoms_of - batch.energies, forces_of(gradients, batch) - batch.forces[:, None]


def half_squares(
    layout: Layout, parameters: Tensor, batch: Batch, energy_weights: Tensor, force_weights: Tensor
) -> tuple[Tensor, Tensor]:
    """½ Σ residual² of every member [M], and its gradient [M, n_parameters].

    ``energy_weights`` and ``force_weights`` [M, images of the training set] are 1/σ (1/eV and Å/eV).
    """
    with torch.no_grad():
        energy, force = errors(layout, parameters, batch)
        pull = energy * energy_weights[:, batch.index] ** 2  # [M, B]
        push = force * (force_weights[:, batch.index] ** 2)[:, batch.image].T[:, :, None]  # [A, M, 3]
        squares = 0.5 * ((energy * pull).sum(dim=1) + (force * push).sum(dim=(0, 2)))
        tangents = tangents_of(push, batch)
    with torch.enable_grad():
        moving = parameters.detach().requires_grad_()
        total = moving.new_zeros(())
        for kind, atoms in batch.where.items():
            value, move = _directional(layers_of(layout, moving, kind), batch.features[atoms], tangents[atoms])
            total = total + (value * pull[:, batch.image[atoms]]).sum() + move.sum()
        (gradient,) = torch.autograd.grad(total, moving)
    return squares, gradient


def _directional(layers: list[tuple[Tensor, Tensor]], features: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
    """Energies [M, n] and their derivatives along ``tangents`` [n, M, F], by forward differentiation."""
    value, move = features, tangents.transpose(0, 1)
    for weights, biases in layers[:-1]:
        value = torch.tanh(value @ weights + biases)
        move = (1.0 - value**2) * (move @ weights)
    output, bias = layers[-1]
    return (value @ output + bias)[..., 0], (move @ output)[..., 0]
