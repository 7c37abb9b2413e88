"""The frames of a trajectory as they come."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase import Atoms

from al_workflows.records import FloatArray, Pool, StopReason


class Frames:
    """Collects what a :class:`~al_workflows.records.Pool` holds, from structures with a calculator.

    Parameters
    ----------
    template
        The simulation's start.
    """

    def __init__(self, template: Atoms) -> None:
        self._template = template.copy()
        self.positions: list[FloatArray] = []
        #: eV, and eV/Å
        self.energies: list[float] = []
        self.forces: list[FloatArray] = []
        self.uncertainties: list[float] = []

    def add(self, atoms: Atoms) -> None:
        """Add ``atoms`` as its calculator sees it."""
        self.positions.append(atoms.positions.copy())
        self.energies.append(float(atoms.get_potential_energy()))
        self.forces.append(atoms.get_forces(apply_constraint=False))
        self.uncertainties.append(largest_spread(atoms))

    def pool(self, reason: StopReason, detail: str, measures: Mapping[str, float] | None = None) -> Pool:
        """All of them, with why the simulation ended."""
        count = len(self._template)
        return Pool(
            template=self._template,
            positions=np.array(self.positions).reshape(-1, count, 3),
            energies=np.array(self.energies),
            forces=np.array(self.forces).reshape(-1, count, 3),
            uncertainties=np.array(self.uncertainties),
            stop_reason=reason,
            stop_detail=detail,
            measures=dict(measures or {}),
        )


def largest_spread(atoms: Atoms) -> float:
    """The largest force standard deviation (eV/Å) of an atom, of a structure whose forces were asked for; or zero."""
    spread = atoms.calc.results.get("forces_uncertainty")  # [N]
    return 0.0 if spread is None else float(np.max(spread))


def told_uncertain(spread: float, limit: float | None) -> str:
    """Why a simulation stopped where a force is uncertain by ``spread`` (eV/Å)."""
    return f"the force of an atom is uncertain by {spread:.3g} eV/Å (limit {limit:g})"
