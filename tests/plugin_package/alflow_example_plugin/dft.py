"""A Lennard-Jones solid in the place of DFT."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.lj import LennardJones
from pydantic import PositiveFloat

from al_workflows.dft.backend import Computed, Rung, evaluate
from al_workflows.plugins import PluginSettings


class LennardJonesBackend:
    """One well for every pair of atoms."""

    class Settings(PluginSettings):
        """``sigma`` Å, ``epsilon`` eV."""

        sigma: PositiveFloat = 2.2
        epsilon: PositiveFloat = 0.4

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check(self, elements: Collection[str]) -> None:
        """Every element will do."""

    def settings(self) -> dict[str, Any]:
        return {"sigma": self._settings.sigma, "epsilon": self._settings.epsilon}

    def code(self) -> str:
        return "alflow-example-plugin 1.0"

    def ladder(self) -> tuple[Rung, ...]:
        return ()

    def compute(self, atoms: Atoms, directory: Path) -> Computed:
        calculator = LennardJones(sigma=self._settings.sigma, epsilon=self._settings.epsilon, rc=6.0, smooth=True)
        return evaluate(atoms, calculator)
