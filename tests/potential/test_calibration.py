"""Calibration of the spread: the factor, what adds to it, and that it goes with the potential wherever that goes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save

from al_workflows.potential import Image, dump, load, train_potential
from al_workflows.potential.calibration import OF_NETWORKS, OF_PROCESS, square_of
from al_workflows.potential.values import MOST_Z, Calibration
from al_workflows.spec import GaussianProcessSpec, PotentialSpec
from tests.builders import slab as held_slab
from tests.potential.structures import emt_image, emt_images, made_up, quick, rattled, slab, three_metals

SPECS: dict[str, PotentialSpec] = {
    "networks": quick(members=3),
    "gaussian_process": GaussianProcessSpec(features=60, members=3),
}
STARTS = {"networks": OF_NETWORKS, "gaussian_process": OF_PROCESS}
squares = st.lists(st.floats(0.0, 1e6), max_size=30)


@given(st.floats(1.0, 8.0), squares, squares)
def test_frames_add_up_in_any_order_and_any_number_of_turns(start: float, some: list[float], more: list[float]) -> None:
    found = Calibration(start).after(some).after(more)
    assert found.frames == len(some) + len(more)
    assert found.squares == pytest.approx(Calibration(start).after([*more, *some]).squares)
    assert 1.0 <= found.factor <= start * MOST_Z
    assert found.after([1e9]).factor >= found.factor


@pytest.mark.parametrize("ratio", [1.5, 3.0, 9.0])
def test_many_frames_tell_by_how_much_the_spread_is_too_small(ratio: float) -> None:
    rng = np.random.default_rng(0)
    errors = rng.normal(0.0, ratio, (400, 10, 3))  # of members whose σ is √3
    found = Calibration(3.5).after([float(np.mean((frame**2).sum(axis=-1) / 3.0)) for frame in errors])
    assert found.factor == pytest.approx(ratio, rel=0.03)


def test_the_spread_is_not_made_smaller() -> None:
    assert Calibration(1.0).after([0.01] * 20).factor == 1.0
    assert 1.0 < Calibration(3.5).after([0.01] * 10).factor < 3.5


def test_one_wild_frame_does_little() -> None:
    assert Calibration(1.0).after([1e12]).factor < 2.5


@pytest.mark.parametrize("kind", SPECS)
def test_what_the_last_potential_said_of_new_labels_counts(kind: str) -> None:
    images, spec = [*emt_images(3), emt_image(rattled(slab(), 9, 0.3))], SPECS[kind]
    first = train_potential(images[:2], spec, seed=0)
    assert first.calibration == Calibration(STARTS[kind])
    second = train_potential(images, spec, seed=1, previous=first)
    unseen = [square_of(first, image) for image in images[2:]]
    assert second.calibration == first.calibration.after(unseen)  # type: ignore[arg-type]
    assert second.calibration.frames == 2
    third = train_potential(images, spec, seed=2, previous=second)  # nothing new
    assert third.calibration == second.calibration


def test_members_and_mean_are_what_they_are_without_calibration() -> None:
    images = emt_images(3)
    plain = train_potential(images, SPECS["networks"], seed=0)
    wide = dataclasses.replace(plain, calibration=Calibration(7.0))
    atoms = rattled(slab(), 50)
    one, other = plain.predict(atoms), wide.predict(atoms)
    assert np.array_equal(plain.members(atoms)[1], wide.members(atoms)[1])
    assert (one.energy, one.forces.tolist()) == (other.energy, other.forces.tolist())
    np.testing.assert_allclose(other.force_std, 2.0 * one.force_std)
    assert other.energy_std == pytest.approx(2.0 * one.energy_std)


def test_square_is_that_of_free_atoms() -> None:
    images = [emt_image(held_slab(seed=seed)) for seed in range(3)]
    potential = train_potential(images[:2], SPECS["gaussian_process"], seed=0)
    found, free = potential.predict(images[2].atoms), [n for n in range(9) if n not in range(4)]
    ratios = np.linalg.norm(found.forces - images[2].forces, axis=1) / found.force_std
    assert square_of(potential, images[2]) == pytest.approx(np.mean(ratios[free] ** 2))


@pytest.mark.parametrize(
    ("members", "image"),
    [(1, emt_image(rattled(slab(), 11))), (2, made_up(three_metals()))],
    ids=["one member", "unknown element"],
)
def test_where_there_is_nothing_to_compare(members: int, image: Image) -> None:
    first = emt_images(1)
    potential = train_potential(first, quick(members=members), seed=0)
    assert square_of(potential, image) is None
    assert train_potential([*first, image], quick(), seed=0, previous=potential).calibration.frames == 0


def test_another_kind_begins_anew() -> None:
    images = emt_images(2)
    process = train_potential(images[:1], SPECS["gaussian_process"], seed=0)
    assert train_potential(images, SPECS["networks"], seed=0, previous=process).calibration == Calibration(OF_NETWORKS)


@pytest.mark.parametrize("kind", SPECS)
def test_a_saved_potential_keeps_its_calibration(kind: str) -> None:
    images = emt_images(3)
    first = train_potential(images[:1], SPECS[kind], seed=0)
    second = train_potential(images, SPECS[kind], seed=1, previous=first)
    assert second.calibration.frames == 2
    assert load(dump(second)).calibration == second.calibration
    through = train_potential(images, SPECS[kind], seed=1, previous=load(dump(first)))
    assert dump(through) == dump(second)


def test_a_potential_saved_before_there_was_a_calibration_has_none() -> None:
    tensors = load_tensors(dump(train_potential(emt_images(1), SPECS["networks"], seed=0)))
    header = tensors["header"].tobytes().decode()
    begin = header.index(', "calibration"')
    older = header[:begin] + header[header.index("}", begin) + 1 :]
    tensors["header"] = np.frombuffer(older.encode(), dtype=np.uint8)
    assert load(save(tensors)).calibration == Calibration()
