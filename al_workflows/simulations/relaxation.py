"""Geometry relaxation on the model with an optimizer of ASE, kept within reach of what DFT has confirmed."""

from __future__ import annotations

from collections.abc import Sequence

import ase.optimize
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.geometry import nearest
from al_workflows.records import FloatArray, Pool, StopReason
from al_workflows.simulations.guards import Guards
from al_workflows.spec import RelaxationSpec

#: Å: within this of a label, a frame is not worth stopping for
BESIDE = 0.15


class Relaxation:
    """Relax until the *model's* largest force on a free atom is below a share of the target.

    The structure may not leave the trust radius: when a step would take an atom farther than that from the nearest
    label, the step is cut at the radius and the relaxation ends there, for DFT to look before it goes on. It ends as
    well where the ensemble disagrees too much to be followed.

    Parameters
    ----------
    spec
        Optimizer, thresholds, trust radius.
    min_distance
        See :class:`~al_workflows.simulations.guards.Guards`.
    trust_radius
        Å, in place of ``spec.trust_radius``: the run widens and narrows it.
    """

    def __init__(self, spec: RelaxationSpec, min_distance: float, trust_radius: float | None) -> None:
        self._spec = spec
        self._min_distance = min_distance
        self._trust_radius = trust_radius

    def run(self, start: Atoms, calculator: Calculator, known: Sequence[Atoms], rng: np.random.Generator) -> Pool:
        """See :class:`~al_workflows.simulations.Simulation`; a relaxation draws no random numbers."""
        spec = self._spec
        atoms = start.copy()
        atoms.calc = calculator
        guards = Guards(start, self._min_distance)
        frames = _Frames(start)
        target = spec.fmax * spec.model_fmax_fraction
        reason, detail = StopReason.MAX_STEPS, f"{spec.max_steps} steps did not reach {target:g} eV/Å on the model"

        optimizer = getattr(ase.optimize, spec.optimizer)(atoms, logfile=None)
        for converged in optimizer.irun(fmax=target, steps=spec.max_steps):
            problem = guards.problem(atoms, atoms.get_potential_energy(), atoms.get_forces(apply_constraint=False))
            if problem is not None:
                reason, detail = problem
                break
            if self._cut_at_trust_radius(atoms, frames, known):
                frames.add(atoms)
                reason, detail = StopReason.TRUST_RADIUS, f"an atom moved {self._trust_radius:g} Å from every label"
                break
            frames.add(atoms)
            if self._uncertain(atoms, frames, known):
                reason = StopReason.UNCERTAIN
                detail = f"the ensemble disagrees by {frames.uncertainties[-1]:.2f} eV/Å on the force of an atom"
                break
            if converged:
                reason, detail = StopReason.CONVERGED, f"the model's forces are below {target:g} eV/Å"
                break
        return frames.pool(reason, detail)

    def _uncertain(self, atoms: Atoms, frames: _Frames, known: Sequence[Atoms]) -> bool:
        """Whether the ensemble knows too little here; right beside a label there would be nothing new to ask."""
        limit = self._spec.max_uncertainty
        return limit is not None and frames.uncertainties[-1] > limit and nearest(atoms, known)[1] > BESIDE

    def _cut_at_trust_radius(self, atoms: Atoms, frames: _Frames, known: Sequence[Atoms]) -> bool:
        """Move ``atoms`` back along its last step to the trust radius, if it left it."""
        if self._trust_radius is None or not known or not frames.positions:
            return False
        if nearest(atoms, known)[1] <= self._trust_radius:
            return False
        before, after = frames.positions[-1], atoms.positions.copy()
        inside, outside = 0.0, 1.0
        for _ in range(20):  # bisection: to 1e-6 of a step
            share = (inside + outside) / 2
            atoms.positions[:] = before + share * (after - before)
            if nearest(atoms, known)[1] <= self._trust_radius:
                inside = share
            else:
                outside = share
        atoms.positions[:] = before + inside * (after - before)
        return True


class _Frames:
    """The frames of a trajectory as they come."""

    def __init__(self, template: Atoms) -> None:
        self._template = template.copy()
        self.positions: list[FloatArray] = []
        self._energies: list[float] = []
        self._forces: list[FloatArray] = []
        self.uncertainties: list[float] = []

    def add(self, atoms: Atoms) -> None:
        self.positions.append(atoms.positions.copy())
        self._energies.append(float(atoms.get_potential_energy()))
        self._forces.append(atoms.get_forces(apply_constraint=False))
        spread = atoms.calc.results.get("forces_uncertainty")  # [N]
        self.uncertainties.append(0.0 if spread is None else float(np.max(spread)))

    def pool(self, reason: StopReason, detail: str) -> Pool:
        count = len(self._template)
        return Pool(
            template=self._template,
            positions=np.array(self.positions).reshape(-1, count, 3),
            energies=np.array(self._energies),
            forces=np.array(self._forces).reshape(-1, count, 3),
            uncertainties=np.array(self.uncertainties),
            stop_reason=reason,
            stop_detail=detail,
        )
