"""A trained potential: prior, descriptor, what was fitted on it, and the reference that energies are counted from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from al_workflows.errors import InputError
from al_workflows.neighbors import IntArray, Neighbors, find_neighbors
from al_workflows.potential.descriptor import Descriptor
from al_workflows.potential.neighbor_cache import NeighborCache
from al_workflows.potential.priors import Prior
from al_workflows.potential.scaling import Scaling
from al_workflows.potential.values import Calibration, Prediction, TrainingMetrics
from al_workflows.records import FloatArray


@dataclass(frozen=True, eq=False)
class Reference:
    """The zero of energy: eqs (1)-(4) of Shuaibi et al., with x_ref the data set's first image.

    ``energy`` is E_DFT(x_ref) − E_prior(x_ref) in eV. ``composition`` [species] counts the atoms of x_ref and
    ``element_energies`` (eV, [species]) is what an atom more than that costs; it is zero as long as all images have
    one composition.
    """

    energy: float
    composition: FloatArray
    element_energies: FloatArray

    def of(self, species: IntArray) -> float:
        """Energy (eV) to add to prior and network for atoms of ``species`` [N]."""
        surplus = np.bincount(species, minlength=len(self.composition)) - self.composition
        return self.energy + float(surplus @ self.element_energies)


class Regressor(Protocol):
    """What is fitted to the features: an ensemble whose mean is the answer and whose spread is its uncertainty."""

    @property
    def n_members(self) -> int:
        """Size of the ensemble; 1 gives no spread."""
        ...

    def mean(self) -> Regressor:
        """A single member that is the ensemble's mean; the ensemble itself where there is none."""
        ...

    def outputs(self, species: IntArray, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Energies of the structure (eV, [members]) and their gradients by the features [members, N, F].

        ``species`` [N]; ``features`` [N, F], scaled.
        """
        ...


def species_of(atoms: Atoms, elements: tuple[str, ...]) -> IntArray:
    """Index in ``elements`` of every atom; -1 for an element that is not there."""
    lookup = np.full(len(atomic_numbers), -1, dtype=np.int64)
    for index, element in enumerate(elements):
        lookup[atomic_numbers[element]] = index
    species: IntArray = lookup[atoms.numbers]
    return species


@dataclass(frozen=True, eq=False)
class Potential:
    """Energies and forces from what :func:`al_workflows.potential.train_potential` has fitted.

    ``regressor`` gives the energy of scaled features; ``prior`` is None where it carries the whole energy;
    ``calibration`` is what the spread of the members is multiplied by.
    """

    elements: tuple[str, ...]
    descriptor: Descriptor
    scaling: Scaling
    regressor: Regressor
    prior: Prior | None
    reference: Reference
    metrics: TrainingMetrics
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def cutoff(self) -> float:
        """How far an atom sees, Å."""
        return neighbor_cutoff(self.descriptor, self.prior)

    def mean(self) -> Potential:
        """The same energies and forces, without their spread where the regressor's mean is one member."""
        return replace(self, regressor=self.regressor.mean())

    def predict(self, atoms: Atoms, cache: NeighborCache | None = None) -> Prediction:
        """Energy, forces and their spread over the members, calibrated; all NaN where a position is not finite.

        With a ``cache`` that sees the same structure again and again, neighbours are seldom searched; the numbers are
        the same.

        Raises
        ------
        InputError
            ``atoms`` holds an element that the potential was not trained on.
        """
        if not np.isfinite(atoms.positions).all():
            return Prediction(np.nan, np.full((len(atoms), 3), np.nan), np.nan, np.full(len(atoms), np.nan))
        energies, forces = self.members(atoms, cache)
        energy, force = float(energies.mean()), forces.mean(axis=0)
        if self.regressor.n_members == 1:
            return Prediction(energy, force, 0.0, np.zeros(len(atoms)))
        spread, factor = np.sqrt(forces.var(axis=0, ddof=1).sum(axis=-1)), self.calibration.factor
        return Prediction(energy, force, factor * float(energies.std(ddof=1)), factor * spread)

    def members(self, atoms: Atoms, cache: NeighborCache | None = None) -> tuple[FloatArray, FloatArray]:
        """What each member says of ``atoms``, all of whose positions are finite: eV [members], eV/Å [members, N, 3].

        Raises
        ------
        InputError
            ``atoms`` holds an element that the potential was not trained on.
        """
        species = self._species(atoms)
        neighbors = cache.find(atoms, self.cutoff) if cache else find_neighbors(atoms, self.cutoff)
        surroundings = self.descriptor.surroundings(species, neighbors)
        energies, gradients = self.regressor.outputs(species, self.scaling.apply(species, surroundings.features))
        gradients /= self.scaling.width[species]
        forces = -surroundings.contraction(gradients)  # [members, N, 3]
        energies = energies + self.reference.of(species)
        if self.prior is not None:
            prior_energy, prior_forces = self.prior.energy_and_forces(atoms, species, neighbors)
            energies, forces = energies + prior_energy, forces + prior_forces
        return energies, forces

    def knows(self, atoms: Atoms) -> bool:
        """Whether the potential was trained on all elements of ``atoms``."""
        return bool((species_of(atoms, self.elements) >= 0).all())

    def fingerprint(self, atoms: Atoms) -> FloatArray:
        """Scaled features of all atoms in their order, [N · features]: for distances between frames of one run."""
        species, neighbors = self._surroundings(atoms)
        return self.scaling.apply(species, self.descriptor.features(species, neighbors)).ravel()

    def _surroundings(self, atoms: Atoms) -> tuple[IntArray, Neighbors]:
        return self._species(atoms), find_neighbors(atoms, self.cutoff)

    def _species(self, atoms: Atoms) -> IntArray:
        species = species_of(atoms, self.elements)
        if (species < 0).any():
            stranger = atoms.symbols[int(np.flatnonzero(species < 0)[0])]
            raise InputError(
                f"the potential knows {', '.join(self.elements)} but the structure {atoms.symbols} holds {stranger}; "
                f"train on a label with {stranger} first"
            )
        return species


def neighbor_cutoff(descriptor: Descriptor, prior: Prior | None) -> float:
    """The larger of both cutoffs, Å."""
    return max(descriptor.spec.cutoff, prior.cutoff if prior else 0.0)
