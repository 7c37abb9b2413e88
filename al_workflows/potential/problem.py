"""The training set as a least-squares problem in the weights of one network.

The descriptor and its derivatives do not change during a training, so they are computed once; a residual, its
gradient and its Jacobian are then matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from al_workflows.neighbors import IntArray
from al_workflows.potential.network import (
    Layout,
    activations,
    energies,
    feature_gradient,
    flatten,
    parameter_gradient,
)
from al_workflows.records import FloatArray


@dataclass(frozen=True, eq=False)
class Target:
    """What the network shall learn of one image.

    ``species`` [N]; scaled ``features`` [N, features] and their ``jacobian`` [N, features, N, 3] (1/Å); ``energy``
    (eV) and ``forces`` (eV/Å, [N, 3]) relative to prior and reference.
    """

    species: IntArray
    features: FloatArray
    jacobian: FloatArray
    energy: float
    forces: FloatArray


@dataclass(frozen=True, eq=False)
class Block:
    """Images of one sequence of species, stacked: I images of N atoms.

    ``atoms`` lists the atoms of each species; ``features`` and ``slopes`` follow it: [I, n, F] and [I, 3N, n, F].
    ``energies`` [I], ``forces`` [I, 3N]; ``index`` [I] is the image's place in the training set.
    """

    atoms: dict[int, IntArray]
    features: dict[int, FloatArray]
    slopes: dict[int, FloatArray]
    energies: FloatArray
    forces: FloatArray
    index: IntArray


def stack(targets: Sequence[Target]) -> list[Block]:
    """``targets`` in blocks of equal species."""
    groups: dict[bytes, list[int]] = {}
    for n, target in enumerate(targets):
        groups.setdefault(target.species.tobytes(), []).append(n)
    return [_block(targets, members) for members in groups.values()]


def _block(targets: Sequence[Target], members: list[int]) -> Block:
    species = targets[members[0]].species
    atoms = {int(kind): np.flatnonzero(species == kind) for kind in np.unique(species)}
    features, slopes = {}, {}
    for kind, where in atoms.items():
        features[kind] = np.array([targets[n].features[where] for n in members])
        rows = [targets[n].jacobian[where].reshape(*targets[n].features[where].shape, -1) for n in members]
        slopes[kind] = np.ascontiguousarray(np.array(rows).transpose(0, 3, 1, 2))
    return Block(
        atoms=atoms,
        features=features,
        slopes=slopes,
        energies=np.array([targets[n].energy for n in members]),
        forces=np.array([targets[n].forces.ravel() for n in members]),
        index=np.array(members),
    )


@dataclass(frozen=True, eq=False)
class Problem:
    """Residuals (prediction − label) / σ of every energy and force component.

    ``energy_weights`` and ``force_weights`` [images] are 1/σ (1/eV and Å/eV). Residuals are ordered by block and
    image, an energy before its forces.
    """

    layout: Layout
    blocks: list[Block]
    energy_weights: FloatArray
    force_weights: FloatArray

    @property
    def n_residuals(self) -> int:
        """Number of energies and force components."""
        return sum(block.energies.size + block.forces.size for block in self.blocks)

    def errors(self, parameters: FloatArray, block: Block) -> tuple[FloatArray, FloatArray]:
        """Prediction − label of one block: energies eV [I], forces eV/Å [I, 3N]."""
        energy, forces = -block.energies, -block.forces
        for kind, features in block.features.items():
            layers = self.layout.layers(parameters, kind)
            values = activations(layers, features)
            energy = energy + energies(layers, values).sum(axis=-1)
            gradient = feature_gradient(layers, values)  # [I, n, F]
            forces = forces - _along(block.slopes[kind], gradient)
        return energy, forces

    def residuals(self, parameters: FloatArray) -> FloatArray:
        """All residuals, [n_residuals]."""
        parts = []
        for block in self.blocks:
            energy, forces = self.errors(parameters, block)
            weighted = (energy * self.energy_weights[block.index])[:, None]
            parts.append(np.concatenate([weighted, forces * self.force_weights[block.index, None]], axis=1).ravel())
        return np.concatenate(parts)

    def half_squares(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """½ Σ residual² and its gradient [n_parameters]."""
        total, gradient = 0.0, np.zeros(self.layout.n_parameters)
        for block in self.blocks:
            energy, forces = self.errors(parameters, block)
            pull = energy * self.energy_weights[block.index] ** 2
            push = forces * self.force_weights[block.index, None] ** 2
            total += 0.5 * float(energy @ pull + np.vdot(forces, push))
            for kind, features in block.features.items():
                layers = self.layout.layers(parameters, kind)
                tangents = -_across(block.slopes[kind], push)  # [I, n, F]
                weight = np.broadcast_to(pull[:, None], features.shape[:-1])
                rows = flatten(parameter_gradient(layers, activations(layers, features), tangents, weight))
                self._species(gradient, kind)[:] += rows.sum(axis=0)
        return total, gradient

    def jacobian(self, parameters: FloatArray) -> FloatArray:
        """Derivatives of the residuals, [n_residuals, n_parameters]."""
        result = np.zeros((self.n_residuals, self.layout.n_parameters))
        start = 0
        for block in self.blocks:
            n_images, n_rows = len(block.energies), 1 + block.forces.shape[1]
            stop = start + n_images * n_rows
            rows = result[start:stop].reshape(n_images, n_rows, -1)
            scale = np.broadcast_to(-self.force_weights[block.index, None], block.forces.shape)
            scale = np.concatenate([self.energy_weights[block.index, None], scale], axis=1)
            for kind, features in block.features.items():
                layers = self.layout.layers(parameters, kind)
                values = [value[:, None] for value in activations(layers, features)]
                nothing = np.zeros_like(features[:, None])
                tangents = np.concatenate([nothing, block.slopes[kind]], axis=1)  # [I, 1 + 3N, n, F]
                weight = np.zeros(tangents.shape[:-1])
                weight[:, 0] = 1.0
                found = flatten(parameter_gradient(layers, values, tangents, weight))
                self._species(rows, kind)[:] = found * scale[..., None]
            start = stop
        return result

    def _species(self, array: FloatArray, kind: int) -> FloatArray:
        """View of the parameters of one species in the last axis of ``array``."""
        size = self.layout.per_species
        return array[..., kind * size : (kind + 1) * size]


def _along(slopes: FloatArray, gradient: FloatArray) -> FloatArray:
    """Σ_nf slopes [I, 3N, n, F] · gradient [I, n, F]; [I, 3N]."""
    n_images, n_rows = slopes.shape[:2]
    product: FloatArray = slopes.reshape(n_images, n_rows, -1) @ gradient.reshape(n_images, -1, 1)
    return product[..., 0]


def _across(slopes: FloatArray, push: FloatArray) -> FloatArray:
    """Σ_k push [I, 3N] · slopes [I, 3N, n, F]; [I, n, F]."""
    n_images, n_rows, n_atoms, n_features = slopes.shape
    product: FloatArray = push[:, None, :] @ slopes.reshape(n_images, n_rows, -1)
    return product.reshape(n_images, n_atoms, n_features)
