"""Query strategies: which frames of a pool, or other structures, DFT is asked for, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms

from al_workflows.potential import Potential
from al_workflows.records import FloatArray, Pool


@dataclass(frozen=True, eq=False)
class Proposal:
    """A structure that no simulation has visited, with what the model says of it.

    ``energy`` eV; ``forces`` eV/Å [N, 3], constraints not applied; ``uncertainty`` eV/Å, the largest force standard
    deviation of an atom.
    """

    atoms: Atoms
    energy: float
    forces: FloatArray
    uncertainty: float

    @classmethod
    def of(cls, atoms: Atoms, potential: Potential) -> Proposal:
        """``atoms`` as ``potential`` sees it."""
        found = potential.predict(atoms)
        return cls(atoms, found.energy, found.forces, float(found.force_std.max()))

    @classmethod
    def from_pool(cls, pool: Pool, index: int) -> Proposal:
        """Frame ``index`` of ``pool``."""
        uncertainty = float(pool.uncertainties[index])
        return cls(pool.frame(index), float(pool.energies[index]), pool.forces[index], uncertainty)


@dataclass(frozen=True)
class Choice:
    """One structure that a strategy wants, and why in a few words: frame ``index`` of the pool, or a ``proposal``."""

    index: int | None
    reason: str
    proposal: Proposal | None = None

    def structure(self, pool: Pool) -> Proposal:
        """What is wanted, with what the model says of it."""
        if self.proposal is not None:
            return self.proposal
        assert self.index is not None, "a choice is a frame or a proposal"
        return Proposal.from_pool(pool, self.index)


class Query(Protocol):
    """What every strategy offers: its batch size and its structures in the order of preference.

    The query step takes the first ``batch`` that are new and pass the geometry gate, so a strategy goes on beyond
    its batch: what it names later stands in for what was refused. One that ends earlier asks for fewer.
    """

    batch: int

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """Frames of ``pool`` and proposals, most wanted first."""
        ...
