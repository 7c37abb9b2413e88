"""Bayesian linear regression: amplitude by evidence, weights and samples of them from their posterior.

y = A w + ε with ε ~ N(0, 1) and w ~ N(0, s²); s is a common amplitude for the columns of the features and fixed for
the others. With fewer rows than columns everything happens in the space of the rows, else in that of the columns, where
AᵀA can be summed up image by image. MacKay, Neural Comput. 4, 415 (1992), for the evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize_scalar

from al_workflows.records import FloatArray

#: ln amplitude before any data (mean, standard deviation), and the limits of the search
LN_AMPLITUDE, LN_AMPLITUDE_WIDTH = 0.0, 0.7
LIMITS = (-0.5, 3.0)


@dataclass(frozen=True, eq=False)
class Posterior:
    """``mean`` [columns] and ``samples`` [M, columns] of the weights; the amplitude that evidence chose."""

    mean: FloatArray
    samples: FloatArray
    ln_amplitude: float


class Regression(Protocol):
    """The two spaces in which the same regression can be solved. ``scale`` [columns] is s."""

    def cost(self, scale: FloatArray) -> float:
        """−ln evidence, up to a constant."""
        ...

    def solve(self, scale: FloatArray, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Mean [columns] and ``count`` samples [count, columns] of the weights."""
        ...


class InRows:
    """``rows`` [n, columns] and ``values`` [n], each in units of its noise."""

    def __init__(self, rows: FloatArray, values: FloatArray) -> None:
        self._rows, self._values = rows, values

    def _factor(self, scale: FloatArray) -> FloatArray:
        scaled = self._rows * scale
        matrix = scaled @ scaled.T
        matrix[np.diag_indices_from(matrix)] += 1.0
        return np.asarray(cholesky(matrix, lower=True, overwrite_a=True, check_finite=False))

    def cost(self, scale: FloatArray) -> float:
        """See :class:`Regression`."""
        factor = self._factor(scale)
        white = solve_triangular(factor, self._values, lower=True, check_finite=False)
        return 0.5 * float(white @ white) + float(np.log(np.diag(factor)).sum())

    def solve(self, scale: FloatArray, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See :class:`Regression`; samples by Matheron's rule: a draw of the prior, corrected by what it misses."""
        factor = self._factor(scale)
        draws = scale * rng.normal(size=(count, self._rows.shape[1]))
        seen = draws @ self._rows.T + rng.normal(size=(count, len(self._rows)))  # [count, n]
        missing = np.concatenate([self._values[None], self._values - seen])
        across = cho_solve((factor, True), missing.T, check_finite=False).T
        moves = scale**2 * (across @ self._rows)
        return moves[0], draws + moves[1:]


class InColumns:
    """``square`` AᵀA [columns, columns], ``projection`` Aᵀy [columns], ``total`` yᵀy."""

    def __init__(self, square: FloatArray, projection: FloatArray, total: float) -> None:
        self._square, self._projection, self._total = square, projection, total

    def _factor(self, scale: FloatArray) -> FloatArray:
        matrix = self._square * scale * scale[:, None]
        matrix[np.diag_indices_from(matrix)] += 1.0
        return np.asarray(cholesky(matrix, lower=True, overwrite_a=True, check_finite=False))

    def cost(self, scale: FloatArray) -> float:
        """See :class:`Regression`."""
        factor = self._factor(scale)
        white = solve_triangular(factor, scale * self._projection, lower=True, check_finite=False)
        return 0.5 * (self._total - float(white @ white)) + float(np.log(np.diag(factor)).sum())

    def solve(self, scale: FloatArray, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See :class:`Regression`."""
        factor = self._factor(scale)
        mean = scale * cho_solve((factor, True), scale * self._projection, check_finite=False)
        draws = rng.normal(size=(len(scale), count))
        spread = solve_triangular(factor, draws, lower=True, trans=1, check_finite=False).T
        return mean, mean + scale * spread


def choose_amplitude(regression: Regression, widths: FloatArray, n_features: int) -> float:
    """ln of the amplitude of the first ``n_features`` columns that makes the data most probable."""

    def cost(ln_amplitude: float) -> float:
        scale = widths.copy()
        scale[:n_features] *= math.exp(ln_amplitude)
        return regression.cost(scale) + 0.5 * ((ln_amplitude - LN_AMPLITUDE) / LN_AMPLITUDE_WIDTH) ** 2

    return float(minimize_scalar(cost, bounds=LIMITS, method="bounded", options={"xatol": 0.1}).x)


def posterior(
    regression: Regression,
    widths: FloatArray,
    n_features: int,
    ln_amplitude: float,
    count: int,
    rng: np.random.Generator,
) -> Posterior:
    """Mean and ``count`` samples of the weights at the amplitude given."""
    scale = widths.copy()
    scale[:n_features] *= math.exp(ln_amplitude)
    mean, samples = regression.solve(scale, count, rng)
    return Posterior(mean, samples, ln_amplitude)
