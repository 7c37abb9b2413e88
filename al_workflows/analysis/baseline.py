"""The same question answered without learning: an optimizer straight on the parent potential, every call counted."""

from __future__ import annotations

from dataclasses import dataclass

import ase.optimize
from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.benchmark.parent import Counting


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
    counted = Counting(calculator, start)
    atoms.calc = counted
    converged = bool(getattr(ase.optimize, optimizer)(atoms, logfile=None).run(fmax=fmax, steps=max_calls))
    return Baseline(optimizer, converged, tuple(counted.energies), tuple(counted.fmax))
