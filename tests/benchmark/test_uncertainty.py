"""What the benchmark of uncertainty counts, on numbers that are known, and once for real."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase.calculators.emt import EMT

from al_workflows.benchmark import ensembles, uncertainty
from al_workflows.benchmark.systems import PaperSystem
from al_workflows.benchmark.tables import Table
from al_workflows.errors import InputError
from al_workflows.potential import train_potential
from al_workflows.spec import GaussianProcessSpec
from tests.potential.structures import emt_images, quick, rattled


@pytest.mark.parametrize("members", [3, 8, 50])
def test_a_calibrated_ensemble_has_the_nominal_coverage(members: int) -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(members, 20_000, 3))
    sigmas = np.sqrt(samples.var(axis=0, ddof=1).sum(axis=-1))
    errors = np.linalg.norm(rng.normal(size=(20_000, 3)), axis=-1)
    part = np.array([errors, sigmas, np.full(len(errors), 2.0)])
    row = uncertainty._row("made up", members, 1, "nowhere", [part])
    assert row.within_1 == pytest.approx(row.nominal_1, abs=0.015)
    assert row.within_2 == pytest.approx(row.nominal_2, abs=0.015)
    assert row.spread_2 == pytest.approx(row.nominal_1, abs=0.015)
    assert row.factor == 2.0
    assert abs(row.rank) < 0.05


def test_nominal_of_many_members_is_that_of_a_vector() -> None:
    assert uncertainty.nominal(100_000, 1) == pytest.approx(0.608, abs=1e-3)
    assert uncertainty.nominal(100_000, 2) == pytest.approx(0.9926, abs=1e-3)


def test_a_smaller_ensemble_is_the_beginning_of_a_larger_one() -> None:
    images = emt_images(2)
    large, small = (train_potential(images, quick(members=size), seed=3) for size in (3, 2))
    atoms = rattled(images[0].atoms, 5)
    found = dataclasses.replace(large, regressor=ensembles.first_members(large.regressor, 2)).predict(atoms)
    expected = small.predict(atoms)
    assert np.array_equal(found.forces, expected.forces)
    assert np.array_equal(found.force_std, expected.force_std)


def test_fewer_samples_of_a_process_have_its_mean() -> None:
    images = emt_images(2)
    large = train_potential(images, GaussianProcessSpec(features=60, members=6), seed=3)
    small = dataclasses.replace(large, regressor=ensembles.first_members(large.regressor, 3))
    atoms = rattled(images[0].atoms, 5)
    np.testing.assert_allclose(small.predict(atoms).forces, large.predict(atoms).forces, atol=1e-10)
    ratios = small.predict(atoms).force_std / large.predict(atoms).force_std
    assert 0.5 < ratios.mean() < 2.0


@pytest.mark.parametrize("kind", ensembles.KINDS)
def test_potentials_grow_with_the_labels_and_are_calibrated_by_them(kind: ensembles.Kind) -> None:
    counts = []
    for count, found in ensembles.grown(kind, emt_images(3), [2, 3], 0):
        counts.append(count)
        assert {size: potential.regressor.n_members for size, potential in found.items()} == {2: 2, 3: 3}
        assert {potential.calibration.frames for potential in found.values()} == {count - 1}
        assert found[2].calibration != found[3].calibration or count == 1
    assert counts == [1, 2, 3]


def test_places_leave_labels_and_held_atoms_alone() -> None:
    start, rng = PaperSystem().start(0), np.random.default_rng(0)
    path = [uncertainty._rattled(start, 0.01 * k, rng) for k in range(4)]
    places = uncertainty.places_of(path, 2, 0, EMT())
    assert [len(place.structures) for place in places] == [3 + 2, 3 * uncertainty.COPIES, 3 * uncertainty.COPIES]
    held = start.constraints[0].index
    for place in places:
        for atoms in place.structures:
            assert np.array_equal(atoms.positions[held], start.positions[held])
            assert min(np.abs(atoms.positions - label.positions).max() for label in path[:2]) > 0


def test_spread_of_the_gaussian_process_ranks_its_errors() -> None:
    rows = uncertainty.uncertainty_rows([PaperSystem()], (0,), ["gaussian_process"], (8,), (1, 3))
    assert [(row.labels, row.where) for row in rows[:3]] == [
        (1, "on the path"),
        (1, "rattled by 0.1 Å"),
        (1, "rattled by 0.2 Å"),
    ]
    for row in rows:
        assert row.rank > 0.4
        assert row.within_2 > 0.6  # calibrated would be 0.98; over several systems it is 0.68 and more
    assert "rank correlation" in Table("", rows).markdown()


def test_what_is_asked_for_must_be_known() -> None:
    assert uncertainty.numbers_of("--members", "8, 3", 2) == [3, 8]
    with pytest.raises(InputError, match="from 2 on"):
        uncertainty.numbers_of("--members", "1,3", 2)
    with pytest.raises(InputError, match="gaussian_process"):
        ensembles.kinds_of(["gp"])
