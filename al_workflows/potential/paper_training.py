"""The published trainer: LBFGS without line search under cosine annealing with warm restarts.

Shuaibi et al., arXiv 2008.10773. The loss is ½ Σ_images [(ΔE / N)² + α / (3 N) Σ (ΔF)²] with energies per atom and
α the force coefficient.
"""

from __future__ import annotations

import math

import numpy as np

from al_workflows.potential.least_squares import Fit
from al_workflows.potential.problem import Problem
from al_workflows.records import FloatArray
from al_workflows.spec import PaperTrainingSpec


def paper_weights(n_atoms: FloatArray, force_coefficient: float) -> tuple[FloatArray, FloatArray]:
    """Weights of energies and force components that make ½ Σ residual² the published loss; ``n_atoms`` [images]."""
    return 1.0 / n_atoms, np.sqrt(force_coefficient / (3.0 * n_atoms))


def paper_fit(problem: Problem, start: FloatArray, spec: PaperTrainingSpec) -> Fit:
    """Weights of the lowest loss met in ``spec.epochs`` epochs.

    Without a line search the loss may blow up and end in NaN: the training stops there with the best so far.
    """
    import torch

    weights = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = torch.optim.LBFGS([weights], lr=spec.learning_rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, T_0=spec.restart_period, T_mult=spec.restart_factor
    )
    best_loss, best = math.inf, start

    def closure() -> torch.Tensor:
        nonlocal best_loss, best
        parameters = weights.detach().numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            loss, gradient = problem.half_squares(parameters)
        if loss < best_loss:
            best_loss, best = loss, parameters.copy()
        weights.grad = torch.from_numpy(gradient)
        return torch.tensor(loss, dtype=torch.float64)

    epochs = 0
    while epochs < spec.epochs:
        epochs += 1
        loss = optimizer.step(closure)  # type: ignore[no-untyped-call]
        scheduler.step()
        if not math.isfinite(float(loss)):
            break
    return Fit(best, epochs, math.isfinite(float(loss)))
