"""A nudged elastic band on the model between two ends that the model relaxes, kept near what DFT has confirmed.

G. Henkelman, H. Jónsson, J. Chem. Phys. 113 (2000) 9978 (improved tangent); with B. P. Uberuaga, ibid. 9901 (climbing
image); S. Smidstrup et al., J. Chem. Phys. 140 (2014) 214106 (IDPP). The band is that of :mod:`ase.mep`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import ase.optimize
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.mep import NEB, idpp_interpolate

from al_workflows.band import (
    FINAL_MODES,
    INITIAL_MODES,
    MINIMA,
    SADDLE_MODES,
    has_barrier,
    minima_between,
    negative_modes,
    saddle_index,
    straight_line,
    tangle,
)
from al_workflows.geometry import largest_displacement
from al_workflows.path_ends import MERGED, NAMES, End
from al_workflows.potential import PotentialCalculator
from al_workflows.records import Pool, StopReason
from al_workflows.simulations.frames import Frames
from al_workflows.simulations.guards import Guards
from al_workflows.simulations.relaxation import Relaxation
from al_workflows.simulations.trust_region import TrustRegion
from al_workflows.spec import NebSpec, RelaxationSpec

#: of the DFT target, how far the model relaxes an end
END_SHARE = 0.4
#: of the band's target: where the highest image begins to climb
CLIMB_FROM = 5.0

#: an end that stopped so is on its way
_UNDER_WAY = (StopReason.TRUST_RADIUS, StopReason.MAX_STEPS)

Stop = tuple[StopReason, str]


class NudgedBand:
    """Relax both ends, then the band between them; the pool is the last band, its ends first and last.

    The pool has ``images + 2`` frames, or none where the model has no numbers for an end. An end that DFT has found
    relaxed stays as it is.

    Parameters
    ----------
    spec
        The path's settings.
    ends
        Where it begins and ends by what DFT has said so far.
    min_distance
        See :class:`~al_workflows.simulations.guards.Guards`.
    trust_radius
        Å, in place of ``spec.trust_radius``.
    """

    def __init__(self, spec: NebSpec, ends: tuple[End, End], min_distance: float, trust_radius: float | None) -> None:
        self._spec, self._ends = spec, ends
        self._min_distance, self._trust_radius = min_distance, trust_radius
        relaxation = RelaxationSpec(
            fmax=spec.end_fmax,
            model_fmax_fraction=END_SHARE,
            max_steps=spec.max_steps,
            leave_saddles=spec.leave_saddles,
            also_from_start=False,
        )
        self._relaxation = Relaxation(relaxation, min_distance, trust_radius)

    def run(self, start: Atoms, calculator: Calculator, known: Sequence[Atoms], rng: np.random.Generator) -> Pool:
        """See :class:`~al_workflows.simulations.Simulation`; a band draws no random numbers."""
        ends: list[Atoms] = []
        ways: list[Pool] = []
        stop: Stop | None = None
        for name, end in zip(NAMES, self._ends, strict=True):
            if end.label is not None:
                ends.append(end.atoms)
                continue
            near = [*known, end.atoms] if known else known  # DFT may have failed where it began
            relaxed = self._relaxation.run(end.atoms, calculator, near, rng)
            if len(relaxed) == 0:
                return relaxed
            if relaxed.stop_reason is not StopReason.CONVERGED and stop is None:
                stop = relaxed.stop_reason, f"the {name} end: {relaxed.stop_detail}"
            ends.append(relaxed.frame(-1))
            ways.append(relaxed)
        images = straight_line(ends[0], ends[1], self._spec.images)
        if largest_displacement(*ends) < MERGED:
            if ways:  # between the ends is nothing, but on the way to them may be what the model does not know
                longest = max(ways, key=lambda way: largest_displacement(way.frame(0), way.frame(-1)))
                shares = np.linspace(0, len(longest) - 1, len(images))[1:-1]
                images[1:-1] = [longest.frame(round(share)) for share in shares]
            if stop is None or stop[0] in _UNDER_WAY:
                stop = StopReason.ENDS_MERGED, "both ends relax into one structure"
            return _pool(images, calculator, *stop)
        if self._spec.interpolation == "idpp":
            idpp_interpolate(NEB(images, method="improvedtangent"), traj=None, log=None, mic=True)
        stop = self._relax(images, calculator, known) or stop
        pool = _pool(images, calculator, *(stop or (StopReason.CONVERGED, "")))
        return self._described(pool, calculator) if len(pool) else pool

    def _relax(self, images: list[Atoms], calculator: Calculator, known: Sequence[Atoms]) -> Stop | None:
        """Relax the band in place; why it ended before it was relaxed, if it did."""
        spec, inner = self._spec, images[1:-1]
        guards = [Guards(image, self._min_distance) for image in images]
        anchors = [*known, *(image.copy() for image in images)]
        radius = self._trust_radius
        regions = [TrustRegion(image, anchors, radius) for image in inner] if radius is not None and known else []
        for image in (images[0], images[-1]):
            image.calc = calculator
            energy, forces = image.get_potential_energy(), image.get_forces(apply_constraint=False)
            image.calc = SinglePointCalculator(image, energy=energy, forces=forces)
        for image in inner:
            image.calc = _own(calculator)
        band = NEB(images, k=spec.spring, method="improvedtangent", allow_shared_calculator=True)
        before = [image.positions.copy() for image in inner]
        for climb, fmax in [(False, CLIMB_FROM * spec.band_fmax)] * spec.climb + [(spec.climb, spec.band_fmax)]:
            # an image that climbs where nothing is higher than an end would climb into that
            band.climb = climb and has_barrier(band.energies)
            optimizer = getattr(ase.optimize, spec.optimizer)(band, logfile=None)
            for converged in optimizer.irun(fmax=fmax, steps=spec.max_steps):
                for k, image in enumerate(inner):
                    energy, forces = image.get_potential_energy(), image.get_forces(apply_constraint=False)
                    problem = guards[k + 1].problem(image, energy, forces)
                    if problem is not None:
                        for other, positions in zip(inner, before, strict=True):
                            other.positions[:] = positions
                        return problem[0], f"image {k + 1}: {problem[1]}"
                left = [k for k, region in enumerate(regions) if region.cut(inner[k], before[k])]
                if left:
                    return StopReason.TRUST_RADIUS, f"image {left[0] + 1} left the trust radius of {radius:g} Å"
                if converged:
                    break
                before = [image.positions.copy() for image in inner]
            else:
                return StopReason.MAX_STEPS, f"{spec.max_steps} steps did not reach {fmax:g} eV/Å on the model's band"
        return None

    def _described(self, pool: Pool, calculator: Calculator) -> Pool:
        """``pool`` with what its band tells: whether it has a barrier, and how many modes are negative where."""
        top = saddle_index(pool.energies)
        measures = {MINIMA: float(len(minima_between(pool.energies)))}
        places = {SADDLE_MODES: top}
        places |= {INITIAL_MODES: 0} if self._ends[0].label is not None else {}
        places |= {FINAL_MODES: len(pool) - 1} if self._ends[1].label is not None else {}
        for name, index in places.items():
            count = negative_modes(pool.frame(index), calculator)
            if count is not None:
                measures[name] = float(count)
        pool = replace(pool, measures=measures)
        if pool.stop_reason is not StopReason.CONVERGED:
            return pool
        crossing = tangle(pool.positions)
        if crossing is not None:
            return replace(pool, stop_reason=StopReason.BAND_TANGLED, stop_detail=crossing)
        for name, key in zip(NAMES, (INITIAL_MODES, FINAL_MODES), strict=True):
            if measures.get(key):
                several = "a negative mode" if measures[key] == 1 else f"{measures[key]:.0f} negative modes"
                detail = f"the {name} end has {several} on the model"
                return replace(pool, stop_reason=StopReason.SADDLE_AT_END, stop_detail=detail)
        rise = pool.energies[top] - pool.energies[0]
        if not has_barrier(pool.energies):
            detail = f"nothing between the ends is higher than both ({rise:.3f} eV from the initial one)"
            return replace(pool, stop_reason=StopReason.NO_BARRIER, stop_detail=detail)
        return replace(pool, stop_detail=f"the saddle is image {top}, {rise:.3f} eV up on the model")


def _own(calculator: Calculator) -> Calculator:
    """A calculator for one image alone, which remembers its neighbours; another kind than a model's is shared."""
    shared = not isinstance(calculator, PotentialCalculator)
    return calculator if shared else PotentialCalculator(calculator.potential)


def _pool(images: Sequence[Atoms], calculator: Calculator, reason: StopReason, detail: str) -> Pool:
    """The images as the calculator sees them; none where it has no numbers for one."""
    frames = Frames(images[0])
    for image in images:
        seen = image.copy()
        seen.calc = calculator
        if not np.isfinite(seen.get_potential_energy()):
            detail = "the model predicts a number that is not finite"
            return Frames(images[0]).pool(StopReason.NOT_FINITE, detail)
        frames.add(seen)
    return frames.pool(reason, detail)
