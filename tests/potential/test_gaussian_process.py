"""The Gaussian process: the kernel behind its features, both solutions of its regression, and what its spread means."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from ase.build import fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS

from al_workflows.errors import TrainingError
from al_workflows.potential import Image, dump, load, train_potential
from al_workflows.potential.gaussian_process import training
from al_workflows.potential.gaussian_process.evidence import (
    LN_NOISE_MOST,
    LN_NOISE_STEP,
    InColumns,
    InRows,
    Regression,
    Scales,
    Widths,
    choose_scales,
)
from al_workflows.potential.gaussian_process.features import FourierFeatures
from al_workflows.potential.gaussian_process.model import GaussianProcess
from al_workflows.potential.links import Links
from al_workflows.potential.prepare import prepare
from al_workflows.spec import GaussianProcessSpec
from tests.potential.structures import STRUCTURES, emt_image, emt_images, made_up, rattled, slab, three_metals


def regression(
    n_rows: int, n_columns: int, amplitude: float = 1.0, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and values that weights of ``amplitude`` give with ``noise`` in units of what is expected."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, n_columns))
    return rows, rows @ rng.normal(0.0, amplitude, n_columns) + noise * rng.normal(size=n_rows)


def in_columns(rows: np.ndarray, values: np.ndarray, widths: Widths) -> InColumns:
    """In two turns."""
    columns = InColumns(widths)
    for some in (slice(3), slice(3, None)):
        columns.add(rows[some], values[some])
    return columns


def test_features_are_those_of_a_squared_exponential_kernel() -> None:
    features = FourierFeatures.draw(1, 5, 40_000, 2.0, np.random.default_rng(0))
    points = np.random.default_rng(1).normal(size=(6, 5))
    alone = Links(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 5, 3)))
    columns = np.arange(5)[None]
    values = np.array([features.rows(np.zeros(1, np.int64), point[None], alone, columns)[0] for point in points])
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(values @ values.T / 4.0, np.exp(-squares / 8.0), atol=0.03)


@pytest.mark.parametrize("scales", [Scales(0.7), Scales(0.7, 0.5)])
@pytest.mark.parametrize("shape", [(20, 50), (50, 20)])
def test_both_spaces_give_one_answer(shape: tuple[int, int], scales: Scales) -> None:
    rows, values = regression(*shape)
    widths = Widths(shape[1] - 2, np.array([0.5, 2.0]))
    scale = np.array([np.exp(0.7)] * (shape[1] - 2) + [0.5, 2.0])
    one, other = InRows(rows, values, widths), in_columns(rows, values, widths)
    covariance = (rows * scale**2) @ rows.T + np.exp(2 * scales.ln_noise) * np.eye(len(rows))
    minus_ln_evidence = 0.5 * (values @ np.linalg.solve(covariance, values) + np.linalg.slogdet(covariance)[1])
    assert one.cost(scales) == pytest.approx(minus_ln_evidence)
    assert other.cost(scales) == pytest.approx(minus_ln_evidence)
    exact = np.linalg.solve(rows.T @ rows + np.diag(scale**-2) * np.exp(2 * scales.ln_noise), rows.T @ values)
    for regressed in (one, other):
        mean, samples = regressed.solve(scales, 0, np.random.default_rng(0))
        np.testing.assert_allclose(mean, exact, atol=1e-9)
        assert samples.shape == (0, shape[1])


@pytest.mark.parametrize("ln_noise", [0.0, 0.5])
@pytest.mark.parametrize("make", [InRows, in_columns])
def test_samples_have_the_covariance_of_the_posterior(make: type[InRows], ln_noise: float) -> None:
    rows, values = regression(4, 3)
    regressed: Regression = make(rows, values, Widths(1, np.array([2.0, 0.5])))
    mean, samples = regressed.solve(Scales(0.3, ln_noise), 40_000, np.random.default_rng(0))
    np.testing.assert_allclose(samples.mean(axis=0), mean, atol=0.03)
    scale = np.array([np.exp(0.3), 2.0, 0.5])
    covariance = np.linalg.inv(rows.T @ rows * np.exp(-2 * ln_noise) + np.diag(scale**-2))
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.05)


@pytest.mark.parametrize("ln_amplitude", [0.0, 1.0, 2.0])
def test_evidence_finds_the_amplitude(ln_amplitude: float) -> None:
    rows, values = regression(200, 100, float(np.exp(ln_amplitude)))
    found = choose_scales(InRows(rows, values, Widths(100, np.zeros(0))))
    assert found.ln_amplitude == pytest.approx(ln_amplitude, abs=0.2)
    assert found.ln_noise == 0.0


@pytest.mark.parametrize("noise", [0.3, 1.0, 1.5, 2.0, 6.0])
@pytest.mark.parametrize("make", [InRows, in_columns])
def test_evidence_finds_more_noise_than_expected_but_never_less(make: type[InRows], noise: float) -> None:
    """Labels that do not quite fit any function must not be paid for with a wild one."""
    rows, values = regression(200, 100, noise=noise)
    found = choose_scales(make(rows, values, Widths(100, np.zeros(0))))
    assert found.ln_noise == pytest.approx(np.clip(np.log(noise), 0.0, LN_NOISE_MOST), abs=LN_NOISE_STEP)


@pytest.mark.parametrize("name", STRUCTURES)
def test_rows_are_energies_and_forces_of_the_weights(name: str) -> None:
    """What is trained on is what is predicted: one row of weights through both."""
    image = made_up(STRUCTURES[name]())
    data = prepare([image], SPEC, np.random.default_rng(0))
    species, columns = data.samples[0].species, data.descriptor.columns
    features = FourierFeatures.draw(len(data.elements), data.descriptor.n_features, 30, 3.0, np.random.default_rng(1))
    rows = features.rows(species, *data.links(0), columns)
    weights = np.random.default_rng(2).normal(size=(2, rows.shape[1]))
    process = GaussianProcess(features, weights, np.zeros((2, len(data.elements))))
    surroundings = data.descriptor.surroundings(species, data.samples[0].neighbors)
    energies, gradients = process.outputs(species, data.scale.apply(species, surroundings.features))
    forces = -surroundings.contraction(gradients / data.scale.width[species])
    np.testing.assert_allclose(weights @ rows[0], energies, rtol=1e-10)
    np.testing.assert_allclose(weights @ rows[1:].T, forces.reshape(2, -1), atol=1e-10)


SPEC = GaussianProcessSpec(features=200, members=12)


def test_fits_its_labels_to_the_noise_and_knows_them() -> None:
    images = emt_images(4)
    potential = train_potential(images, SPEC, seed=0)
    assert potential.metrics.reached
    assert potential.metrics.force_rmse < 2 * SPEC.sigma_forces
    known, unknown = (potential.predict(atoms) for atoms in (images[0].atoms, rattled(images[0].atoms, 3, 0.3)))
    assert known.force_std.max() < 5 * SPEC.sigma_forces
    assert unknown.force_std.max() > 10 * known.force_std.max()


def test_a_structure_at_rest_is_fitted_better_than_one_under_forces() -> None:
    rest = slab()
    rest.set_constraint(FixAtoms(indices=range(4)))
    rest.calc = EMT()
    BFGS(rest, logfile=None).run(fmax=0.005)
    rest.calc = None
    pushed = rattled(rest, 1, 0.2)
    data = prepare([emt_image(rest), emt_image(pushed)], SPEC, np.random.default_rng(0))
    calm, full = training._noise(data)
    assert calm == pytest.approx(training.QUIET, rel=0.05)  # what holds the fixed atoms does not count
    assert full == 1.0


def test_one_label_leaves_doubt_elsewhere() -> None:
    """Members resampled from one image would all agree; samples of a posterior do not."""
    start = slab()
    potential = train_potential([emt_image(start)], SPEC, seed=0)
    spreads = [potential.predict(rattled(start, 5, width)).force_std.max() for width in (0.0, 0.05, 0.2)]
    assert spreads[0] < spreads[1] < spreads[2]


def test_many_images_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more residuals than weights the same potential comes from the other space, in any number of turns."""
    images = emt_images(15)
    data = prepare(images, SPEC, np.random.default_rng(0))
    features = FourierFeatures.draw(2, data.descriptor.n_features, SPEC.features, 6.0, np.random.default_rng(1))
    monkeypatch.setattr(training, "EVIDENCE_RESIDUALS", 100)
    monkeypatch.setattr(training, "BATCH", 60)
    summed, scales = training._regression(data, features, SPEC)
    assert isinstance(summed, InColumns)
    parts = list(training._parts(data, features, SPEC))
    rows, values = training._joined(parts)
    at_once = InRows(rows, values, summed._widths)
    assert summed.cost(scales) == pytest.approx(at_once.cost(scales))
    means = [one.solve(scales, 0, np.random.default_rng(0))[0] for one in (summed, at_once)]
    np.testing.assert_allclose(rows @ means[0], rows @ means[1], atol=1e-4)


def test_memory_and_time_grow_like_the_atoms() -> None:
    """500 atoms of 3 elements: rows of 1501 by 1503 numbers, 18 MB, and few of that size; a Jacobian takes 288 MB."""
    atoms = fcc111("Cu", (10, 10, 5), vacuum=6.0)
    atoms.symbols[::3], atoms.symbols[-1] = "Ni", "C"
    image = made_up(rattled(atoms, 0))
    spec = GaussianProcessSpec(members=4, prior={"kind": "none"})
    train_potential([image], spec.model_copy(update={"features": 10}), seed=0)  # compiled
    tracemalloc.start()
    potential = train_potential([image], spec, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert potential.metrics.n_images == 1
    assert peak < 150e6


def test_compositions_may_differ() -> None:
    images = [emt_image(three_metals()), emt_image(three_metals()[:-1])]
    images[1] = Image(images[1].atoms, images[1].energy - 4000.0, images[1].forces)
    potential = train_potential(images, SPEC, seed=0)
    for image in images:
        assert potential.predict(image.atoms).energy == pytest.approx(image.energy, abs=0.05)


def test_mean_alone() -> None:
    images = emt_images(2)
    alone = train_potential(images, SPEC.model_copy(update={"members": 1}), seed=0)
    several = train_potential(images, SPEC, seed=0)
    atoms = rattled(images[0].atoms, 2)
    np.testing.assert_allclose(alone.predict(atoms).forces, several.predict(atoms).forces, atol=1e-9)
    assert not alone.predict(atoms).force_std.any()


def test_saved_and_loaded() -> None:
    images = emt_images(2)
    potential = train_potential(images, SPEC, seed=0)
    again = load(dump(potential))
    atoms = rattled(images[0].atoms, 2)
    assert np.array_equal(again.predict(atoms).forces, potential.predict(atoms).forces)
    assert dump(again) == dump(potential) == dump(train_potential(images, SPEC, seed=0))


def test_nothing_to_train_on() -> None:
    with pytest.raises(TrainingError, match="no images"):
        train_potential([], SPEC, seed=0)
