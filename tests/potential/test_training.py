"""Training: residuals, determinism, scaling, references, hard data sets, and bad ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import Atoms

from al_workflows.errors import InputError, TrainingError
from al_workflows.neighbors import find_neighbors
from al_workflows.potential import Image, dump, least_squares, network_training, train_potential
from al_workflows.potential.descriptor import Descriptor
from al_workflows.potential.model import species_of
from al_workflows.potential.network import Layout
from al_workflows.potential.paper_training import paper_fit, paper_weights
from al_workflows.potential.problem import Problem, Target, stack
from al_workflows.potential.scaling import Scaling, contact_features, fit_scaling, rattled_features
from al_workflows.spec import DescriptorSpec, NetworkPotentialSpec, PaperTrainingSpec
from tests.potential.structures import cluster, emt_image, emt_images, made_up, quick, rattled, slab, three_metals


def small_problem(seed: int = 0, images: int = 3, n_features: int = 5) -> Problem:
    """Two compositions and two species with made-up features."""
    rng = np.random.default_rng(seed)
    targets = []
    for n in range(images):
        species = np.array([0, 1, 1]) if n % 3 else np.array([1, 0])
        count = len(species)
        targets.append(
            Target(
                species,
                rng.uniform(-1, 1, (count, n_features)),
                rng.normal(size=(count, n_features, count, 3)),
                rng.normal(),
                rng.normal(size=(count, 3)),
            )
        )
    return Problem(
        Layout(2, (n_features, 6, 5, 1)), stack(targets), rng.uniform(1, 9, images), rng.uniform(1, 9, images)
    )


def test_gradient_and_jacobian_are_derivatives() -> None:
    problem = small_problem()
    parameters = np.random.default_rng(1).normal(0, 0.6, problem.layout.n_parameters)
    residuals, jacobian = problem.residuals(parameters), problem.jacobian(parameters)
    value, gradient = problem.half_squares(parameters)
    assert residuals.shape == (problem.n_residuals,)
    assert value == pytest.approx(0.5 * residuals @ residuals)
    np.testing.assert_allclose(gradient, jacobian.T @ residuals, atol=1e-9)
    step = 1e-6 * np.eye(problem.layout.n_parameters)
    numerical = np.array([problem.residuals(parameters + s) - problem.residuals(parameters - s) for s in step]).T / 2e-6
    np.testing.assert_allclose(jacobian, numerical, atol=1e-6)


@pytest.mark.parametrize("kind", ["levenberg_marquardt", "lbfgs"])
def test_reaches_the_stated_residual(kind: str) -> None:
    images = emt_images(4)
    spec = quick(hidden=(20, 20), training={"kind": kind, "max_iterations": 1500})
    potential = train_potential(images, spec, seed=0)
    assert potential.metrics.reached
    errors = np.concatenate([(potential.predict(image.atoms).forces - image.forces).ravel() for image in images])
    assert np.sqrt(np.mean(errors**2)) < 0.006
    assert potential.metrics.force_rmse == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert potential.metrics.force_mae == pytest.approx(np.abs(errors).mean())
    energies = [potential.predict(image.atoms).energy - image.energy for image in images]
    assert potential.metrics.energy_mae == pytest.approx(np.abs(energies).mean())
    assert max(map(abs, energies)) < 0.01
    assert potential.metrics.force_rmse < 0.3 * potential.metrics.prior_force_rmse
    assert (potential.metrics.n_images, potential.metrics.n_members) == (4, 2)
    assert potential.metrics.trainer == kind


def test_auto_chooses_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    images = emt_images(2)
    spec = quick(training={"kind": "auto", "max_iterations": 3})
    assert train_potential(images, spec, seed=0).metrics.trainer == "levenberg_marquardt"
    monkeypatch.setattr(least_squares, "MOST_DUAL_RESIDUALS", 10)
    assert train_potential(images, spec, seed=0).metrics.trainer == "lbfgs"


def test_generalises_to_a_neighbouring_structure() -> None:
    potential = train_potential(emt_images(6), NetworkPotentialSpec(members=1), seed=0)
    fresh = emt_image(rattled(slab(), 77))
    errors = potential.predict(fresh.atoms).forces - fresh.forces
    assert np.abs(errors).mean() < 0.25 * np.abs(fresh.forces).mean()


def test_paper_trainer_lowers_the_loss() -> None:
    problem = small_problem(images=4)
    start = problem.layout.initial(np.random.default_rng(0), 0.5)
    fit = paper_fit(problem, start, PaperTrainingSpec(epochs=30))
    assert problem.half_squares(fit.parameters)[0] < 0.5 * problem.half_squares(start)[0]
    assert fit.iterations == 30


def test_paper_trainer_without_scheduler() -> None:
    problem = small_problem(images=4)
    start = problem.layout.initial(np.random.default_rng(0), 0.5)
    plain, scheduled = (paper_fit(problem, start, PaperTrainingSpec(epochs=30, restart_period=n)) for n in (None, 10))
    assert problem.half_squares(plain.parameters)[0] < 0.5 * problem.half_squares(start)[0]
    assert (plain.parameters != scheduled.parameters).any()


def test_paper_trainer_survives_a_blow_up() -> None:
    problem = small_problem(images=4)
    start = problem.layout.initial(np.random.default_rng(0), 0.5)
    fit = paper_fit(problem, start, PaperTrainingSpec(epochs=30, learning_rate=1e6))
    assert np.isfinite(fit.parameters).all()
    assert problem.half_squares(fit.parameters)[0] <= problem.half_squares(start)[0]


def test_paper_loss_is_per_atom() -> None:
    energy, force = paper_weights(np.array([2.0, 5.0]), 0.04)
    np.testing.assert_allclose(energy**2, [1 / 4, 1 / 25])
    np.testing.assert_allclose(force**2, [0.04 / 6, 0.04 / 15])


def test_paper_spec_end_to_end() -> None:
    images = emt_images(2)
    potential = train_potential(images, quick(training={"kind": "paper", "epochs": 20}), seed=0)
    assert potential.metrics.trainer == "paper"
    assert potential.metrics.force_rmse < potential.metrics.prior_force_rmse


@pytest.mark.parametrize("kind", ["levenberg_marquardt", "lbfgs", "paper"])
def test_one_seed_one_potential(kind: str) -> None:
    training = {"kind": kind, "epochs": 3} if kind == "paper" else {"kind": kind, "max_iterations": 8}
    images, spec = emt_images(2), quick(training=training)
    assert dump(train_potential(images, spec, seed=5)) == dump(train_potential(images, spec, seed=5))
    assert dump(train_potential(images, spec, seed=[5, 1])) != dump(train_potential(images, spec, seed=[5, 2]))


def test_members_differ_even_with_one_image() -> None:
    potential = train_potential(emt_images(1), quick(members=3), seed=0)
    assert (potential.predict(rattled(slab(), 50, 0.2)).force_std > 1e-3).all()


def test_uncertainty_grows_away_from_the_data() -> None:
    images = emt_images(3)
    potential = train_potential(images, quick(members=4), seed=0)
    near = potential.predict(images[0].atoms).force_std.max()
    far = potential.predict(rattled(slab(), 50, 0.3)).force_std.max()
    assert far > 5 * near


def test_offsets_do_not_matter() -> None:
    spec = quick()
    plain, shifted = (train_potential(emt_images(2, offset), spec, seed=0) for offset in (0.0, -31415.9))
    atoms = rattled(slab(), 50)
    one, other = plain.predict(atoms), shifted.predict(atoms)
    assert other.energy + 31415.9 == pytest.approx(one.energy, abs=1e-6)
    np.testing.assert_allclose(one.forces, other.forces, atol=1e-6)


def test_compositions_may_differ_by_thousands_of_ev() -> None:
    bare = slab()[:-1]
    images = [emt_image(slab(), -9e3), emt_image(rattled(slab(), 4), -9e3), emt_image(bare, -8e3)]
    oxygen = slab()
    oxygen.symbols[-1] = "O"
    images.append(emt_image(oxygen, -9.5e3))
    potential = train_potential(images, quick(hidden=(20, 20)), seed=0)
    assert potential.elements == ("C", "O", "Cu")
    for image in images:
        assert potential.predict(image.atoms).energy == pytest.approx(image.energy, abs=0.05)


def test_large_force_does_not_ruin_the_fit() -> None:
    images = emt_images(3)
    crash = slab()
    crash.positions[-1] = crash.positions[-2] + [0.2, 0.1, 1.05]
    wild = emt_image(crash)
    assert np.abs(wild.forces).max() > 20
    potential = train_potential([*images, wild], quick(hidden=(20, 20), training={"kind": "auto"}), seed=0)
    for image in images:
        assert np.abs(potential.predict(image.atoms).forces - image.forces).max() < 0.1


def test_duplicates_are_harmless() -> None:
    images = emt_images(1) * 3
    potential = train_potential(images, quick(), seed=0)
    assert potential.metrics.force_rmse < 0.05


@pytest.mark.parametrize(
    "atoms",
    [Atoms("C"), Atoms("CuC", positions=[[0, 0, 0], [0, 0, 20.0]]), cluster(), three_metals()],
    ids=["one atom", "no neighbours", "molecule", "single atoms of an element"],
)
def test_unusual_structures(atoms: Atoms) -> None:
    image = made_up(atoms)
    if len(atoms) < 3:
        image = Image(atoms, image.energy, np.zeros((len(atoms), 3)))
    potential = train_potential([image], quick(), seed=0)
    assert potential.predict(atoms).energy == pytest.approx(image.energy, abs=0.05)


def test_warm_start_keeps_the_function_under_a_new_scaling() -> None:
    spec = quick(training={"kind": "lbfgs", "warm_start": True, "max_iterations": 20})
    first = train_potential(emt_images(2), spec, seed=0)
    scale = Scaling(first.scaling.center + 0.3, first.scaling.width * 1.7)
    shared = (first.elements, first.descriptor, first.regressor.layout)
    parameters = network_training.warm_starts(first, spec, *shared, scale)
    assert parameters is not None
    again = dataclasses.replace(
        first, regressor=dataclasses.replace(first.regressor, parameters=parameters), scaling=scale
    )
    atoms = rattled(slab(), 50)
    np.testing.assert_allclose(again.predict(atoms).forces, first.predict(atoms).forces, atol=1e-10)


def test_warm_start_has_little_left_to_do() -> None:
    images = emt_images(3)
    spec = quick(training={"kind": "lbfgs", "warm_start": True, "max_iterations": 2000})
    first = train_potential(images, spec, seed=0)
    again = train_potential(images, spec, seed=0, previous=first)
    assert first.metrics.reached
    assert again.metrics.iterations == 0
    np.testing.assert_allclose(again.regressor.parameters, first.regressor.parameters, atol=1e-12)


def test_warm_start_falls_back_where_it_does_not_fit() -> None:
    spec = quick(training={"kind": "lbfgs", "warm_start": True, "max_iterations": 5})
    metal = train_potential([made_up(three_metals())], spec, seed=0)
    images = emt_images(1)
    cold = train_potential(images, spec, seed=0)
    assert dump(train_potential(images, spec, seed=0, previous=metal)) == dump(cold)
    fewer = train_potential(images, quick(members=1), seed=0)
    assert dump(train_potential(images, spec, seed=0, previous=fewer)) == dump(cold)


# --- scaling ----------------------------------------------------------------------------------------------------


def test_scaling_with_one_image_keeps_the_next_step_in_reach() -> None:
    """An adatom that lands from 3 Å changes its features by a few units, not by thousands."""
    atoms = slab()
    atoms.positions[-1, 2] += 1.5
    elements, spec = ("C", "Cu"), DescriptorSpec()
    descriptor, species = Descriptor(spec, 2), species_of(atoms, ("C", "Cu"))

    def features(structure: Atoms) -> np.ndarray:
        return descriptor.features(species, find_neighbors(structure, spec.cutoff))

    cloud = rattled_features(descriptor, [atoms], [species], np.random.default_rng(0))
    scale = fit_scaling(descriptor, elements, [(species, features(atoms))], cloud)
    assert np.abs(scale.apply(species, features(atoms))).max() <= 1.0
    landed = atoms.copy()
    landed.positions[-1, 2] -= 1.5
    assert np.abs(scale.apply(species, features(landed))).max() < 30
    assert (scale.width >= contact_features(descriptor, elements) / 2).all()


# --- bad inputs -------------------------------------------------------------------------------------------------


def bad(change: str) -> list[Image]:
    image = emt_images(1)[0]
    atoms, energy, forces = image.atoms.copy(), image.energy, image.forces.copy()
    if change == "energy":
        energy = float("nan")
    elif change == "forces":
        forces[2, 1] = np.inf
    elif change == "positions":
        atoms.positions[0, 0] = np.nan
    elif change == "shape":
        forces = forces[:-1]
    elif change == "empty":
        atoms, forces = Atoms(), np.zeros((0, 3))
    elif change == "coincide":
        atoms.positions[1] = atoms.positions[0] + [0, 0, 0.1]
    return [image, Image(atoms, energy, forces)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("energy", "image 1 .* has energy with NaN"),
        ("forces", "image 1 .* has forces with NaN"),
        ("positions", "image 1 .* has positions with NaN"),
        ("shape", r"forces of shape \(8, 3\) but needs \(9, 3\)"),
        ("empty", "image 1 has no atoms"),
        ("coincide", "0.100 Å apart"),
    ],
)
def test_bad_labels_are_named(change: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        train_potential(bad(change), quick(), seed=0)
    assert "\n" not in str(caught.value)


def test_no_images() -> None:
    with pytest.raises(TrainingError, match="no images"):
        train_potential([], quick(), seed=0)


def test_element_without_prior() -> None:
    images = [made_up(Atoms("Xe2", positions=[[0, 0, 0], [0, 0, 4.4]]))]
    with pytest.raises(InputError, match="Xe"):
        train_potential(images, quick(prior={"kind": "morse", "missing": "error"}), seed=0)
