"""A trained potential: forces, invariances, checkpoints, its calculator, and bad inputs."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.optimize import BFGS
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save
from scipy.spatial.transform import Rotation

from al_workflows.errors import InputError
from al_workflows.potential import Image, Potential, PotentialCalculator, TrainingMetrics, dump, load, train_potential
from al_workflows.potential.ensemble import NetworkEnsemble
from al_workflows.potential.gaussian_process.model import GaussianProcess
from al_workflows.spec import GaussianProcessSpec
from tests.potential.structures import (
    STRUCTURES,
    cluster,
    emt_images,
    made_up,
    numerical_forces,
    quick,
    rattled,
    slab,
    three_metals,
)

PRIORS = {
    "delta": {"prior": {"kind": "morse"}},
    "dimers": {"prior": {"kind": "morse", "refit": False}},
    "none": {"prior": {"kind": "none"}},
}


KINDS = {"networks": quick(members=3), "gaussian_process": GaussianProcessSpec(features=60, members=3)}


@pytest.fixture(scope="module", params=KINDS)
def potential(request: pytest.FixtureRequest) -> Potential:
    return train_potential(emt_images(3), KINDS[request.param], seed=1)


def with_member(potential: Potential, n: int) -> Potential:
    """``potential`` with the ``n``-th member alone."""
    match potential.regressor:
        case NetworkEnsemble() as networks:
            return dataclasses.replace(potential, regressor=NetworkEnsemble(networks.layout, networks.parameters[[n]]))
        case GaussianProcess() as process:
            alone = GaussianProcess(process.features, process.weights[[n]], process.offsets[[n]])
            return dataclasses.replace(potential, regressor=alone)
    raise AssertionError


@pytest.mark.parametrize("name", STRUCTURES)
def test_forces_of_the_process_are_the_gradient_of_its_energy(name: str) -> None:
    atoms = STRUCTURES[name]()
    images = [made_up(atoms), made_up(rattled(atoms, 7), 1)]
    potential = train_potential(images, KINDS["gaussian_process"], seed=0)
    expected = numerical_forces(lambda moved: potential.predict(moved).energy, atoms)
    np.testing.assert_allclose(potential.predict(atoms).forces, expected, atol=1e-5)


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("prior", PRIORS)
def test_forces_are_the_gradient_of_the_energy(name: str, prior: str) -> None:
    atoms = STRUCTURES[name]()
    potential = train_potential([made_up(atoms), made_up(rattled(atoms, 7), 1)], quick(**PRIORS[prior]), seed=0)
    forces = potential.predict(atoms).forces
    expected = numerical_forces(lambda moved: potential.predict(moved).energy, atoms)
    np.testing.assert_allclose(forces, expected, atol=1e-6)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-9)


def test_prior_alone_is_a_potential() -> None:
    """Zero labels are left to learn where the label is the prior itself, and the networks stay at zero."""
    spec = quick(**PRIORS["dimers"])
    atoms = slab()
    first = train_potential([Image(atoms, 0.0, np.zeros((len(atoms), 3)))], spec, seed=0)
    assert first.prior is not None
    _, forces = first.prior.energy_and_forces(atoms, *first._surroundings(atoms))
    again = train_potential([Image(atoms, 5.0, forces)], spec, seed=0)
    prediction = again.predict(atoms)
    assert prediction.energy == pytest.approx(5.0)
    np.testing.assert_allclose(prediction.forces, forces)
    assert again.metrics.iterations == 0


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_invariant_under_rotation_translation_permutation(seed: int, potential: Potential) -> None:
    rng = np.random.default_rng(seed)
    atoms = rattled(slab(), seed)
    expected = potential.predict(atoms)
    turn, order = Rotation.random(rng=rng).as_matrix(), rng.permutation(len(atoms))
    moved = atoms[order]
    moved.positions = (moved.positions + rng.normal(0, 20, 3)) @ turn.T
    moved.cell = atoms.cell.array @ turn.T
    found = potential.predict(moved)
    assert found.energy == pytest.approx(expected.energy, abs=1e-9)
    assert found.energy_std == pytest.approx(expected.energy_std, abs=1e-9)
    np.testing.assert_allclose(found.forces, (expected.forces @ turn.T)[order], atol=1e-8)
    np.testing.assert_allclose(found.force_std, expected.force_std[order], atol=1e-8)


def test_spread_is_that_of_the_members(potential: Potential) -> None:
    atoms = rattled(slab(), 99, 0.2)
    members = [with_member(potential, n) for n in range(3)]
    single = [member.predict(atoms) for member in members]
    forces = np.array([prediction.forces for prediction in single])
    prediction = potential.predict(atoms)
    np.testing.assert_allclose(prediction.forces, forces.mean(axis=0), atol=1e-12)
    spread, factor = np.sqrt(((forces - forces.mean(axis=0)) ** 2).sum(axis=(0, 2)) / 2), potential.calibration.factor
    np.testing.assert_allclose(prediction.force_std, factor * spread, atol=1e-12)
    assert prediction.energy_std == pytest.approx(factor * np.std([p.energy for p in single], ddof=1))
    assert (prediction.force_std > 0).all()
    assert not single[0].force_std.any()
    assert single[0].energy_std == 0.0


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("make", [slab, cluster, three_metals])
def test_bytes_round_trip_is_exact(prior: str, make) -> None:
    atoms = make()
    potential = train_potential([made_up(atoms)], quick(**PRIORS[prior]), seed=3)
    again = load(dump(potential))
    moved = rattled(atoms, 8)
    one, other = potential.predict(moved), again.predict(moved)
    assert (one.energy, one.energy_std) == (other.energy, other.energy_std)
    np.testing.assert_array_equal(one.forces, other.forces)
    np.testing.assert_array_equal(one.force_std, other.force_std)
    np.testing.assert_array_equal(potential.fingerprint(moved), again.fingerprint(moved))
    assert again.metrics == potential.metrics
    assert TrainingMetrics.from_dict(again.metrics.to_dict()) == potential.metrics
    assert dump(again) == dump(potential)


@pytest.mark.parametrize("data", [b"", b"rubbish", save({"x": np.zeros(2)})])
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="saved potential"):
        load(data)


def test_unknown_element_is_named(potential: Potential) -> None:
    with pytest.raises(InputError, match=r"knows C, Cu but the structure .* holds Pt"):
        potential.predict(Atoms("CuPt", positions=[[0, 0, 0], [0, 0, 2.5]]))


def test_known_elements_need_not_all_be_there(potential: Potential) -> None:
    prediction = potential.predict(Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 2.3]]))
    assert np.isfinite(prediction.energy)
    assert potential.predict(Atoms("C")).forces.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_in_not_finite_out(potential: Potential, value: float) -> None:
    atoms = slab()
    atoms.positions[2, 1] = value
    prediction = potential.predict(atoms)
    assert np.isnan(prediction.energy)
    assert np.isnan(prediction.forces).all()
    atoms.positions[2] = atoms.positions[3]
    assert not np.isfinite(potential.predict(atoms).forces).all()


def test_exploded_structure(potential: Potential) -> None:
    atoms = slab()
    atoms.positions[-1, 2] += 1e9
    prediction = potential.predict(atoms)
    assert np.isfinite(prediction.energy)
    np.testing.assert_allclose(prediction.forces[-1], 0.0)


def test_fingerprint_measures_the_distance_of_frames(potential: Potential) -> None:
    atoms = slab()
    prints = [potential.fingerprint(rattled(atoms, 5, width)) for width in (0.0, 0.01, 0.1)]
    assert prints[0].shape == (len(atoms) * potential.descriptor.n_features,)
    gaps = [np.linalg.norm(prints[n] - prints[0]) for n in range(3)]
    assert gaps[0] == 0.0 < gaps[1] < gaps[2]


def test_calculator(potential: Potential) -> None:
    atoms = slab()
    atoms.calc = PotentialCalculator(potential)
    prediction = potential.predict(atoms)
    assert atoms.get_potential_energy() == prediction.energy
    assert atoms.get_potential_energy(force_consistent=True) == prediction.energy
    np.testing.assert_array_equal(atoms.get_forces(), prediction.forces)
    assert atoms.calc.results["energy_uncertainty"] == prediction.energy_std
    np.testing.assert_array_equal(atoms.calc.results["forces_uncertainty"], prediction.force_std)
    start = atoms.get_potential_energy()
    BFGS(atoms, logfile=None).run(fmax=0.2, steps=5)
    assert atoms.get_potential_energy() < start


def test_calculator_notices_every_change(potential: Potential) -> None:
    atoms = slab()
    atoms.calc = PotentialCalculator(potential)
    atoms.get_forces()
    assert not atoms.calc.check_state(atoms)
    for name, change in {
        "positions": lambda: atoms.positions.__setitem__((0, 0), np.nextafter(atoms.positions[0, 0], 9.0)),
        "numbers": lambda: atoms.numbers.__setitem__(0, 6),
        "cell": lambda: atoms.set_cell(atoms.cell.array * 1.001),
        "pbc": lambda: setattr(atoms, "pbc", False),
    }.items():
        change()
        assert atoms.calc.check_state(atoms) == [name]
        np.testing.assert_array_equal(atoms.get_forces(), potential.predict(atoms).forces)


def test_import_leaves_torch_alone() -> None:
    command = "import sys, al_workflows.potential; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
