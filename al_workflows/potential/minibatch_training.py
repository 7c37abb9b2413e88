"""Where much data goes: when mini-batches are chosen, and the potential that they give."""

from __future__ import annotations

import numpy as np

from al_workflows.potential.ensemble import NetworkEnsemble
from al_workflows.potential.model import Potential
from al_workflows.potential.network import Layout
from al_workflows.potential.prepare import Prepared
from al_workflows.potential.values import TrainingMetrics
from al_workflows.records import FloatArray
from al_workflows.spec import FitSpec, MinibatchSpec, NetworkPotentialSpec
from al_workflows.step_checkpoint import NOWHERE, Checkpoint

#: where all derivatives would take more bytes than this, or residuals are more, ``auto`` goes over to mini-batches
MOST_BYTES, MOST_RESIDUALS = 128 * 2**20, 20_000


def minibatch_spec(data: Prepared, spec: NetworkPotentialSpec) -> MinibatchSpec | None:
    """What ``spec`` asks of mini-batches for ``data``; None where another trainer is asked for."""
    training = spec.training
    if isinstance(training, MinibatchSpec):
        return training
    if not isinstance(training, FitSpec) or training.kind != "auto":
        return None
    sizes = np.array([len(sample.species) for sample in data.samples])
    n_bytes = 24 * data.descriptor.n_features * int((sizes**2).sum())  # of [N, F, N, 3] doubles
    if n_bytes <= MOST_BYTES and int((1 + 3 * sizes).sum()) <= MOST_RESIDUALS:
        return None
    return MinibatchSpec(
        sigma_forces=training.sigma_forces,
        sigma_energy=training.sigma_energy,
        epochs=training.max_iterations,
        warm_start=training.warm_start,
    )


def train_by_minibatches(
    data: Prepared,
    layout: Layout,
    spec: MinibatchSpec,
    starts: FloatArray,
    shares: FloatArray,
    rng: np.random.Generator,
    checkpoint: Checkpoint = NOWHERE,
) -> Potential:
    """The potential of M members from ``starts`` [M, parameters].

    ``shares`` [M, images]: weight of an image's squares in the eyes of each member; ``rng`` orders the images.
    ``checkpoint`` is where it goes on after a kill.

    Raises
    ------
    TrainingError
        ``spec.device`` asks for CUDA where there is none.
    """
    from al_workflows.potential.minibatch import Task, minibatch_fit  # imports torch

    weights = np.sqrt(shares) / data.noise
    task = Task(data, layout, starts, weights / spec.sigma_energy, weights / spec.sigma_forces)
    found = minibatch_fit(task, spec, rng, checkpoint)
    metrics = TrainingMetrics(
        n_images=len(data.samples),
        n_members=len(starts),
        trainer=spec.kind,
        iterations=found.epochs,
        reached=all(found.reached),
        energy_mae=float(np.abs(found.energy_errors).mean()),
        force_mae=float(np.abs(found.force_errors).mean()),
        force_rmse=float(np.sqrt(np.mean(found.force_errors**2))),
        force_max_error=float(np.linalg.norm(found.force_errors, axis=1).max()),
        prior_force_rmse=float(np.sqrt(np.mean(np.concatenate(data.forces) ** 2))),
    )
    return data.potential(NetworkEnsemble(layout, found.parameters), metrics)
