"""Geometry relaxation on the model with an optimizer of ASE, kept within reach of what DFT has confirmed."""

from __future__ import annotations

from collections.abc import Sequence

import ase.optimize
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.geometry import nearest
from al_workflows.loop_spec import OnlineSpec
from al_workflows.records import FloatArray, Pool, StopReason
from al_workflows.simulations.frames import Frames, told_uncertain
from al_workflows.simulations.guards import BESIDE, Guards
from al_workflows.simulations.saddles import both_sides
from al_workflows.simulations.trust_region import TrustRegion
from al_workflows.spec import RelaxationSpec

#: Å: farther than this from every label, the model's curvature is nobody's
SURE = 0.5
#: eV/Å: a lower end where a force is less certain than this is a hole in the model
CREDIBLE = 1.0
#: saddles that one relaxation leaves, one after the other
MOST_SADDLES = 2
#: eV: an end that is lower by less is the same one
LOWER = 0.005


class Relaxation:
    """Relax until the *model's* largest force on a free atom is below a share of the target.

    The structure may not leave the trust region: when a step would, it is cut at the border and the relaxation ends
    there, for DFT to look before it goes on (:class:`~al_workflows.simulations.trust_region.TrustRegion`). It ends as
    well where the ensemble disagrees too much to be followed.

    Parameters
    ----------
    spec
        Optimizer, thresholds, trust radius.
    min_distance
        See :class:`~al_workflows.simulations.guards.Guards`.
    trust_radius
        Å, in place of ``spec.trust_radius``: the run widens and narrows it.
    informed
        The model has learned from other runs as well, so that it may know what lies beyond the trust radius: that
        holds only where a force is less certain than :data:`CREDIBLE`.
    online
        Where it stops to ask, in place of ``spec.max_uncertainty``.
    """

    def __init__(
        self,
        spec: RelaxationSpec,
        min_distance: float,
        trust_radius: float | None,
        informed: bool = False,
        online: OnlineSpec | None = None,
    ) -> None:
        self._spec = spec
        self._min_distance = min_distance
        self._trust_radius = trust_radius
        self._informed = informed
        self._limit, self._beside = spec.max_uncertainty, BESIDE
        if online is not None:
            self._limit, self._beside = online.threshold, online.apart

    def run(self, start: Atoms, calculator: Calculator, known: Sequence[Atoms], rng: np.random.Generator) -> Pool:
        """See :class:`~al_workflows.simulations.Simulation`; a relaxation draws no random numbers."""
        pool = self._descend(start, calculator, known)
        if self._spec.leave_saddles:
            pool = self._off_saddles(pool, calculator, known)
        if self._spec.also_from_start and known and pool.stop_reason is StopReason.CONVERGED:
            # where a plain relaxation of the first label would end by what is known now, if that is lower
            other = self._descend(known[0], calculator, known)
            lower = other.stop_reason is StopReason.CONVERGED and other.energies[-1] < pool.energies[-1] - LOWER
            if lower and other.uncertainties[-1] < CREDIBLE and nearest(other.frame(-1), known)[1] < SURE:
                return other
        return pool

    def _off_saddles(self, pool: Pool, calculator: Calculator, known: Sequence[Atoms]) -> Pool:
        """``pool``, and what follows from its end on either side of it, the lower one, where that is a saddle."""
        for _ in range(MOST_SADDLES):
            if pool.stop_reason is not StopReason.CONVERGED or nearest(pool.frame(-1), known)[1] > SURE:
                break
            sides = both_sides(pool.frame(-1), calculator)
            if not sides:
                break
            onwards = min((self._descend(side, calculator, known) for side in sides), key=lambda end: end.energies[-1])
            pool = pool.followed_by(onwards)
        return pool

    def _descend(self, start: Atoms, calculator: Calculator, known: Sequence[Atoms]) -> Pool:
        spec = self._spec
        atoms = start.copy()
        atoms.calc = calculator
        guards = Guards(start, self._min_distance)
        region = TrustRegion(start, known, self._trust_radius) if self._trust_radius is not None and known else None
        frames = Frames(start)
        target = spec.fmax * spec.model_fmax_fraction
        reason, detail = StopReason.MAX_STEPS, f"{spec.max_steps} steps did not reach {target:g} eV/Å on the model"

        optimizer = getattr(ase.optimize, spec.optimizer)(atoms, logfile=None)
        for converged in optimizer.irun(fmax=target, steps=spec.max_steps):
            problem = guards.problem(atoms, atoms.get_potential_energy(), atoms.get_forces(apply_constraint=False))
            if problem is not None:
                reason, detail = problem
                break
            if region is not None and frames.positions and self._cut(region, atoms, frames.positions[-1]):
                frames.add(atoms)
                reason, detail = StopReason.TRUST_RADIUS, f"an atom left the trust radius of {self._trust_radius:g} Å"
                break
            frames.add(atoms)
            if self._uncertain(atoms, frames, known):
                reason, detail = StopReason.UNCERTAIN, told_uncertain(frames.uncertainties[-1], self._limit)
                break
            if converged:
                reason, detail = StopReason.CONVERGED, f"the model's forces are below {target:g} eV/Å"
                break
        return frames.pool(reason, detail)

    def _cut(self, region: TrustRegion, atoms: Atoms, before: FloatArray) -> bool:
        """See :meth:`TrustRegion.cut`."""
        uncertainty = float(np.max(atoms.calc.results.get("forces_uncertainty", 0.0)))
        if self._informed and 0.0 < uncertainty < CREDIBLE:  # a single member is never uncertain
            return False
        return region.cut(atoms, before)

    def _uncertain(self, atoms: Atoms, frames: Frames, known: Sequence[Atoms]) -> bool:
        """Whether the ensemble knows too little here; right beside a label there would be nothing new to ask."""
        limit = self._limit
        return limit is not None and frames.uncertainties[-1] > limit and nearest(atoms, known)[1] > self._beside
