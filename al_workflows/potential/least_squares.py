"""Least squares to a stated noise: Levenberg-Marquardt for little data, L-BFGS for more.

Both minimise ½ Σ residual² + ½ |(w − w₀) / anchor|², with w₀ the weights at the start, and stop when the root mean
square of the residuals (in units of σ) reaches ``GOAL``: what is left is below the noise that one needs, and a closer
fit would only bend the curve between the labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize

from al_workflows.potential.problem import Problem
from al_workflows.records import FloatArray

#: residual (root mean square, in σ) at which a fit is good enough
GOAL = 0.5
#: standard deviation of a weight about its start
ANCHOR = 1.0
#: up to this many residuals the dual form of Levenberg-Marquardt is the faster one
MOST_DUAL_RESIDUALS = 400


@dataclass(frozen=True, eq=False)
class Fit:
    """Parameters found, iterations made, and whether the residual came down to the goal."""

    parameters: FloatArray
    iterations: int
    reached: bool


def levenberg_marquardt(problem: Problem, start: FloatArray, max_iterations: int) -> Fit:
    """Damped Gauss-Newton steps, solved in the space of residuals.

    With J the Jacobian in units of the anchor, φ the displacement and c = 1 + λ, a step is
    −(JᵀJ + c)⁻¹ (Jᵀr + φ) = −(u − Jᵀ (JJᵀ + c)⁻¹ J u) / c with u = Jᵀr + φ: the matrix to factorise has the size of
    the data, not of the weights.
    """
    moved = np.zeros_like(start)
    residuals = problem.residuals(start)
    cost = 0.5 * float(residuals @ residuals)
    damping, growth = 1e-3 * max(1.0, float(np.mean(residuals**2))), 2.0
    iterations = 0
    while iterations < max_iterations and not _reached(residuals):
        jacobian = ANCHOR * problem.jacobian(start + ANCHOR * moved)
        square = jacobian @ jacobian.T
        downhill = jacobian.T @ residuals + moved
        across = jacobian @ downhill
        while True:
            iterations += 1
            level = 1.0 + damping
            factor = cho_factor(square + level * np.eye(len(square)), check_finite=False)
            step = -(downhill - jacobian.T @ cho_solve(factor, across, check_finite=False)) / level
            trial = moved + step
            trial_residuals = problem.residuals(start + ANCHOR * trial)
            trial_cost = 0.5 * float(trial_residuals @ trial_residuals + trial @ trial)
            gain = (cost - trial_cost) / max(-0.5 * float(step @ (downhill - damping * step)), 1e-300)
            if math.isfinite(trial_cost) and trial_cost < cost:
                break
            damping, growth = damping * growth, growth * 2.0
            if iterations >= max_iterations or damping > 1e15:
                return Fit(start + ANCHOR * moved, iterations, _reached(residuals))
        # Nielsen's rule: follow how well the linear model foretold the gain
        damping, growth = damping * max(1 / 10, 1.0 - (2.0 * gain - 1.0) ** 3), 2.0
        stalled = cost - trial_cost < 1e-6 * cost
        moved, residuals, cost = trial, trial_residuals, trial_cost
        if stalled:
            break
    return Fit(start + ANCHOR * moved, iterations, _reached(residuals))


def lbfgs(problem: Problem, start: FloatArray, max_iterations: int) -> Fit:
    """Quasi-Newton with a line search (scipy's L-BFGS-B)."""
    count = problem.n_residuals

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
        options={"maxiter": max_iterations, "maxcor": 30, "maxfun": 2 * max_iterations, "ftol": 1e-12, "gtol": 1e-10},
    )
    parameters = start + ANCHOR * result.x
    return Fit(parameters, int(result.nit), _reached(problem.residuals(parameters)))


def _reached(residuals: FloatArray) -> bool:
    return float(residuals @ residuals) <= GOAL**2 * len(residuals)


__all__ = ["ANCHOR", "GOAL", "MOST_DUAL_RESIDUALS", "Fit", "LinAlgError", "lbfgs", "levenberg_marquardt"]
