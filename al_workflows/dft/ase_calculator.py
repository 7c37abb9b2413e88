"""Any ASE calculator, by the import path of its class and its keyword arguments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from al_workflows.calculators import check_calculator, load_calculator
from al_workflows.dft.backend import Computed, Rung, distribution_version, evaluate

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class AseBackend:
    """``calculator`` is ``package.module.Class``; ``arguments`` are its keywords."""

    calculator: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def check(self, elements: Collection[str]) -> None:
        """The class can be imported, is a calculator, and takes the arguments."""
        check_calculator(self.calculator, self.arguments, "dft")

    def settings(self) -> dict[str, Any]:
        """The class and what it is called with."""
        return {"calculator": self.calculator, "arguments": self.arguments}

    def code(self) -> str:
        """E.g. ``ase.calculators.lj.LennardJones (ase 3.29.0)``.

        The version is that of the distribution named like the path's first part; that of an executable behind the
        calculator is not known.
        """
        package = self.calculator.partition(".")[0]
        version = distribution_version(package)
        return f"{self.calculator} ({package} {version})" if version else self.calculator

    def ladder(self) -> tuple[Rung, ...]:
        """None."""
        return ()

    def compute(self, atoms: Atoms, directory: Path) -> Computed:
        """Energy and raw forces; a calculator that writes files does so in its working directory."""
        return evaluate(atoms, load_calculator(self.calculator, "dft")(**self.arguments))
