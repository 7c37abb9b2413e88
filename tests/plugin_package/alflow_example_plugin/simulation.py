"""Steepest descent with a fixed number of steps."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import PositiveFloat, PositiveInt

from al_workflows.plugins import PluginSettings
from al_workflows.records import Pool, StopReason


class Descent:
    """Moves every free atom along its force."""

    class Settings(PluginSettings):
        """``rate`` Å²/eV; ``fmax`` eV/Å."""

        steps: PositiveInt = 20
        rate: PositiveFloat = 0.03
        fmax: PositiveFloat = 0.05

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def run(self, start: Atoms, calculator: Calculator, known: Sequence[Atoms], rng: np.random.Generator) -> Pool:
        atoms = start.copy()
        atoms.calc = calculator
        frames = []
        for _ in range(self._settings.steps):
            raw = atoms.get_forces(apply_constraint=False)
            frames.append((atoms.positions.copy(), atoms.get_potential_energy(), raw))
            atoms.positions += self._settings.rate * np.clip(atoms.get_forces(), -3, 3)
        positions, energies, forces = (np.array(column) for column in zip(*frames, strict=True))
        doubts = np.zeros(len(frames))
        return Pool(start.copy(), positions, energies, forces, doubts, StopReason.MAX_STEPS, "all steps made")
