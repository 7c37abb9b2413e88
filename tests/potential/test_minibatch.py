"""Training over mini-batches: its derivatives, its choice, its memory, and that a seed decides."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from al_workflows.errors import TrainingError
from al_workflows.potential import dump, minibatch_data, minibatch_training, prepare, train_potential
from al_workflows.potential import minibatch_networks as networks
from al_workflows.potential.minibatch import device_of, periods
from al_workflows.potential.minibatch_data import assembled, grouped
from al_workflows.potential.network import Layout
from al_workflows.potential.network_training import network_problem
from al_workflows.potential.prepare import Prepared
from al_workflows.potential.problem import Problem
from al_workflows.spec import MinibatchSpec
from tests.potential.structures import STRUCTURES, emt_image, emt_images, made_up, quick, rattled, slab, three_metals

CPU = torch.device("cpu")
MEMBERS = 3


def mixed() -> Prepared:
    """Two slabs, one without its adsorbate, an alloy, and a cell whose atoms are their own neighbours."""
    images = [made_up(atoms, n) for n, atoms in enumerate([slab(), rattled(slab(), 3), slab()[:-1], three_metals()])]
    return prepare.prepare(
        [*images, made_up(STRUCTURES["small_cell"](), 9)], quick(prior={"kind": "none"}), np.random.default_rng(0)
    )


@pytest.fixture(scope="module")
def data() -> Prepared:
    return mixed()


@pytest.fixture(scope="module")
def layout(data: Prepared) -> Layout:
    return Layout(len(data.elements), (data.descriptor.n_features, 7, 5, 1))


@pytest.fixture(scope="module")
def parameters(layout: Layout) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.5, (MEMBERS, layout.n_parameters))


def batch_of(data: Prepared, index: list[int]) -> networks.Batch:
    return networks.on_device(assembled(data, index), CPU, torch.float64)


def test_squares_and_gradient_are_those_of_the_dense_problem(
    data: Prepared, layout: Layout, parameters: np.ndarray
) -> None:
    index = [4, 1, 3, 0, 2]
    weights = np.random.default_rng(2).uniform(1, 3, (2, MEMBERS, len(data.samples)))
    squares, gradients = networks.half_squares(
        layout, torch.tensor(parameters), batch_of(data, index), *map(torch.tensor, weights)
    )
    blocks = network_problem(layout, data, quick()).blocks
    for member in range(MEMBERS):
        problem = Problem(layout, blocks, weights[0, member], weights[1, member])
        value, gradient = problem.half_squares(parameters[member])
        assert float(squares[member]) == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(gradients[member], gradient, rtol=0, atol=1e-11 * np.abs(gradient).max())


def test_what_forces_teach_is_their_transpose(data: Prepared) -> None:
    batch, generator = batch_of(data, [3, 0, 4]), torch.Generator().manual_seed(0)
    count, width = batch.features.shape
    gradients = torch.randn(count, MEMBERS, width, dtype=torch.float64, generator=generator)
    push = torch.randn(count, MEMBERS, 3, dtype=torch.float64, generator=generator)
    forces = networks.forces_of(gradients, batch)
    back = networks.tangents_of(push, batch)
    torch.testing.assert_close((push * forces).sum(), (back * gradients).sum(), rtol=1e-12, atol=0)
    total = forces[batch.image == 0].sum(dim=0)
    torch.testing.assert_close(total, torch.zeros_like(total), rtol=0, atol=1e-9)


def test_batches_are_bounded_in_images_and_bytes(data: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.array([2, 0, 1, 4, 3])
    assert list(grouped(data, 2, order)) == [[2, 0], [1, 4], [3]]
    monkeypatch.setattr(minibatch_data, "MOST_BATCH_BYTES", 1)
    assert list(grouped(data, 2, order)) == [[2], [0], [1], [4], [3]]


def test_fits_the_data() -> None:
    images = emt_images(12)
    spec = quick(hidden=(20, 20), training={"kind": "minibatch", "epochs": 300, "batch_images": 3})
    potential = train_potential(images, spec, seed=0)
    metrics = potential.metrics
    errors = np.concatenate([(potential.predict(image.atoms).forces - image.forces).ravel() for image in images])
    assert metrics.force_rmse == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert metrics.force_rmse < 0.35 * metrics.prior_force_rmse
    energies = [potential.predict(image.atoms).energy - image.energy for image in images]
    assert metrics.energy_mae == pytest.approx(np.abs(energies).mean())
    assert (metrics.trainer, metrics.n_images, metrics.iterations) == ("minibatch", 12, 300)
    fresh = emt_image(rattled(slab(), 77))
    assert np.abs(potential.predict(fresh.atoms).forces - fresh.forces).mean() < 0.3 * np.abs(fresh.forces).mean()


def trained_bytes(memory: float = 1.0, seed: int = 5, **changes: object) -> bytes:
    training = {"kind": "minibatch", "epochs": 3, "batch_images": 2, "memory": memory, **changes}
    return dump(train_potential(emt_images(5), quick(training=training), seed=seed))


def test_one_seed_one_potential() -> None:
    assert trained_bytes() == trained_bytes()
    assert trained_bytes() != trained_bytes(seed=6)


def test_what_is_not_kept_is_the_same_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = trained_bytes()
    assert trained_bytes(memory=0.0) == kept
    assert trained_bytes(memory=1e-4) == kept  # some of the batches
    monkeypatch.setattr(prepare, "MOST_PAIRS", 1000)  # neighbours of the first image only
    assert trained_bytes() == kept


def test_single_precision() -> None:
    potential = train_potential(
        emt_images(6),
        quick(training={"kind": "minibatch", "epochs": 150, "batch_images": 2, "precision": "float32"}),
        seed=0,
    )
    assert potential.metrics.force_rmse < 0.7 * potential.metrics.prior_force_rmse
    assert potential.regressor.parameters.dtype == np.float64


def test_survives_a_blow_up() -> None:
    potential = train_potential(
        emt_images(3), quick(training={"kind": "minibatch", "epochs": 8, "learning_rate": 1e200}), seed=0
    )
    assert np.isfinite(potential.predict(slab()).forces).all()
    assert potential.metrics.force_rmse <= potential.metrics.prior_force_rmse * (1 + 1e-12)
    assert not potential.metrics.reached


def test_warm_start_has_nothing_left_to_do() -> None:
    loose = {"kind": "minibatch", "epochs": 60, "sigma_forces": 2.0, "sigma_energy": 2.0, "warm_start": True}
    images, spec = emt_images(3), quick(training=loose)
    first = train_potential(images, spec, seed=0)
    assert first.metrics.reached
    assert train_potential(images, spec, seed=0, previous=first).metrics.iterations == 0


@pytest.mark.parametrize("bound", ["MOST_BYTES", "MOST_RESIDUALS"])
def test_auto_goes_over_by_size(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = quick(training={"kind": "auto", "max_iterations": 2})
    assert train_potential(emt_images(2), spec, seed=0).metrics.trainer == "levenberg_marquardt"
    monkeypatch.setattr(minibatch_training, bound, 10)
    metrics = train_potential(emt_images(2), spec, seed=0).metrics
    assert (metrics.trainer, metrics.iterations) == ("minibatch", 2)


def test_periods_double() -> None:
    assert periods(MinibatchSpec(epochs=70, restarts=2), 5) == [10, 20, 40]
    assert periods(MinibatchSpec(epochs=1, restarts=2), 5) == [1]
    assert sum(periods(MinibatchSpec(), 5)) == 2000
    assert sum(periods(MinibatchSpec(), 5000)) == 20


def test_device_is_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of(MinibatchSpec()).type == "cpu"
    with pytest.raises(TrainingError, match=r"`training.device` is 'cuda' but PyTorch sees no CUDA device; install"):
        device_of(MinibatchSpec(device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of(MinibatchSpec()).type == "cuda"
    assert device_of(MinibatchSpec(device="cpu")).type == "cpu"


LARGE_CELLS = """
import resource, sys
import numpy as np
from ase.build import bulk
from al_workflows.potential import Image, train_potential
from al_workflows.spec import NetworkPotentialSpec
from al_workflows.threads import single_threaded

def image(seed):
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", cubic=True) * (5, 5, 5)
    atoms.symbols[rng.permutation(500)[:200]] = ["Pd"] * 100 + ["Au"] * 100
    atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
    return Image(atoms, -1500.0, rng.normal(0, 0.5, (500, 3)))

training = {"kind": "minibatch", "epochs": 1, "restarts": 0, "memory": 0.05}
spec = NetworkPotentialSpec.model_validate({"members": 2, "hidden": [6, 6], "training": training})
single_threaded(train_potential)([image(0)], spec, seed=0)  # all imports, and whatever else the first time takes
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
metrics = single_threaded(train_potential)([image(n) for n in range(8)], spec, seed=0).metrics
print(metrics.trainer, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_memory_is_bounded_for_large_cells() -> None:
    """8 cells of 500 atoms and 3 elements: dense derivatives would take 2.3 GB, and more while they are stacked."""
    found = subprocess.run([sys.executable, "-c", LARGE_CELLS], capture_output=True, text=True, check=True)
    trainer, megabytes = found.stdout.split()
    assert trainer == "minibatch"
    assert float(megabytes) < 700
