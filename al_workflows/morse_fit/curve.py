"""From energies along a bond to D_e, r_e and a."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import KroghInterpolator
from scipy.optimize import brentq, minimize_scalar

from al_workflows.records import FloatArray
from al_workflows.spec import MorseParameters

#: the points that a is fitted to, in units of r_e: near the minimum and along the stretched bond
FIT_FROM, FIT_TO = 0.85, 1.6
#: eV: points further apart than this, against their forces, are of two electronic states
JUMP = 0.04
#: a r_e of known dimers is 1.4 (H2) to 5 (heavy metals)
LEAST, MOST = 0.3, 20.0


@dataclass(frozen=True)
class Minimum:
    """``r_e`` in Å, ``energy`` in eV."""

    r_e: float
    energy: float


@dataclass(frozen=True)
class CurveFit:
    """A Morse curve and how well it fits: ``residual`` (eV, root mean square) over the points at ``distances`` (Å)."""

    parameters: MorseParameters
    residual: float
    distances: tuple[float, ...]


def morse_energy(distances: FloatArray, parameters: MorseParameters) -> FloatArray:
    """D_e (x² − 2 x) with x = exp[−a (r − r_e)], eV."""
    x = np.exp(-parameters.a * (np.asarray(distances) - parameters.r_e))
    return np.asarray(parameters.well_depth * x * (x - 2.0))


def jumps(distances: FloatArray, energies: FloatArray, slopes: FloatArray, parameters: MorseParameters) -> FloatArray:
    """By how much the energy changes against the slopes from each point to the next, eV, [points - 1].

    Zero on one smooth curve; large where self-consistency found different electronic states at two distances. What the
    trapezoidal rule itself misses is taken from the fitted curve.
    """
    x = np.exp(-parameters.a * (distances - parameters.r_e))
    fitted = morse_energy(distances, parameters), 2.0 * parameters.a * parameters.well_depth * x * (1.0 - x)

    def against(values: FloatArray, derivatives: FloatArray) -> FloatArray:
        return np.asarray(np.diff(values) - np.diff(distances) * (derivatives[1:] + derivatives[:-1]) / 2.0)

    return against(energies, slopes) - against(*fitted)


def minimum(distances: FloatArray, energies: FloatArray, slopes: FloatArray) -> Minimum | None:
    """The lowest minimum between two computed distances; None if the slope nowhere turns from negative to positive.

    Around a turn, the polynomial that has the energies and the slopes of the nearest two points on either side.

    Parameters
    ----------
    distances, energies, slopes
        Å, eV and eV/Å, [points], by rising distance.
    """
    found = []
    for n in range(len(distances) - 1):
        if slopes[n] < 0 <= slopes[n + 1]:
            near = slice(max(n - 1, 0), n + 3)
            pairs = np.stack([energies[near], slopes[near]], axis=1)  # [points, value and slope]
            curve = KroghInterpolator(np.repeat(distances[near], 2), pairs.ravel())
            r_e = _root(curve.derivative, float(distances[n]), float(distances[n + 1]))
            found.append(Minimum(r_e, float(curve(r_e))))
    return min(found, key=lambda one: one.energy, default=None)


def _root(function: Callable[[float], Any], low: float, high: float) -> float:
    """Where ``function`` passes zero; the end nearer to it when rounding hides the change of sign."""
    at_low, at_high = float(function(low)), float(function(high))
    if at_low * at_high < 0:
        return float(brentq(function, low, high))
    return low if abs(at_low) < abs(at_high) else high


def fit_width(distances: FloatArray, energies: FloatArray, well_depth: float, r_e: float) -> CurveFit:
    """Least squares of a to the points between ``FIT_FROM`` and ``FIT_TO`` r_e, D_e and r_e held.

    A stretched dimer above two atoms is in a state that does not dissociate into them (triplet Pd2, or a spin-paired
    bond): no Morse curve goes there, and it is left out.

    Parameters
    ----------
    distances, energies
        Å, and eV relative to two lone atoms, [points].
    well_depth, r_e
        eV and Å.
    """
    near = (distances >= FIT_FROM * r_e) & (distances <= FIT_TO * r_e)
    chosen = near & ((energies < 0) | (distances < r_e))
    there, wanted = distances[chosen], energies[chosen]

    def curve(scaled: float) -> MorseParameters:
        return MorseParameters(well_depth=well_depth, r_e=r_e, a=float(scaled) / r_e)

    def misfit(scaled: float) -> float:
        return float(np.mean((morse_energy(there, curve(scaled)) - wanted) ** 2))

    start = min(np.geomspace(LEAST, MOST, 60), key=misfit)  # one dimension: look before descending
    step = (MOST / LEAST) ** (1 / 59)
    best = minimize_scalar(misfit, bounds=(start / step, start * step), method="bounded", options={"xatol": 1e-9})
    return CurveFit(curve(best.x), float(np.sqrt(misfit(best.x))), tuple(float(r) for r in there))
