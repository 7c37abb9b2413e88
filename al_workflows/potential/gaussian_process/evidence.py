"""Bayesian linear regression: amplitude and noise by evidence, weights and samples of them from their posterior.

y = A w + ε with ε ~ N(0, ν²); the weights of the features' columns are N(0, s²), s a common amplitude, and those of the
others have fixed widths. With fewer rows than columns everything happens in the space of the rows, else in that of the
columns, where AᵀA is summed up image by image. MacKay, Neural Comput. 4, 415 (1992), for the evidence.

Rows and values come in units of the noise that is expected, so that ν is 1 unless the data say more: forces of
plane-wave DFT do not quite belong to its energies, and who takes them for exact learns a wild function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.blas import dsyrk
from scipy.optimize import minimize_scalar

from al_workflows.records import FloatArray

#: ln amplitude before any data (mean, standard deviation), and the limits of the search
LN_AMPLITUDE, LN_AMPLITUDE_WIDTH = -1.5, 1.5
LIMITS = (-7.0, 3.0)
#: ln of the noise in units of what is expected: how far beyond 0 before any data, steps of the search, and its limit
LN_NOISE_WIDTH, LN_NOISE_STEP, LN_NOISE_MOST = 0.3, 0.4, 0.8


@dataclass(frozen=True)
class Scales:
    """What the evidence decides: ln of the weights' amplitude, and of the noise in units of what is expected."""

    ln_amplitude: float
    ln_noise: float = 0.0


@dataclass(frozen=True, eq=False)
class Widths:
    """Standard deviations of the weights before any data: s for ``n_features``, then those of ``others``."""

    n_features: int
    others: FloatArray

    @property
    def columns(self) -> int:
        """Number of weights."""
        return self.n_features + len(self.others)

    def at(self, ln_amplitude: float) -> FloatArray:
        """All of them, [columns]."""
        return np.concatenate([np.full(self.n_features, math.exp(ln_amplitude)), self.others])


class Regression(Protocol):
    """The two spaces in which the same regression can be solved."""

    def cost(self, scales: Scales) -> float:
        """−ln evidence, up to a constant."""
        ...

    def solve(self, scales: Scales, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Mean [columns] and ``count`` samples [count, columns] of the weights."""
        ...


class InRows:
    """``rows`` [n, columns] and ``values`` [n], each in units of its noise."""

    def __init__(self, rows: FloatArray, values: FloatArray, widths: Widths) -> None:
        self._rows, self._values, self._widths = rows, values, widths
        # products once for all amplitudes: what both kinds of columns make of the covariance (its lower triangle)
        self._of_features = dsyrk(1.0, rows[:, : widths.n_features].T, trans=1, lower=1)
        self._of_others = dsyrk(1.0, (rows[:, widths.n_features :] * widths.others).T, trans=1, lower=1)

    def _factor(self, scales: Scales) -> FloatArray:
        matrix = self._of_features * math.exp(2.0 * (scales.ln_amplitude - scales.ln_noise))
        matrix += self._of_others * math.exp(-2.0 * scales.ln_noise)
        return _factor_of(matrix)

    def cost(self, scales: Scales) -> float:
        """See :class:`Regression`."""
        factor = self._factor(scales)
        white = solve_triangular(factor, self._values, lower=True, check_finite=False)
        misfit = 0.5 * float(white @ white) * math.exp(-2.0 * scales.ln_noise)
        return misfit + float(np.log(np.diag(factor)).sum()) + scales.ln_noise * len(self._values)

    def solve(self, scales: Scales, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See :class:`Regression`; samples by Matheron's rule: a draw of the prior, corrected by what it misses."""
        factor, widths, noise = self._factor(scales), self._widths.at(scales.ln_amplitude), math.exp(scales.ln_noise)
        draws = widths * rng.normal(size=(count, self._rows.shape[1]))
        seen = draws @ self._rows.T + noise * rng.normal(size=(count, len(self._rows)))  # [count, n]
        missing = np.concatenate([self._values[None], self._values - seen])
        across = cho_solve((factor, True), missing.T / noise**2, check_finite=False).T
        moves = widths**2 * (across @ self._rows)
        return moves[0], draws + moves[1:]


class InColumns:
    """AᵀA [columns, columns], Aᵀy [columns] and yᵀy, to which rows are added in any number of turns."""

    def __init__(self, widths: Widths) -> None:
        self._widths = widths
        self._square = np.zeros((widths.columns, widths.columns), order="F")  # its lower triangle
        self._projection, self._total, self._count = np.zeros(widths.columns), 0.0, 0

    def add(self, rows: FloatArray, values: FloatArray) -> None:
        """Add ``rows`` [n, columns] and ``values`` [n], each in units of its noise."""
        self._square = dsyrk(1.0, rows.T, beta=1.0, c=self._square, lower=1, overwrite_c=1)
        self._projection += rows.T @ values
        self._total += float(values @ values)
        self._count += len(values)

    def _factor(self, scale: FloatArray) -> FloatArray:
        matrix = self._square * scale
        matrix *= scale[:, None]
        return _factor_of(matrix)

    def cost(self, scales: Scales) -> float:
        """See :class:`Regression`."""
        noise = math.exp(scales.ln_noise)
        scale = self._widths.at(scales.ln_amplitude) / noise
        factor = self._factor(scale)
        white = solve_triangular(factor, scale * self._projection, lower=True, check_finite=False)
        misfit = 0.5 * (self._total - float(white @ white)) / noise**2
        return misfit + float(np.log(np.diag(factor)).sum()) + scales.ln_noise * self._count

    def solve(self, scales: Scales, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See :class:`Regression`."""
        noise = math.exp(scales.ln_noise)
        scale = self._widths.at(scales.ln_amplitude) / noise
        factor = self._factor(scale)
        mean = scale * cho_solve((factor, True), scale * self._projection, check_finite=False)
        draws = rng.normal(size=(len(scale), count))
        spread = solve_triangular(factor, draws, lower=True, trans=1, check_finite=False).T
        return mean, mean + scale * noise * spread


def _factor_of(covariance: FloatArray) -> FloatArray:
    """Cholesky factor of 1 + ``covariance`` (its lower triangle), which is overwritten."""
    covariance[np.diag_indices_from(covariance)] += 1.0
    return np.asarray(cholesky(covariance, lower=True, overwrite_a=True, check_finite=False))


def choose_scales(regression: Regression) -> Scales:
    """The amplitude and the noise that make the data most probable.

    The noise is raised in steps from what is expected, as long as that helps: an amplitude of its own for each.
    """
    best, cost = _best_amplitude(regression, 0.0)
    # mostly the noise is as expected, which one evaluation tells
    while best.ln_noise < LN_NOISE_MOST:
        louder = best.ln_noise + LN_NOISE_STEP
        if _cost(regression, Scales(best.ln_amplitude, louder)) >= cost:
            break
        best, cost = _best_amplitude(regression, louder)
    return best


def _best_amplitude(regression: Regression, ln_noise: float) -> tuple[Scales, float]:
    found = minimize_scalar(
        lambda ln_amplitude: _cost(regression, Scales(ln_amplitude, ln_noise)),
        bounds=LIMITS,
        method="bounded",
        options={"xatol": 0.1},
    )
    return Scales(float(found.x), ln_noise), float(found.fun)


def _cost(regression: Regression, scales: Scales) -> float:
    """−ln of evidence times what is thought of the scales before any data."""
    amplitude = (scales.ln_amplitude - LN_AMPLITUDE) / LN_AMPLITUDE_WIDTH
    noise = scales.ln_noise / LN_NOISE_WIDTH
    return regression.cost(scales) + 0.5 * (amplitude**2 + noise**2)
