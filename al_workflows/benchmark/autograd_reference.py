"""The potential's formulas once more, in plain torch with derivatives by autograd: what our kernels are measured by.

Written from the formulas in the heads of :mod:`al_workflows.potential.descriptor`,
:mod:`~al_workflows.potential.network` and :mod:`~al_workflows.potential.priors.morse`, without their code. Everything
is an operation on whole arrays, as one writes it who wants it fast and short; nothing is derived by hand.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from torch import Tensor

from al_workflows.neighbors import find_neighbors
from al_workflows.potential.ensemble import NetworkEnsemble
from al_workflows.potential.model import Potential, species_of
from al_workflows.potential.priors.morse import MorsePrior

DTYPE = torch.float64


@dataclass(frozen=True, eq=False)
class Geometry:
    """What does not change by a small displacement: pairs, triplets, and what atoms are.

    ``species`` [N]; of pairs: ``first``, ``second`` [P] and ``shifts`` [P, 3] (Å), so that a pair's vector is
    R_second + shift − R_first; of triplets: the pairs ``p``, ``q`` [T] of one first atom.
    """

    species: Tensor
    first: Tensor
    second: Tensor
    shifts: Tensor
    p: Tensor
    q: Tensor

    @classmethod
    def of(cls, atoms: Atoms, elements: tuple[str, ...], cutoff: float) -> Geometry:
        """The geometry of ``atoms``; triplets whose second and third atom are too far apart are left out."""
        found = find_neighbors(atoms, cutoff)
        positions = torch.tensor(atoms.positions, dtype=DTYPE)
        first, second = torch.tensor(found.first), torch.tensor(found.second)
        vectors = torch.tensor(found.vectors, dtype=DTYPE)
        p, q = [], []
        for start, stop in itertools.pairwise(found.offsets.tolist()):
            one, other = torch.triu_indices(stop - start, stop - start, offset=1) + start
            near = (vectors[one] - vectors[other]).norm(dim=1) < cutoff
            p.append(one[near])
            q.append(other[near])
        return cls(
            species=torch.tensor(species_of(atoms, elements)),
            first=first,
            second=second,
            shifts=vectors - positions[second] + positions[first],
            p=torch.cat(p),
            q=torch.cat(q),
        )

    def vectors(self, positions: Tensor) -> Tensor:
        """From the first to the second atom of each pair, Å, [P, 3]."""
        return positions[self.second] + self.shifts - positions[self.first]


@dataclass(frozen=True, eq=False)
class AutogradReference:
    """Energies and forces of an ensemble of networks on a Morse prior (or none), as ``potential`` has them."""

    potential: Potential

    @cached_property
    def parameters(self) -> Tensor:
        """The members' weights, [M, parameters]."""
        return torch.tensor(self.ensemble.parameters, dtype=DTYPE)

    @property
    def ensemble(self) -> NetworkEnsemble:
        """The networks; a potential of another kind is none of this module's."""
        if not isinstance(self.potential.regressor, NetworkEnsemble):
            raise TypeError(f"the potential has a {type(self.potential.regressor).__name__} but must have networks")
        return self.potential.regressor

    def geometry(self, atoms: Atoms) -> Geometry:
        """Pairs and triplets of ``atoms``, to be used as long as it moves little."""
        return Geometry.of(atoms, self.potential.elements, self.potential.cutoff)

    def features(self, geometry: Geometry, positions: Tensor) -> Tensor:
        """Unscaled symmetry functions, [N, F]."""
        spec, n_species, n_atoms = self.potential.descriptor.spec, len(self.potential.elements), len(geometry.species)
        vectors, cutoff = geometry.vectors(positions), spec.cutoff
        r = vectors.norm(dim=1)
        kinds = geometry.species[geometry.second]
        g2 = torch.stack([torch.exp(-eta * (r / cutoff) ** 2) * _cut(r, cutoff) for eta in spec.g2_eta], dim=1)
        by_kind = positions.new_zeros(n_atoms * n_species, len(spec.g2_eta))
        by_kind = by_kind.index_add(0, geometry.first * n_species + kinds, g2)

        p, q = geometry.p, geometry.q
        r_jk = (vectors[q] - vectors[p]).norm(dim=1)
        cosine = (vectors[p] * vectors[q]).sum(dim=1) / (r[p] * r[q])
        cuts = _cut(r[p], cutoff) * _cut(r[q], cutoff) * _cut(r_jk, cutoff)
        squares = (r[p] ** 2 + r[q] ** 2 + r_jk**2) / cutoff**2
        terms = [
            2 ** (1 - zeta) * (1 + gamma * cosine).clamp(min=0) ** zeta * torch.exp(-eta * squares) * cuts
            for eta in spec.g4_eta
            for zeta in spec.g4_zeta
            for gamma in spec.g4_gamma
        ]
        pairs = list(itertools.combinations_with_replacement(range(n_species), 2))
        index = torch.zeros(n_species, n_species, dtype=torch.int64)
        for n, (one, other) in enumerate(pairs):
            index[one, other] = index[other, one] = n
        by_pair = positions.new_zeros(n_atoms * len(pairs), len(terms))
        where = geometry.first[p] * len(pairs) + index[kinds[p], kinds[q]]
        by_pair = by_pair.index_add(0, where, torch.stack(terms, dim=1))
        return torch.cat([by_kind.reshape(n_atoms, -1), by_pair.reshape(n_atoms, -1)], dim=1)

    def network_energies(self, parameters: Tensor, species: Tensor, scaled: Tensor) -> Tensor:
        """Energies [..., M] (eV) from scaled features [..., N, F] of atoms of ``species`` [N]."""
        layout = self.ensemble.layout
        energies = scaled.new_zeros(*scaled.shape[:-2], len(parameters))
        for kind in torch.unique(species).tolist():
            values, start = scaled[..., None, species == kind, :], kind * layout.per_species  # [..., 1, n, F]
            for n, (inside, outside) in enumerate(itertools.pairwise(layout.sizes)):
                stop = start + inside * outside
                weights = parameters[:, start:stop].reshape(-1, inside, outside)
                values = values @ weights + parameters[:, None, stop : stop + outside]  # [..., M, n, outside]
                values = torch.tanh(values) if n < len(layout.sizes) - 2 else values
                start = stop + outside
            energies = energies + values.sum(dim=(-2, -1))
        return energies

    def prior_energy(self, geometry: Geometry, positions: Tensor) -> Tensor:
        """Energy of the Morse prior, eV."""
        prior = self.potential.prior
        if prior is None:
            return positions.new_zeros(())
        if not isinstance(prior, MorsePrior):
            raise TypeError(f"the potential has a {type(prior).__name__} but must have a Morse prior or none")
        r = geometry.vectors(positions).norm(dim=1)
        curves = torch.tensor(prior.curves, dtype=DTYPE)
        depth, r_e, a = curves[geometry.species[geometry.first], geometry.species[geometry.second]].unbind(dim=1)
        x = torch.exp(-a * (r - r_e))
        t = ((r - prior.taper_start) / (prior.cutoff - prior.taper_start)).clamp(0, 1)
        energy: Tensor = 0.5 * (depth * (x**2 - 2 * x) * (1 - 10 * t**3 + 15 * t**4 - 6 * t**5)).sum()
        return energy

    def scaled(self, species: Tensor, features: Tensor) -> Tensor:
        """Scaled features, [N, F]."""
        scaling = self.potential.scaling
        return (features - torch.tensor(scaling.center)[species]) / torch.tensor(scaling.width)[species]

    def predict(self, atoms: Atoms, geometry: Geometry | None = None) -> tuple[Tensor, Tensor]:
        """Energies [M] (eV) and forces [M, N, 3] (eV/Å) of all members."""
        geometry = geometry or self.geometry(atoms)
        positions = torch.tensor(atoms.positions, dtype=DTYPE, requires_grad=True)
        scaled = self.scaled(geometry.species, self.features(geometry, positions))
        networks = self.network_energies(self.parameters, geometry.species, scaled)
        offset = self.potential.reference.of(geometry.species.numpy())
        energies = networks + self.prior_energy(geometry, positions) + offset
        members = range(len(energies))
        rows = [torch.autograd.grad(energies[m], positions, retain_graph=True)[0] for m in members]
        return energies.detach(), -torch.stack(rows)

    def jacobian(self, atoms: Atoms) -> Tensor:
        """Derivatives of the unscaled features by positions (1/Å), [N, F, N, 3]."""
        geometry, positions = self.geometry(atoms), torch.tensor(atoms.positions, dtype=DTYPE)
        found: Tensor = torch.func.jacrev(lambda moved: self.features(geometry, moved))(positions)
        return found


class AutogradCalculator(Calculator):  # type: ignore[misc]
    """The reference as ASE's calculator; it looks for neighbours anew where an atom has moved by 0.1 Å."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, reference: AutogradReference) -> None:
        super().__init__()
        self._reference = reference
        self._known: tuple[Geometry, Atoms] | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Mean of the members."""
        super().calculate(atoms, properties, system_changes)
        now = self.atoms
        if self._known is None or np.abs(now.positions - self._known[1].positions).max() > 0.1:
            self._known = self._reference.geometry(now), now
        energies, forces = self._reference.predict(now, self._known[0])
        self.results = {"energy": float(energies.mean()), "forces": forces.mean(dim=0).numpy()}


@dataclass(frozen=True, eq=False)
class Stack:
    """I images of one sequence of ``species`` [N], their descriptor computed once.

    Scaled ``features`` [I, N, F], their ``slopes`` [I, N · F, 3N] (1/Å), labels ``energies`` [I] (eV) and ``forces``
    [I, 3N] (eV/Å).
    """

    species: Tensor
    features: Tensor
    slopes: Tensor
    energies: Tensor
    forces: Tensor


def loss_and_gradient(
    reference: AutogradReference, parameters: Tensor, stack: Stack, sigma_energy: float, sigma_forces: float
) -> tuple[Tensor, Tensor]:
    """½ Σ residual² of every member [M] and its gradient, by differentiating forces that are a derivative themselves.

    ``parameters`` [M, parameters]; noise in eV and eV/Å.
    """
    moving = parameters.clone().requires_grad_()
    features = stack.features.clone().requires_grad_()
    energies = reference.network_energies(moving, stack.species, features)  # [I, M]
    losses = []
    for m in range(len(moving)):
        (gradient,) = torch.autograd.grad(energies[:, m].sum(), features, create_graph=True)
        forces = -torch.bmm(gradient.flatten(start_dim=1)[:, None], stack.slopes)[:, 0]  # [I, 3N]
        squares = ((energies[:, m] - stack.energies) / sigma_energy) ** 2
        losses.append(0.5 * (squares.sum() + (((forces - stack.forces) / sigma_forces) ** 2).sum()))
    loss = torch.stack(losses)
    (by_parameters,) = torch.autograd.grad(loss.sum(), moving)
    return loss.detach(), by_parameters


def _cut(r: Tensor, cutoff: float) -> Tensor:
    return torch.where(r < cutoff, 0.5 * (torch.cos(math.pi * r / cutoff) + 1), torch.zeros_like(r))
