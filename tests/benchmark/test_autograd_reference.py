"""Our kernels against the same formulas in torch with autograd, to ten digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms

from al_workflows.benchmark.autograd_reference import AutogradReference, Stack, loss_and_gradient
from al_workflows.potential import train_potential
from al_workflows.potential.ensemble import NetworkEnsemble
from al_workflows.potential.model import Potential
from al_workflows.potential.network_training import network_problem
from al_workflows.potential.prepare import prepare
from tests.potential.structures import STRUCTURES, emt_images, made_up, quick, rattled, slab

TOLERANCE = 1e-10


def trained(atoms: Atoms, **changes: object) -> Potential:
    return train_potential([made_up(atoms), made_up(rattled(atoms, 7), 1)], quick(members=3, **changes), seed=0)


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("prior", ["morse", "none"])
def test_predictions_are_equal(name: str, prior: str) -> None:
    potential = trained(STRUCTURES[name](), prior={"kind": prior})
    atoms = rattled(STRUCTURES[name](), 9)
    energies, forces = AutogradReference(potential).predict(atoms)
    prediction = potential.predict(atoms)
    assert prediction.energy == pytest.approx(float(energies.mean()), abs=TOLERANCE)
    factor = potential.calibration.factor
    assert prediction.energy_std == pytest.approx(factor * float(energies.std()), abs=TOLERANCE)
    np.testing.assert_allclose(prediction.forces, forces.mean(dim=0), rtol=0, atol=TOLERANCE)
    spread = factor * forces.var(dim=0).sum(dim=-1).sqrt()
    np.testing.assert_allclose(prediction.force_std, spread, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["slab", "small_cell", "cluster"])
def test_descriptor_and_jacobian_are_equal(name: str) -> None:
    atoms = STRUCTURES[name]()
    potential = trained(atoms)
    reference = AutogradReference(potential)
    surroundings = potential._surroundings(atoms)
    found = reference.features(reference.geometry(atoms), torch.tensor(atoms.positions))
    np.testing.assert_allclose(potential.descriptor.features(*surroundings), found, rtol=0, atol=TOLERANCE)
    jacobian = potential.descriptor.jacobian(*surroundings)
    np.testing.assert_allclose(jacobian, reference.jacobian(atoms), rtol=0, atol=TOLERANCE)


def test_loss_and_gradient_are_equal() -> None:
    images, spec = emt_images(3), quick(members=2)
    potential = train_potential(images, spec, seed=0)
    data = prepare(images, spec, np.random.default_rng(0))
    assert isinstance(potential.regressor, NetworkEnsemble)
    problem = network_problem(potential.regressor.layout, data, spec)
    inputs = [data.inputs(n) for n in range(len(images))]
    stack = Stack(
        species=torch.tensor(data.samples[0].species),
        features=torch.tensor(np.array([features for features, _ in inputs])),
        slopes=torch.tensor(np.array([slopes.reshape(slopes.shape[0] * slopes.shape[1], -1) for _, slopes in inputs])),
        energies=torch.tensor(data.energies),
        forces=torch.tensor(np.array([forces.ravel() for forces in data.forces])),
    )
    rng = np.random.default_rng(1)
    parameters = rng.normal(0, 0.3, potential.regressor.parameters.shape)
    training = spec.training
    losses, gradients = loss_and_gradient(
        AutogradReference(potential), torch.tensor(parameters), stack, training.sigma_energy, training.sigma_forces
    )
    for member, loss, gradient in zip(parameters, losses, gradients, strict=True):
        value, slope = problem.half_squares(member)
        assert value == pytest.approx(float(loss), rel=TOLERANCE)
        np.testing.assert_allclose(slope, gradient, rtol=0, atol=TOLERANCE * np.abs(slope).max())


def test_reference_says_what_it_is_for() -> None:
    potential = trained(slab(), prior={"kind": "repulsive"})
    with pytest.raises(TypeError, match="must have a Morse prior"):
        AutogradReference(potential).predict(slab())
