"""The published trainer: LBFGS without line search under cosine annealing with warm restarts.

Shuaibi et al., arXiv 2008.10773. The loss is ½ Σ_images [(ΔE / N)² + α / (3 N) Σ (ΔF)²] with energies per atom and
α the force coefficient.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from al_workflows.potential.least_squares import Fit
from al_workflows.potential.problem import Problem
from al_workflows.records import FloatArray
from al_workflows.spec import PaperTrainingSpec
from al_workflows.step_checkpoint import NOWHERE, Checkpoint, Snapshot

if TYPE_CHECKING:
    import torch

#: how the names of the optimizer's values, tensors and lists of tensors begin in a checkpoint
OPTIMIZER, TENSOR, LIST = "optimizer.", "tensor.", "list."


def paper_weights(n_atoms: FloatArray, force_coefficient: float) -> tuple[FloatArray, FloatArray]:
    """Weights of energies and force components that make ½ Σ residual² the published loss; ``n_atoms`` [images]."""
    return 1.0 / n_atoms, np.sqrt(force_coefficient / (3.0 * n_atoms))


def paper_fit(
    problem: Problem,
    start: FloatArray,
    spec: PaperTrainingSpec,
    checkpoint: Checkpoint = NOWHERE,
    found: Snapshot | None = None,
) -> Fit:
    """Weights of the lowest loss met in ``spec.epochs`` epochs.

    Without a line search the loss may blow up and end in NaN: the training stops there with the best so far.
    ``checkpoint`` is where it is kept how far it has come, and ``found`` what was kept, of this fit or another.
    """
    import torch

    weights = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = torch.optim.LBFGS([weights], lr=spec.learning_rate)
    scheduler = _scheduler(optimizer, spec)
    best_loss, best = math.inf, start
    epochs = 0
    if found is not None and "epochs" in found.values:
        epochs, best_loss, best = found.values["epochs"], found.values["best_loss"], found.arrays["best"].copy()
        weights.data.copy_(torch.from_numpy(found.arrays["weights"].copy()))
        optimizer.load_state_dict({**optimizer.state_dict(), "state": {0: _unpacked(found)}})
        scheduler.load_state_dict(found.values["schedule"])
        optimizer.param_groups[0]["lr"] = found.values["rate"]

    def closure() -> torch.Tensor:
        nonlocal best_loss, best
        parameters = weights.detach().numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            loss, gradient = problem.half_squares(parameters)
        if loss < best_loss:
            best_loss, best = loss, parameters.copy()
        weights.grad = torch.from_numpy(gradient)
        return torch.tensor(loss, dtype=torch.float64)

    while epochs < spec.epochs:
        if checkpoint.due and epochs:
            values, arrays = _packed(optimizer.state_dict()["state"][0])
            values |= {"epochs": epochs, "best_loss": best_loss, "schedule": scheduler.state_dict()}
            values["rate"] = optimizer.param_groups[0]["lr"]
            checkpoint.write(values, {**arrays, "best": best, "weights": weights.detach().numpy()})
        epochs += 1
        loss = optimizer.step(closure)  # type: ignore[no-untyped-call]
        scheduler.step()
        if not math.isfinite(float(loss)):
            break
    return Fit(best, epochs, math.isfinite(float(loss)))


def _scheduler(optimizer: torch.optim.LBFGS, spec: PaperTrainingSpec) -> torch.optim.lr_scheduler.LRScheduler:
    import torch

    if spec.restart_period is None:
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)
    return torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, T_0=spec.restart_period, T_mult=spec.restart_factor
    )


def _packed(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The optimizer's state as values and arrays: lists of tensors become one array each."""
    import torch

    values: dict[str, Any] = {}
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, content in state.items():
        if name == "al":  # scratch of one iteration
            continue
        if isinstance(content, torch.Tensor):
            arrays[TENSOR + name] = content.detach().numpy()
        elif isinstance(content, list):
            arrays[LIST + name] = np.array([tensor.detach().numpy() for tensor in content])
        else:
            values[OPTIMIZER + name] = content
    return values, arrays


def _unpacked(found: Snapshot) -> dict[str, Any]:
    """Inverse of :func:`_packed`."""
    import torch

    state = {
        name.removeprefix(OPTIMIZER): content for name, content in found.values.items() if name.startswith(OPTIMIZER)
    }
    for name, array in found.arrays.items():
        if name.startswith(TENSOR):
            state[name.removeprefix(TENSOR)] = torch.from_numpy(array.copy())
        elif name.startswith(LIST):
            state[name.removeprefix(LIST)] = [torch.from_numpy(np.array(row)) for row in array]
    return state
