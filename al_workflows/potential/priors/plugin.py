"""A prior that another package brings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from ase import Atoms

from al_workflows.errors import TrainingError
from al_workflows.neighbors import IntArray, Neighbors
from al_workflows.plugins import PriorPlugin
from al_workflows.records import FloatArray


class BroughtPrior(Protocol):
    """What another package's prior offers: a rough energy that the network corrects.

    It may be any smooth potential; its forces must be those of its energy.
    """

    def energy_and_forces(self, atoms: Atoms) -> tuple[float, FloatArray]:
        """Energy (eV) and forces (eV/Å, [N, 3]) of ``atoms``."""
        ...


@dataclass(frozen=True, eq=False)
class PluginPrior:
    """A plug-in in the place of the Morse prior; it is made anew, from its keys, wherever a potential is loaded."""

    spec: PriorPlugin
    #: Å: it looks at the structure itself, not at our neighbour lists
    cutoff: float = 0.0

    @cached_property
    def _prior(self) -> BroughtPrior:
        prior: BroughtPrior = self.spec.build()
        return prior

    def energy_and_forces(self, atoms: Atoms, species: IntArray, neighbors: Neighbors) -> tuple[float, FloatArray]:
        """Energy (eV) and forces (eV/Å, [N, 3]).

        Raises
        ------
        TrainingError
            The plug-in gives forces of another shape.
        """
        energy, forces = self._prior.energy_and_forces(atoms)
        forces = np.asarray(forces, dtype=float)
        if forces.shape != (len(atoms), 3):
            raise TrainingError(
                f"the prior {self.spec.kind!r} gives forces of shape {forces.shape} but must give {(len(atoms), 3)}; "
                "correct the plug-in"
            )
        return float(energy), forces
