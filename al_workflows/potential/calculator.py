"""A trained potential as an ASE calculator."""

from __future__ import annotations

from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from al_workflows.potential.model import Potential


class PotentialCalculator(Calculator):  # type: ignore[misc]
    """ASE calculator of ``potential``.

    Beside ``energy``, ``free_energy`` (eV) and ``forces`` (eV/Å), ``results`` holds the members' spread as
    ``energy_uncertainty`` (eV) and ``forces_uncertainty`` (eV/Å, [N]).
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        self.potential = potential

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Any = ("energy",),
        system_changes: Any = all_changes,
    ) -> None:
        """Predict energy and forces of ``atoms``."""
        super().calculate(atoms, properties, system_changes)
        prediction = self.potential.predict(self.atoms)
        self.results = {
            "energy": prediction.energy,
            "free_energy": prediction.energy,
            "forces": prediction.forces,
            "energy_uncertainty": prediction.energy_std,
            "forces_uncertainty": prediction.force_std,
        }
