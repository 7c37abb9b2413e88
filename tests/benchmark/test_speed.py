"""What is timed, and against what; no test rests on a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from al_workflows.benchmark import ceilings, speed, speed_training
from al_workflows.benchmark.autograd_reference import AutogradCalculator, AutogradReference
from al_workflows.benchmark.ceilings import Ceilings, Work, counted, cpu_seconds, exponent
from al_workflows.benchmark.speed_cases import labelled, paper_slab, slab
from al_workflows.errors import InputError
from al_workflows.potential import PotentialCalculator, train_potential
from al_workflows.potential.model import Potential
from al_workflows.spec import GaussianProcessSpec
from tests.potential.structures import quick

MACHINE = Ceilings(bandwidth=10e9, peak=20e9)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "ENOUGH_CALLS", 1)
    monkeypatch.setattr(cpu_seconds, "__defaults__", (0.0,))


@pytest.fixture(scope="module")
def networks() -> Potential:
    return train_potential([labelled(paper_slab(seed, 0.1)) for seed in range(2)], quick(members=3), seed=0)


def test_slabs_are_what_the_tables_say() -> None:
    assert str(paper_slab().symbols) == "Cu12C"
    assert [len(slab(size)) for size in speed.SIZES] == [29, 50, 110, 194, 509]
    assert speed.sizes_up_to(110) == [(3, 3), (4, 4), (6, 6)]
    assert len(slab((3, 3)).constraints[0].index) == 9


def test_the_shortest_call_counts() -> None:
    calls = []
    assert 0.0 <= cpu_seconds(lambda: calls.append(1), 0.0) < 1.0
    assert len(calls) == 2  # the first does not count


def test_floor_is_the_larger_of_both() -> None:
    assert MACHINE.floor(Work(operations=20e9, bytes=1.0)) == 1.0
    assert MACHINE.floor(Work(operations=1.0, bytes=20e9)) == 2.0
    measured = ceilings.measured_ceilings()
    assert 1e8 < measured.bandwidth < 1e13
    assert 1e8 < measured.peak < 1e13


def test_pairs_and_triplets_are_counted(networks: Potential) -> None:
    atoms = paper_slab()
    geometry = AutogradReference(networks).geometry(atoms)
    counts = counted(atoms, networks.descriptor.spec.cutoff)
    assert (counts.atoms, counts.pairs, counts.triplets) == (13, len(geometry.first), len(geometry.p))


def test_exponent_of_a_power() -> None:
    assert exponent([10.0, 20.0, 80.0], [3.0, 12.0, 192.0]) == pytest.approx(2.0)


def test_prediction_rows(networks: Potential) -> None:
    process = train_potential([labelled(paper_slab())], GaussianProcessSpec(features=20, members=2), seed=0)
    seen: list[object] = []
    rows = speed.prediction_rows([paper_slab()], {"networks": networks, "process": process}, MACHINE, seen.append)
    assert seen == rows
    assert [(row.potential, row.atoms, row.members) for row in rows] == [("networks", 13, 3), ("process", 13, 2)]
    first, second = rows
    assert first.autograd is not None
    assert first.ratio == pytest.approx(first.autograd / first.all)
    assert first.floor is not None
    assert first.descriptor_floor < first.floor
    assert (second.autograd, second.floor) == (None, None)
    twice = replace(first, atoms=26, all=2 * first.all, descriptor=4 * first.descriptor)
    (growth,) = speed.exponent_rows([first, twice])
    assert growth.sizes == "13 26"
    assert (growth.descriptor, growth.all) == pytest.approx((2.0, 1.0))


def test_relaxation_rows_take_the_same_steps(networks: Potential) -> None:
    (row,) = speed.relaxation_rows([paper_slab()], {"networks": networks}, steps=2)
    assert (row.atoms, row.steps) == (13, 2)
    assert row.step == pytest.approx(500 * row.seconds)
    atoms = [paper_slab() for _ in range(2)]
    for copy, calculator in zip(
        atoms, (PotentialCalculator(networks), AutogradCalculator(AutogradReference(networks))), strict=True
    ):
        speed._relax(copy, calculator, 3)
        copy.calc = calculator
    np.testing.assert_allclose(atoms[0].get_forces(), atoms[1].get_forces(), atol=1e-9)


def test_training_rows() -> None:
    specs = {"networks": quick(), "process": GaussianProcessSpec(features=20, members=2)}
    rows = speed_training.training_rows([13], [1, 3], MACHINE, specs)
    assert [(row.potential, row.images, row.trainer) for row in rows] == [
        ("networks", 1, "levenberg_marquardt"),
        ("networks", 3, "levenberg_marquardt"),
        ("process", 1, "gaussian_process"),
        ("process", 3, "gaussian_process"),
    ]
    assert rows[0].autograd is not None
    assert rows[0].floor is not None
    assert rows[1].floor == pytest.approx(3 * rows[0].floor)
    assert rows[2].evaluation is None
    first, second = speed_training.growth_rows(rows)
    assert (first.potential, first.images, len(first.exponents)) == ("networks", "1 3", 1)
    assert second.potential == "process"


def test_documents_hold_all_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "potentials", lambda images: {"networks": train_potential(images, quick(), seed=0)})
    predicted = speed.document("alflow benchmark predict", [(3, 3)], steps=1).markdown()
    for text in ("Growth with the number of atoms", "Relaxation on the model", "matrix product of a core, Gflop/s"):
        assert text in predicted
    monkeypatch.setattr(
        speed_training, "training_rows", lambda *arguments, **others: speed_training_rows(*arguments[:2])
    )
    trained = speed_training.document("alflow benchmark train", [13], [1, 3]).markdown()
    assert "Growth with the number of images" in trained


def speed_training_rows(sizes: list[int], counts: list[int]) -> list[speed_training.TrainingRow]:
    return [
        speed_training.TrainingRow(
            "networks", size, count, "lbfgs", 3, 9, True, 0.01, 0.5 * count, 0.1, None, None, None, None
        )
        for size in sizes
        for count in counts
    ]


def test_images_there_are_not() -> None:
    with pytest.raises(InputError, match="names 20 but must name 13"):
        speed_training.atoms_of([13, 20])
