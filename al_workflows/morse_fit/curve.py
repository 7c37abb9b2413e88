"""From energies along a bond to D_e, r_e and a."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import minimize_scalar

from al_workflows.records import FloatArray
from al_workflows.spec import MorseParameters

#: the points that a is fitted to, in units of r_e: near the minimum and along the stretched bond
FIT_FROM, FIT_TO = 0.85, 1.6
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


def minimum(distances: FloatArray, energies: FloatArray, slopes: FloatArray) -> Minimum | None:
    """The lowest minimum between two computed distances; None if the slope nowhere turns from negative to positive.

    Energies and slopes of neighbouring points give a cubic (Hermite) polynomial between them: exact to the fourth
    order of their separation.

    Parameters
    ----------
    distances, energies, slopes
        Å, eV and eV/Å, [points], by rising distance.
    """
    turns = [n for n in range(len(distances) - 1) if slopes[n] < 0 <= slopes[n + 1]]
    found = []
    for n in turns:
        both = slice(n, n + 2)
        piece = CubicHermiteSpline(distances[both], energies[both], slopes[both])
        # the slope of a cubic that is negative on one side and not on the other passes zero upwards once
        inside = [r for r in piece.derivative().roots(extrapolate=False) if piece(r, 2) >= 0]
        found += [Minimum(float(r), float(piece(r))) for r in inside]
    return min(found, key=lambda one: one.energy, default=None)


def fit_width(distances: FloatArray, energies: FloatArray, well_depth: float, r_e: float) -> CurveFit:
    """Least squares of a to the points between ``FIT_FROM`` and ``FIT_TO`` r_e, D_e and r_e held.

    Parameters
    ----------
    distances, energies
        Å, and eV relative to two lone atoms, [points].
    well_depth, r_e
        eV and Å.
    """
    chosen = (distances >= FIT_FROM * r_e) & (distances <= FIT_TO * r_e)
    there, wanted = distances[chosen], energies[chosen]

    def curve(scaled: float) -> MorseParameters:
        return MorseParameters(well_depth=well_depth, r_e=r_e, a=float(scaled) / r_e)

    def misfit(scaled: float) -> float:
        return float(np.mean((morse_energy(there, curve(scaled)) - wanted) ** 2))

    start = min(np.geomspace(LEAST, MOST, 60), key=misfit)  # one dimension: look before descending
    step = (MOST / LEAST) ** (1 / 59)
    best = minimize_scalar(misfit, bounds=(start / step, start * step), method="bounded", options={"xatol": 1e-9})
    return CurveFit(curve(best.x), float(np.sqrt(misfit(best.x))), tuple(float(r) for r in there))
