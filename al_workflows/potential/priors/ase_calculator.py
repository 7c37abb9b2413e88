"""Any ASE calculator as a prior."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms

from al_workflows.calculators import load_calculator
from al_workflows.dft.backend import Unsuccessful, evaluate, one_line
from al_workflows.errors import InputError
from al_workflows.neighbors import IntArray, Neighbors
from al_workflows.records import FloatArray
from al_workflows.spec import AsePriorSpec

#: what calculators raise for a structure that they cannot treat (ASE's own errors among them)
_REFUSALS = (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError, Unsuccessful)


@dataclass(frozen=True, eq=False)
class AsePrior:
    """The calculator of ``spec``; it is made anew, from its import path, wherever a potential is loaded."""

    spec: AsePriorSpec
    #: Å: it looks at the structure itself, not at our neighbour lists
    cutoff: float = 0.0

    @cached_property
    def _calculator(self) -> Any:
        made = load_calculator(self.spec.calculator, "potential.prior")
        try:
            return made(**self.spec.arguments)
        except (OSError, *_REFUSALS) as error:
            raise InputError(
                f"`potential.prior.arguments` is {self.spec.arguments!r} but {self.spec.calculator} cannot be made of "
                f"it ({type(error).__name__}: {one_line(str(error), 160)}); give the keywords of its constructor"
            ) from error

    def energy_and_forces(self, atoms: Atoms, species: IntArray, neighbors: Neighbors) -> tuple[float, FloatArray]:
        """Energy (eV) and forces (eV/Å, [N, 3]); raises as :meth:`evaluated`."""
        return self.evaluated(atoms)

    def evaluated(self, atoms: Atoms) -> tuple[float, FloatArray]:
        """Energy (eV, the one whose derivative the forces are) and forces (eV/Å, [N, 3]).

        Raises
        ------
        InputError
            The calculator cannot treat ``atoms``, or gives forces of another shape.
        """
        name = f"`potential.prior.calculator` {self.spec.calculator}"
        if hasattr(self._calculator, "reset"):
            # a neighbour list kept from another structure adds up in another order, and a seed would not decide
            self._calculator.reset()
        try:
            computed = evaluate(atoms, self._calculator)
        except _REFUSALS as error:
            raise InputError(
                f"{name} cannot treat {atoms.symbols} ({type(error).__name__}: {one_line(str(error), 160)}); give one "
                "that knows its elements, or another prior"
            ) from error
        forces = np.asarray(computed.forces, dtype=float)
        if forces.shape != (len(atoms), 3):
            raise InputError(
                f"{name} gives forces of shape {forces.shape} but must give {(len(atoms), 3)}; give another"
            )
        return float(computed.energy), forces
