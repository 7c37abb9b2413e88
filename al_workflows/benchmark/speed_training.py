"""How fast a potential is trained, by images and atoms, beside plain autograd and what the machine could do.

Times are CPU times of one thread. Labels are EMT's, of slabs that are rattled more and more.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch

from al_workflows.benchmark.autograd_reference import AutogradReference, Stack, loss_and_gradient
from al_workflows.benchmark.ceilings import Ceilings, cpu_seconds, exponent, loss_work, measured_ceilings
from al_workflows.benchmark.speed_cases import labelled, paper_slab, slab
from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.errors import InputError
from al_workflows.potential import Image, Potential, train_potential
from al_workflows.potential.ensemble import NetworkEnsemble
from al_workflows.potential.network_training import network_problem
from al_workflows.potential.prepare import Prepared, prepare
from al_workflows.spec import FitSpec, GaussianProcessSpec, NetworkPotentialSpec, PaperTrainingSpec, PotentialSpec
from al_workflows.threads import single_threaded

#: images of each training set
COUNTS = (1, 10, 40, 200)
#: widths of the rattling, from the first image to the last, Å
WIDTHS = (0.02, 0.15)
#: loss and gradient are compared for up to so many bytes of derivatives
MOST_BYTES = 500_000_000

#: told of each row as it comes
Listener = Callable[[Any], None]


@dataclass(frozen=True)
class TrainingRow:
    """Training with default settings; ``seconds`` of all members, the prior's refit and the descriptor included.

    ``prepare`` is the part of that before any fit. ``evaluation``: loss and gradient of one network, ms, with the
    descriptor's derivatives at hand, and the same by differentiating twice in torch, and at least.
    """

    potential: str
    atoms: int
    images: int
    trainer: str
    members: int
    iterations: int
    reached: bool
    force_rmse: Annotated[float, Column("force RMSE, eV/Å", 4)]
    seconds: Annotated[float, Column("training, s", 2)]
    prepare: Annotated[float, Column("of it before the fit, s", 2)]
    evaluation: Annotated[float | None, Column("loss and gradient, ms", 2)]
    autograd: Annotated[float | None, Column("autograd, ms", 2)]
    ratio: Annotated[float | None, Column("times faster", 1)]
    floor: Annotated[float | None, Column("floor, ms", 3)]


@dataclass(frozen=True)
class GrowthRow:
    """How training time grows with images: the slope of its logarithm by theirs, between neighbours of the table."""

    potential: str
    atoms: int
    images: str
    exponents: Annotated[tuple[float, ...], Column("exponents", 2)]


def atoms_of(sizes: Sequence[int]) -> list[int]:
    """``sizes``, if there are images of such.

    Raises
    ------
    InputError
        One is neither 13 nor 29.
    """
    for size in sizes:
        if size not in (13, 29):
            raise InputError(f"--atoms names {size} but must name 13 (C/Cu) or 29 (CO/Cu), or both")
    return list(sizes)


def images_of(atoms: int, count: int) -> list[Image]:
    """``count`` labelled slabs of 13 atoms (C/Cu) or 29 (CO/Cu)."""
    widths = np.linspace(*WIDTHS, count)
    build = paper_slab if atoms == 13 else lambda seed, width: slab((3, 3), seed, width)
    return [labelled(build(seed, float(width))) for seed, width in enumerate(widths)]


@single_threaded
def training_rows(
    sizes: Sequence[int],
    counts: Sequence[int],
    ceilings: Ceilings,
    specs: dict[str, PotentialSpec] | None = None,
    listen: Listener = lambda row: None,
) -> list[TrainingRow]:
    """One row for each kind of potential, number of atoms (13, 29) and number of images."""
    specs = specs or {"Gaussian process": GaussianProcessSpec(), "networks": NetworkPotentialSpec(training=FitSpec())}
    rows = []
    for atoms in sizes:
        images = {count: images_of(atoms, count) for count in counts}
        for (name, spec), count in itertools.product(specs.items(), counts):
            rows.append(_row(name, spec, images[count], ceilings))
            listen(rows[-1])
    return rows


def _row(name: str, spec: PotentialSpec, images: Sequence[Image], ceilings: Ceilings) -> TrainingRow:
    train_potential(images[:1], spec, seed=0)  # compiles
    began = time.process_time()
    potential = train_potential(images, spec, seed=0)
    seconds = time.process_time() - began
    began = time.process_time()
    data = prepare(images, spec, np.random.default_rng(0))
    prepared = time.process_time() - began
    n_atoms = len(images[0].atoms)
    evaluation = autograd = floor = None
    if isinstance(spec, NetworkPotentialSpec) and isinstance(potential.regressor, NetworkEnsemble):
        work = loss_work(n_atoms, len(images), data.descriptor.n_features, potential.regressor.layout)
        if work.bytes / 2 <= MOST_BYTES:
            evaluation, autograd = _evaluations(potential, data, spec)
            floor = 1e3 * ceilings.floor(work)
    metrics = potential.metrics
    return TrainingRow(
        potential=name,
        atoms=n_atoms,
        images=len(images),
        trainer=metrics.trainer,
        members=metrics.n_members,
        iterations=metrics.iterations,
        reached=metrics.reached,
        force_rmse=metrics.force_rmse,
        seconds=seconds,
        prepare=prepared,
        evaluation=evaluation,
        autograd=autograd,
        ratio=None if evaluation is None or autograd is None else autograd / evaluation,
        floor=floor,
    )


def _evaluations(potential: Potential, data: Prepared, spec: NetworkPotentialSpec) -> tuple[float, float]:
    """Loss and gradient of one network: ours, and by autograd; ms."""
    assert isinstance(potential.regressor, NetworkEnsemble)
    parameters = potential.regressor.parameters[0]
    problem = network_problem(potential.regressor.layout, data, spec)
    reference, stack = AutogradReference(potential), stacked(data)
    training = spec.training
    assert not isinstance(training, PaperTrainingSpec)
    sigmas = training.sigma_energy, training.sigma_forces
    row = torch.tensor(parameters)[None]
    ours = cpu_seconds(lambda: problem.half_squares(parameters))
    theirs = cpu_seconds(lambda: loss_and_gradient(reference, row, stack, *sigmas))
    return 1e3 * ours, 1e3 * theirs


def stacked(data: Prepared) -> Stack:
    """All images of ``data``, which are of one sequence of species, for the reference."""
    inputs = [data.inputs(n) for n in range(len(data.samples))]
    n_atoms, n_features = inputs[0][0].shape
    return Stack(
        species=torch.tensor(data.samples[0].species),
        features=torch.tensor(np.array([features for features, _ in inputs])),
        slopes=torch.tensor(np.array([slopes.reshape(n_atoms * n_features, -1) for _, slopes in inputs])),
        energies=torch.tensor(data.energies),
        forces=torch.tensor(np.array([forces.ravel() for forces in data.forces])),
    )


def growth_rows(rows: Sequence[TrainingRow]) -> list[GrowthRow]:
    """One row for each kind of potential and number of atoms."""
    found = []
    for name, atoms in dict.fromkeys((row.potential, row.atoms) for row in rows):
        chosen = [row for row in rows if (row.potential, row.atoms) == (name, atoms)]
        steps = [
            exponent([one.images, other.images], [one.seconds, other.seconds])
            for one, other in itertools.pairwise(chosen)
        ]
        found.append(GrowthRow(name, atoms, " ".join(str(row.images) for row in chosen), tuple(steps)))
    return found


def document(
    command: str,
    sizes: Sequence[int] = (13, 29),
    counts: Sequence[int] = COUNTS,
    listen: Listener = lambda row: None,
) -> Document:
    """Everything of ``alflow benchmark train``."""
    ceilings = measured_ceilings()
    rows = training_rows(sizes, counts, ceilings, listen=listen)
    return Document(
        title="Training",
        command=command,
        settings={"threads": 1} | ceilings.described(),
        tables=[
            Table(
                "Training by images",
                rows,
                (
                    "CPU time of all members, with default settings; `auto` chooses the trainer of the networks.",
                    "Autograd: the same loss in plain torch, all images in one batch, equal to 1e-10.",
                    "Floor: all derivatives read twice at the bandwidth, or operations at a matrix product's speed.",
                ),
            ),
            Table("Growth with the number of images (1: linear)", growth_rows(rows)),
        ],
    )
