"""ML simulations: a start and a potential give a pool of frames to ask DFT about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.records import Pool


class Simulation(Protocol):
    """What every simulation offers.

    ``known`` are the structures that DFT has labelled; a simulation may stay near them. Ending early is a result
    (:class:`~al_workflows.records.StopReason`), and the frames before the end are a pool.
    """

    def run(self, start: Atoms, calculator: Calculator, known: Sequence[Atoms], rng: np.random.Generator) -> Pool:
        """Simulate from ``start``; the pool's first frame is the start, or where an equilibration from there ended."""
        ...
