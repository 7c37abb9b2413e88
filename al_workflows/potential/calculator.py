"""A trained potential as an ASE calculator."""

from __future__ import annotations

from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from al_workflows.potential.model import Potential
from al_workflows.potential.neighbor_cache import NeighborCache
from al_workflows.records import FloatArray


class PotentialCalculator(Calculator):  # type: ignore[misc]
    """ASE calculator of ``potential``.

    Beside ``energy``, ``free_energy`` (eV) and ``forces`` (eV/Å), ``results`` holds the members' calibrated spread as
    ``energy_uncertainty`` (eV) and ``forces_uncertainty`` (eV/Å, [N]). It remembers neighbours from step to step.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        self.potential = potential
        self._cache = NeighborCache()

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Any = ("energy",),
        system_changes: Any = all_changes,
    ) -> None:
        """Predict energy and forces of ``atoms``."""
        if atoms is not None:  # not a full copy: a structure's constraints and tags take longer than its forces
            self.atoms = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        prediction = self.potential.predict(self.atoms, self._cache)
        self.results = {
            "energy": prediction.energy,
            "free_energy": prediction.energy,
            "forces": prediction.forces,
            "energy_uncertainty": prediction.energy_std,
            "forces_uncertainty": prediction.force_std,
        }

    def member_forces(self, atoms: Atoms) -> FloatArray:
        """Forces by each member of the ensemble, eV/Å, [members, N, 3]."""
        return self.potential.members(atoms, self._cache)[1]

    def of_mean(self) -> PotentialCalculator:
        """A calculator of the ensemble's mean, faster where that has a form of its own; its spread is zero there."""
        return PotentialCalculator(self.potential.mean())

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        """What has changed since the last call, of what the potential sees, by a single bit."""
        last = self.atoms
        if last is None or len(last) != len(atoms):
            return list(all_changes)
        same = {
            "positions": (atoms.positions == last.positions).all(),
            "numbers": (atoms.numbers == last.numbers).all(),
            "cell": (atoms.cell.array == last.cell.array).all(),
            "pbc": (atoms.pbc == last.pbc).all(),
        }
        return [name for name, unchanged in same.items() if not unchanged]
