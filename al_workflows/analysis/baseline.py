"""The same question answered without learning: an optimizer straight on the parent potential, every call counted."""

from __future__ import annotations

from dataclasses import dataclass

import ase.optimize
from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.structures import max_force


@dataclass(frozen=True)
class Baseline:
    """A direct relaxation. ``energies`` (eV) and ``fmax`` (eV/Å, free atoms) by call, the start's first."""

    optimizer: str
    converged: bool
    energies: tuple[float, ...]
    fmax: tuple[float, ...]

    @property
    def calls(self) -> int:
        """Distinct geometries computed, the first and the last included."""
        return len(self.energies)


def relax_directly(
    start: Atoms, calculator: Calculator, fmax: float, optimizer: str = "BFGS", max_calls: int = 500
) -> Baseline:
    """Relax ``start`` on ``calculator`` to ``fmax`` (eV/Å) with an optimizer of ASE at its default step."""
    atoms = start.copy()
    counted = _Counting(calculator)
    atoms.calc = counted
    converged = bool(getattr(ase.optimize, optimizer)(atoms, logfile=None).run(fmax=fmax, steps=max_calls))
    return Baseline(optimizer, converged, tuple(counted.energies), tuple(counted.fmax))


class _Counting(Calculator):  # type: ignore[misc]  # ase is untyped
    """Passes every new geometry on to another calculator and keeps what came back."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012  # the form ASE reads

    def __init__(self, parent: Calculator) -> None:
        super().__init__()
        self._parent = parent
        self.energies: list[float] = []
        self.fmax: list[float] = []

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: list[str]) -> None:
        super().calculate(atoms, properties, system_changes)
        copy = atoms.copy()
        copy.calc = self._parent
        energy, forces = float(copy.get_potential_energy()), copy.get_forces(apply_constraint=False)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        self.energies.append(energy)
        self.fmax.append(max_force(atoms, forces))
