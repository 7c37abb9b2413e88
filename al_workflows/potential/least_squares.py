"""Least squares to a stated noise: Levenberg-Marquardt for little data, L-BFGS for more.

Both minimise ½ Σ residual² + ½ |(w − w₀) / anchor|², with w₀ the weights at the start, and stop when the root mean
square of the residuals (in units of σ) reaches ``GOAL``: what is left is below the noise that one needs, and a closer
fit would only bend the curve between the labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import dsyrk
from scipy.optimize import minimize

from al_workflows.potential.problem import Problem
from al_workflows.records import FloatArray

#: residual (root mean square, in σ) at which a fit is good enough
GOAL = 0.5
#: standard deviation of a weight about its start
ANCHOR = 1.0
#: up to this many residuals Levenberg-Marquardt is worth its time, which grows with their square: it follows labels
#: closely where L-BFGS dithers, and forecasts new ones at half the error
MOST_DUAL_RESIDUALS = 1500
#: iterations where the user does not say
DUAL_ITERATIONS, LBFGS_ITERATIONS = 100, 2000
#: damping at the start, in terms of JJᵀ's mean diagonal
FIRST_DAMPING = 0.01
#: pairs of steps and gradients that L-BFGS remembers
MEMORY = 50
#: share of the damping that one good step may leave, and where to give up
LEAST_SHRINK, MOST_DAMPING = 1 / 10, 1e15


@dataclass(frozen=True, eq=False)
class Fit:
    """Parameters found, iterations made, and whether the residual came down to the goal."""

    parameters: FloatArray
    iterations: int
    reached: bool


def levenberg_marquardt(problem: Problem, start: FloatArray, max_iterations: int) -> Fit:
    """Damped Gauss-Newton steps; ``max_iterations`` counts the Jacobians."""
    state = _State.at(problem, start, np.zeros_like(start))
    damping, growth = math.nan, 2.0
    iterations = 0
    while iterations < max_iterations and not _reached(state.residuals):
        iterations += 1
        jacobian = problem.jacobian(start + ANCHOR * state.moved)
        jacobian *= ANCHOR
        normal = _NormalEquations(jacobian)
        if math.isnan(damping):
            damping = FIRST_DAMPING * normal.scale
        downhill = normal.jacobian.T @ state.residuals + state.moved
        while True:
            normal.factorize(1.0 + damping)
            step = -normal.solve(downhill)
            trial = _State.at(problem, start, state.moved + step)
            if trial.cost < state.cost:
                break
            damping, growth = damping * growth, growth * 2.0
            if damping > MOST_DAMPING:
                return Fit(start + ANCHOR * state.moved, iterations, False)
        # Nielsen's rule: follow how well the linear model foretold the gain
        gain = (state.cost - trial.cost) / (0.5 * float(step @ (damping * step - downhill)))
        damping, growth = damping * max(LEAST_SHRINK, 1.0 - (2.0 * gain - 1.0) ** 3), 2.0
        before, state = state.cost, trial
        if before - state.cost < 1e-6 * before:
            break
    return Fit(start + ANCHOR * state.moved, iterations, _reached(state.residuals))


@dataclass(frozen=True, eq=False)
class _State:
    """A point: displacement from the start in units of the anchor, residuals, and cost."""

    moved: FloatArray
    residuals: FloatArray
    cost: float

    @classmethod
    def at(cls, problem: Problem, start: FloatArray, moved: FloatArray) -> _State:
        residuals = problem.residuals(start + ANCHOR * moved)
        cost = 0.5 * float(residuals @ residuals + moved @ moved)
        return cls(moved, residuals, cost if math.isfinite(cost) else math.inf)


class _NormalEquations:
    """(JᵀJ + c)⁻¹ g = (g − Jᵀ (JJᵀ + c)⁻¹ J g) / c: what is factorised has the size of the data, not of the weights."""

    def __init__(self, jacobian: FloatArray) -> None:
        self.jacobian = jacobian
        self._square = dsyrk(1.0, jacobian.T, trans=1, lower=1)
        self.scale = float(np.trace(self._square)) / len(self._square)
        self._level = math.nan
        self._factor: tuple[FloatArray, bool] = (self._square, True)

    def factorize(self, level: float) -> None:
        matrix = self._square.copy()
        matrix[np.diag_indices_from(matrix)] += level
        self._level = level
        self._factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)

    def solve(self, gradient: FloatArray) -> FloatArray:
        across = cho_solve(self._factor, self.jacobian @ gradient, check_finite=False)
        solution: FloatArray = (gradient - self.jacobian.T @ across) / self._level
        return solution


def lbfgs(problem: Problem, start: FloatArray, max_iterations: int) -> Fit:
    """Quasi-Newton with a line search (scipy's L-BFGS-B)."""
    count = problem.n_residuals
    if _reached(problem.residuals(start)):
        return Fit(start, 0, True)

    def objective(moved: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = problem.half_squares(start + ANCHOR * moved)
        return (value + 0.5 * float(moved @ moved)) / count, (ANCHOR * gradient + moved) / count

    def stop_when_good(intermediate_result: object) -> None:
        fun: float = intermediate_result.fun  # type: ignore[attr-defined]
        if fun <= 0.5 * GOAL**2 or _reached(problem.residuals(start + ANCHOR * intermediate_result.x)):  # type: ignore[attr-defined]
            raise StopIteration

    result = minimize(
        objective,
        np.zeros_like(start),
        jac=True,
        method="L-BFGS-B",
        callback=stop_when_good,
        options={
            "maxiter": max_iterations,
            "maxfun": 2 * max_iterations,
            "maxcor": MEMORY,
            "ftol": 1e-12,
            "gtol": 1e-10,
        },
    )
    parameters = start + ANCHOR * result.x
    return Fit(parameters, int(result.nit), _reached(problem.residuals(parameters)))


def _reached(residuals: FloatArray) -> bool:
    return float(residuals @ residuals) <= GOAL**2 * len(residuals)
