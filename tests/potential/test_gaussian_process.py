"""The Gaussian process: the kernel behind its features, both solutions of its regression, and what its spread means."""

from __future__ import annotations

import numpy as np
import pytest

from al_workflows.errors import TrainingError
from al_workflows.potential import Image, dump, load, train_potential
from al_workflows.potential.gaussian_process import training
from al_workflows.potential.gaussian_process.evidence import InColumns, InRows, Regression, choose_amplitude, posterior
from al_workflows.potential.gaussian_process.features import FourierFeatures
from al_workflows.spec import GaussianProcessSpec
from tests.potential.structures import emt_image, emt_images, rattled, slab, three_metals


def regression(n_rows: int, n_columns: int, amplitude: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and values that weights of ``amplitude`` give with unit noise."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, n_columns))
    return rows, rows @ rng.normal(0.0, amplitude, n_columns) + rng.normal(size=n_rows)


def in_columns(rows: np.ndarray, values: np.ndarray) -> InColumns:
    return InColumns(rows.T @ rows, rows.T @ values, float(values @ values))


def test_features_are_those_of_a_squared_exponential_kernel() -> None:
    features = FourierFeatures.draw(1, 5, 40_000, 2.0, np.random.default_rng(0))
    points = np.random.default_rng(1).normal(size=(6, 5))
    values = np.array([features.rows(np.zeros(1, int), point[None], np.zeros((1, 5, 1, 3)))[0] for point in points])
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(values @ values.T / 4.0, np.exp(-squares / 8.0), atol=0.03)


@pytest.mark.parametrize("shape", [(20, 50), (50, 20)])
def test_both_spaces_give_one_answer(shape: tuple[int, int]) -> None:
    rows, values = regression(*shape)
    scale = np.linspace(0.5, 2.0, shape[1])
    one, other = InRows(rows, values), in_columns(rows, values)
    assert one.cost(scale) == pytest.approx(other.cost(scale))
    exact = np.linalg.solve(rows.T @ rows + np.diag(scale**-2), rows.T @ values)
    for regressed in (one, other):
        mean, samples = regressed.solve(scale, 0, np.random.default_rng(0))
        np.testing.assert_allclose(mean, exact, atol=1e-9)
        assert samples.shape == (0, shape[1])


@pytest.mark.parametrize("make", [InRows, in_columns])
def test_samples_have_the_covariance_of_the_posterior(make: type[InRows]) -> None:
    rows, values = regression(4, 3)
    scale = np.array([1.0, 2.0, 0.5])
    regressed: Regression = make(rows, values)
    mean, samples = regressed.solve(scale, 40_000, np.random.default_rng(0))
    np.testing.assert_allclose(samples.mean(axis=0), mean, atol=0.02)
    covariance = np.linalg.inv(rows.T @ rows + np.diag(scale**-2))
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.02)


@pytest.mark.parametrize("ln_amplitude", [0.0, 1.0, 2.0])
def test_evidence_finds_the_amplitude(ln_amplitude: float) -> None:
    rows, values = regression(200, 100, float(np.exp(ln_amplitude)))
    assert choose_amplitude(InRows(rows, values), np.ones(100), 100) == pytest.approx(ln_amplitude, abs=0.2)


def test_posterior_leaves_other_columns_their_width() -> None:
    rows, values = regression(5, 3)
    found = posterior(InRows(rows, values), np.array([1.0, 1.0, 9.0]), 2, 0.7, 0, np.random.default_rng(0))
    scale = np.array([np.exp(0.7), np.exp(0.7), 9.0])
    np.testing.assert_allclose(found.mean, InRows(rows, values).solve(scale, 0, np.random.default_rng(0))[0])


SPEC = GaussianProcessSpec(features=200, members=12)


def test_fits_its_labels_to_the_noise_and_knows_them() -> None:
    images = emt_images(4)
    potential = train_potential(images, SPEC, seed=0)
    assert potential.metrics.reached
    assert potential.metrics.force_rmse < 2 * SPEC.sigma_forces
    known, unknown = (potential.predict(atoms) for atoms in (images[0].atoms, rattled(images[0].atoms, 3, 0.3)))
    assert known.force_std.max() < 5 * SPEC.sigma_forces
    assert unknown.force_std.max() > 10 * known.force_std.max()


def test_one_label_leaves_doubt_elsewhere() -> None:
    """Members resampled from one image would all agree; samples of a posterior do not."""
    start = slab()
    potential = train_potential([emt_image(start)], SPEC, seed=0)
    spreads = [potential.predict(rattled(start, 5, width)).force_std.max() for width in (0.0, 0.05, 0.2)]
    assert spreads[0] < spreads[1] < spreads[2]


def test_many_images_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more residuals than weights the same potential comes from the other space."""
    images = emt_images(5)
    few = train_potential(images, SPEC, seed=0)
    monkeypatch.setattr(training._Parts, "few", property(lambda parts: False))
    many = train_potential(images, SPEC, seed=0)
    atoms = rattled(images[0].atoms, 9)
    np.testing.assert_allclose(many.predict(atoms).forces, few.predict(atoms).forces, atol=1e-5)
    assert many.metrics.force_rmse == pytest.approx(few.metrics.force_rmse, abs=1e-6)


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
