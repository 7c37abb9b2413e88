"""Training of the ensemble of networks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from al_workflows.potential import least_squares, scaling
from al_workflows.potential.descriptor import Descriptor
from al_workflows.potential.ensemble import NetworkEnsemble
from al_workflows.potential.minibatch_training import minibatch_spec, train_by_minibatches
from al_workflows.potential.model import Potential
from al_workflows.potential.network import Layout
from al_workflows.potential.paper_training import paper_fit, paper_weights
from al_workflows.potential.prepare import Prepared, prepare
from al_workflows.potential.problem import Problem, Target, stack
from al_workflows.potential.values import Image, TrainingMetrics
from al_workflows.records import FloatArray
from al_workflows.spec import FitSpec, MinibatchSpec, NetworkPotentialSpec, PaperTrainingSpec
from al_workflows.step_checkpoint import NOWHERE, Checkpoint, Snapshot

#: width of the first weights, times 1/√fan_in
GAIN = 0.5


def train_networks(
    images: Sequence[Image],
    spec: NetworkPotentialSpec,
    *,
    seed: int | Sequence[int],
    previous: Potential | None = None,
    checkpoint: Checkpoint = NOWHERE,
) -> Potential:
    """An ensemble of networks trained on ``images``, the same for the same ``seed``.

    ``previous`` gives the weights to start from where ``spec`` asks for a warm start and its shape fits.
    ``checkpoint`` is where it goes on after a kill.

    Raises
    ------
    TrainingError
        There is no image, or one that cannot be learned from.
    InputError
        The prior lacks an element.
    """
    cloud_rng, *member_rngs = (
        np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(1 + spec.members)
    )
    data = prepare(images, spec, cloud_rng)
    layout = Layout(len(data.elements), (data.descriptor.n_features, *spec.hidden, 1))
    starts = warm_starts(previous, spec, data.elements, data.descriptor, layout, data.scale)
    shares = np.array(
        [
            _drawn(len(images), rng) if spec.bagging else _shares(member, len(images), rng)
            for member, rng in enumerate(member_rngs)
        ]
    )
    if starts is None:
        starts = np.array([layout.initial(rng, GAIN) for rng in member_rngs])
    if (minibatch := minibatch_spec(data, spec)) is not None:
        return train_by_minibatches(data, layout, minibatch, starts, shares, cloud_rng, checkpoint)
    problem = network_problem(layout, data, spec)
    fits = _fits(problem, shares, starts, spec, checkpoint)
    parameters = np.array([fit.parameters for fit in fits])
    metrics = _metrics(problem, parameters, fits, spec)
    return data.potential(NetworkEnsemble(layout, parameters), metrics)


def network_problem(layout: Layout, data: Prepared, spec: NetworkPotentialSpec) -> Problem:
    targets = [
        Target(sample.species, *data.inputs(n), data.energies[n], data.forces[n])
        for n, sample in enumerate(data.samples)
    ]
    if isinstance(spec.training, PaperTrainingSpec):
        n_atoms = np.array([len(sample.species) for sample in data.samples], dtype=float)
        energy_weights, force_weights = paper_weights(n_atoms, spec.training.force_coefficient)
    else:
        energy_weights = 1.0 / (data.noise * spec.training.sigma_energy)
        force_weights = 1.0 / (data.noise * spec.training.sigma_forces)
    return Problem(layout, stack(targets), energy_weights, force_weights)


def _shares(member: int, n_images: int, rng: np.random.Generator) -> FloatArray:
    """Weights of the images' squares as ``member`` sees them: the first sees all alike, the others at random weights.

    A bootstrap that draws images may leave out the newest of a handful, on which the next cycle depends: weights
    between ½ and 3/2 leave none out.
    """
    return np.ones(n_images) if member == 0 else rng.uniform(0.5, 1.5, n_images)


def _drawn(n_images: int, rng: np.random.Generator) -> FloatArray:
    """How often a member that draws ``n_images`` with replacement has drawn each of them."""
    return np.bincount(rng.integers(n_images, size=n_images), minlength=n_images).astype(float)


def _weighted(problem: Problem, shares: FloatArray) -> Problem:
    roots = np.sqrt(shares)
    return Problem(problem.layout, problem.blocks, problem.energy_weights * roots, problem.force_weights * roots)


def _fits(
    problem: Problem, shares: FloatArray, starts: FloatArray, spec: NetworkPotentialSpec, checkpoint: Checkpoint
) -> list[least_squares.Fit]:
    """One network after the other; those that a checkpoint holds are not fitted again."""
    done: list[least_squares.Fit] = []
    found = checkpoint.read()
    if found is not None:
        kept = zip(found.arrays["parameters"], found.values["fits"], strict=True)
        done = [least_squares.Fit(parameters, iterations, reached) for parameters, (iterations, reached) in kept]
    for share, start in zip(shares[len(done) :], starts[len(done) :], strict=True):
        parameters = np.array([fit.parameters for fit in done]).reshape(len(done), starts.shape[1])
        about = [(fit.iterations, fit.reached) for fit in done]
        checkpoint.beside = Snapshot({"fits": about}, {"parameters": parameters})
        if checkpoint.due:
            checkpoint.write({}, {})
        done.append(_fit(_weighted(problem, share), start, spec, checkpoint, found))
        found = None  # is of one network only
    return done


def _fit(
    problem: Problem, start: FloatArray, spec: NetworkPotentialSpec, checkpoint: Checkpoint, found: Snapshot | None
) -> least_squares.Fit:
    training = spec.training
    if isinstance(training, PaperTrainingSpec):
        return paper_fit(problem, start, training, checkpoint, found)
    most = training.max_iterations if isinstance(training, FitSpec) else None
    if trainer_name(problem, spec) == "levenberg_marquardt":
        return least_squares.levenberg_marquardt(problem, start, most or least_squares.DUAL_ITERATIONS)
    return least_squares.lbfgs(problem, start, most or least_squares.LBFGS_ITERATIONS)


def trainer_name(problem: Problem, spec: NetworkPotentialSpec) -> str:
    """The trainer that ``spec`` asks for; ``auto`` decides by the number of residuals."""
    if not isinstance(spec.training, FitSpec) or spec.training.kind != "auto":
        return spec.training.kind
    return "levenberg_marquardt" if problem.n_residuals <= least_squares.MOST_DUAL_RESIDUALS else "lbfgs"


def warm_starts(
    previous: Potential | None,
    spec: NetworkPotentialSpec,
    elements: tuple[str, ...],
    descriptor: Descriptor,
    layout: Layout,
    scale: scaling.Scaling,
) -> FloatArray | None:
    """Weights of ``previous``, its first layer adapted to the new scaling so that its energies stay; or None."""
    if not isinstance(spec.training, FitSpec | MinibatchSpec) or not spec.training.warm_start:
        return None
    if previous is None or not isinstance(previous.regressor, NetworkEnsemble):
        return None
    ensemble = previous.regressor
    if (previous.elements, previous.descriptor, ensemble.layout) != (elements, descriptor, layout):
        return None
    if ensemble.n_members != spec.members:
        return None
    parameters = ensemble.parameters.copy()
    for kind in range(len(elements)):
        weights, biases = layout.layers(parameters, kind)[0]
        old, new = previous.scaling, scale
        biases += ((new.center[kind] - old.center[kind]) / old.width[kind]) @ weights
        weights *= (new.width[kind] / old.width[kind])[:, None]
    return parameters


def _metrics(
    problem: Problem, parameters: FloatArray, fits: Sequence[least_squares.Fit], spec: NetworkPotentialSpec
) -> TrainingMetrics:
    energy_errors, force_errors, left = [], [], []
    for block in problem.blocks:
        members = list(map(partial(problem.errors, block=block), parameters))
        energy_errors.append(np.mean([energy for energy, _ in members], axis=0))
        force_errors.append(np.mean([forces for _, forces in members], axis=0).ravel())
        left.append(block.forces.ravel())
    energies, forces, prior_left = (np.concatenate(parts) for parts in (energy_errors, force_errors, left))
    return TrainingMetrics(
        n_images=len(energies),
        n_members=len(parameters),
        trainer=trainer_name(problem, spec),
        iterations=max(fit.iterations for fit in fits),
        reached=all(fit.reached for fit in fits),
        energy_mae=float(np.abs(energies).mean()),
        force_mae=float(np.abs(forces).mean()),
        force_rmse=float(np.sqrt(np.mean(forces**2))),
        force_max_error=float(np.linalg.norm(forces.reshape(-1, 3), axis=1).max()),
        prior_force_rmse=float(np.sqrt(np.mean(prior_left**2))),
    )
