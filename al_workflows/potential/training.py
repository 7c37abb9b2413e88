"""Training of a potential: prior, targets, scaling, and an ensemble of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from ase.data import chemical_symbols

from al_workflows.errors import TrainingError
from al_workflows.neighbors import IntArray, Neighbors, find_neighbors
from al_workflows.potential import least_squares, scaling
from al_workflows.potential.descriptor import Descriptor
from al_workflows.potential.model import Potential, Reference, neighbor_cutoff, species_of
from al_workflows.potential.network import Layout
from al_workflows.potential.paper_training import paper_fit, paper_weights
from al_workflows.potential.priors import Prior
from al_workflows.potential.priors.build import build_prior, refitted
from al_workflows.potential.priors.morse_fit import PriorSample
from al_workflows.potential.problem import Problem, Target, stack
from al_workflows.potential.values import Image, TrainingMetrics
from al_workflows.records import FloatArray
from al_workflows.spec import FitSpec, PaperTrainingSpec, PotentialSpec

#: width of the first weights, times 1/√fan_in
GAIN = 0.5
#: largest force (eV/Å) that is fitted in full; the noise allowed grows with the square beyond
ORDINARY_FORCE = 5.0
#: atoms nearer than this (Å) are a mistake, and a Morse curve has nothing to say about them
CLOSEST = 0.2


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with what is computed of it once."""

    image: Image
    species: IntArray
    neighbors: Neighbors
    features: FloatArray


def train_potential(
    images: Sequence[Image],
    spec: PotentialSpec,
    *,
    seed: int | Sequence[int],
    previous: Potential | None = None,
) -> Potential:
    """A potential trained on ``images``, the same for the same ``seed``.

    ``previous`` gives the weights to start from where ``spec`` asks for a warm start and its shape fits.

    Raises
    ------
    TrainingError
        There is no image, or one that cannot be learned from.
    InputError
        The prior lacks an element.
    """
    check_images(images)
    numbers = np.unique(np.concatenate([image.atoms.numbers for image in images]))
    elements = tuple(chemical_symbols[number] for number in numbers)
    descriptor = Descriptor(spec.descriptor, len(elements))
    prior = build_prior(elements, spec.prior)
    cutoff = neighbor_cutoff(descriptor, prior)
    samples = [_sample(image, elements, descriptor, cutoff) for image in images]
    labels = [PriorSample(s.image.atoms, s.species, s.neighbors, s.image.energy, s.image.forces) for s in samples]
    prior = refitted(prior, labels)
    cloud_rng, *member_rngs = (
        np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(1 + spec.members)
    )
    scale = _scaling(samples, elements, descriptor, cloud_rng)
    reference, targets = _targets(samples, descriptor, scale, prior)
    layout = Layout(len(elements), (descriptor.n_features, *spec.hidden, 1))
    problem = _problem(layout, targets, images, spec)
    starts = warm_starts(previous, spec, elements, descriptor, layout, scale)
    fits = []
    for member, rng in enumerate(member_rngs):
        seen = _resampled(problem, member, rng)
        start = starts[member] if starts is not None else layout.initial(rng, GAIN)
        fits.append(_fit(seen, start, spec))
    parameters = np.array([fit.parameters for fit in fits])
    metrics = _metrics(problem, parameters, fits, spec)
    return Potential(elements, descriptor, scale, layout, parameters, prior, reference, metrics)


def check_images(images: Sequence[Image]) -> None:
    """Raise a :class:`TrainingError` for the first image that cannot be learned from."""
    if len(images) == 0:
        raise TrainingError("no images to train on; give at least one accepted label")
    for n, image in enumerate(images):
        where = f"image {n} ({image.atoms.symbols})"
        if len(image.atoms) == 0:
            raise TrainingError(f"image {n} has no atoms; remove it")
        if image.forces.shape != (len(image.atoms), 3):
            raise TrainingError(f"{where} has forces of shape {image.forces.shape} but needs {(len(image.atoms), 3)}")
        values = {"energy": image.energy, "forces": image.forces, "positions": image.atoms.positions}
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise TrainingError(f"{where} has {name} with NaN or infinity; remove it")


def _sample(image: Image, elements: tuple[str, ...], descriptor: Descriptor, cutoff: float) -> Sample:
    species = species_of(image.atoms, elements)
    neighbors = find_neighbors(image.atoms, cutoff)
    closest = float(np.linalg.norm(neighbors.vectors, axis=1).min(initial=np.inf))
    if closest < CLOSEST:
        raise TrainingError(
            f"an image of {image.atoms.symbols} has atoms {closest:.3f} Å apart but {CLOSEST} Å is the least; remove it"
        )
    return Sample(image, species, neighbors, descriptor.features(species, neighbors))


def _scaling(
    samples: Sequence[Sample], elements: Sequence[str], descriptor: Descriptor, rng: np.random.Generator
) -> scaling.Scaling:
    cloud = scaling.rattled_features(
        descriptor, [sample.image.atoms for sample in samples], [sample.species for sample in samples], rng
    )
    return scaling.fit_scaling(descriptor, elements, [(s.species, s.features) for s in samples], cloud)


def _targets(
    samples: Sequence[Sample], descriptor: Descriptor, scale: scaling.Scaling, prior: Prior | None
) -> tuple[Reference, list[Target]]:
    """What is left for the networks: eq. (3) of Shuaibi et al., for energies and forces."""
    left = []
    for sample in samples:
        energy, forces = sample.image.energy, np.asarray(sample.image.forces, dtype=float)
        if prior is not None:
            prior_energy, prior_forces = prior.energy_and_forces(sample.image.atoms, sample.species, sample.neighbors)
            energy, forces = energy - prior_energy, forces - prior_forces
            if not (np.isfinite(energy) and np.isfinite(forces).all()):
                raise TrainingError(
                    f"the prior gives NaN or infinity for {sample.image.atoms.symbols} but must be finite; "
                    "choose another prior"
                )
        left.append((float(energy), forces))
    counts = np.array([np.bincount(s.species, minlength=descriptor.n_species) for s in samples], dtype=float)
    surplus = counts - counts[0]
    element_energies = np.zeros(descriptor.n_species)
    if surplus.any():
        # compositions differ by whole atoms' energies, thousands of eV: nothing for a network
        rises = np.array([energy for energy, _ in left]) - left[0][0]
        element_energies = np.linalg.lstsq(surplus, rises, rcond=None)[0]
    reference = Reference(left[0][0], counts[0], element_energies)
    targets = []
    for sample, (energy, forces) in zip(samples, left, strict=True):
        slopes = descriptor.jacobian(sample.species, sample.neighbors)
        slopes /= scale.width[sample.species][:, :, None, None]
        features = scale.apply(sample.species, sample.features)
        targets.append(Target(sample.species, features, slopes, energy - reference.of(sample.species), forces))
    return reference, targets


def _problem(layout: Layout, targets: Sequence[Target], images: Sequence[Image], spec: PotentialSpec) -> Problem:
    if isinstance(spec.training, PaperTrainingSpec):
        n_atoms = np.array([len(image.atoms) for image in images], dtype=float)
        energy_weights, force_weights = paper_weights(n_atoms, spec.training.force_coefficient)
    else:
        largest = np.array([np.linalg.norm(image.forces, axis=1).max() for image in images])
        noise = 1.0 + (largest / ORDINARY_FORCE) ** 2 * (largest > ORDINARY_FORCE)
        energy_weights = 1.0 / (noise * spec.training.sigma_energy)
        force_weights = 1.0 / (noise * spec.training.sigma_forces)
    return Problem(layout, stack(targets), energy_weights, force_weights)


def _resampled(problem: Problem, member: int, rng: np.random.Generator) -> Problem:
    """``problem`` as ``member`` sees it: the first sees every image alike, the others at random weights.

    A bootstrap that draws images may leave out the newest of a handful, on which the next cycle depends: weights
    between ½ and 3/2 leave none out.
    """
    if member == 0:
        return problem
    shares = np.sqrt(rng.uniform(0.5, 1.5, len(problem.energy_weights)))
    return Problem(problem.layout, problem.blocks, problem.energy_weights * shares, problem.force_weights * shares)


def _fit(problem: Problem, start: FloatArray, spec: PotentialSpec) -> least_squares.Fit:
    training = spec.training
    if isinstance(training, PaperTrainingSpec):
        return paper_fit(problem, start, training)
    if trainer_name(problem, spec) == "levenberg_marquardt":
        most = training.max_iterations or least_squares.DUAL_ITERATIONS
        return least_squares.levenberg_marquardt(problem, start, most)
    return least_squares.lbfgs(problem, start, training.max_iterations or least_squares.LBFGS_ITERATIONS)


def trainer_name(problem: Problem, spec: PotentialSpec) -> str:
    """The trainer that ``spec`` asks for; ``auto`` decides by the number of residuals."""
    if not isinstance(spec.training, FitSpec) or spec.training.kind != "auto":
        return spec.training.kind
    return "levenberg_marquardt" if problem.n_residuals <= least_squares.MOST_DUAL_RESIDUALS else "lbfgs"


def warm_starts(
    previous: Potential | None,
    spec: PotentialSpec,
    elements: tuple[str, ...],
    descriptor: Descriptor,
    layout: Layout,
    scale: scaling.Scaling,
) -> FloatArray | None:
    """Weights of ``previous``, its first layer adapted to the new scaling so that its energies stay; or None."""
    if previous is None or not isinstance(spec.training, FitSpec) or not spec.training.warm_start:
        return None
    if (previous.elements, previous.descriptor, previous.layout) != (elements, descriptor, layout):
        return None
    if len(previous.parameters) != spec.members:
        return None
    parameters = previous.parameters.copy()
    for kind in range(len(elements)):
        weights, biases = layout.layers(parameters, kind)[0]
        old, new = previous.scaling, scale
        biases += ((new.center[kind] - old.center[kind]) / old.width[kind]) @ weights
        weights *= (new.width[kind] / old.width[kind])[:, None]
    return parameters


def _metrics(
    problem: Problem, parameters: FloatArray, fits: Sequence[least_squares.Fit], spec: PotentialSpec
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
