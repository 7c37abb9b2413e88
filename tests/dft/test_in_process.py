"""The variant for calculator objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.calculators.calculator import CalculationFailed
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from al_workflows.dft.single_point import single_point, single_point_in_process
from al_workflows.records import LabelStatus
from al_workflows.spec import EmtSpec, SinglePointSpec
from tests.dft.common import request, slab
from tests.dft.misbehaving import Base, Good, Huge, Nan, Raises, ScfFails


class Fails(Base):
    def misbehave(self) -> None:
        raise CalculationFailed("the code\nstopped")


def test_the_numbers_of_the_other_variant(tmp_path):
    here = single_point_in_process(request(), EMT(), directory=tmp_path / "x")
    there = single_point(request(), EmtSpec(), tmp_path)
    assert here.energy == there.energy
    assert np.array_equal(here.forces, there.forces)
    assert here.attempts == 1
    assert here.code.startswith("ase.calculators.emt.EMT (ase ")
    assert Path(here.directory) == tmp_path / "x"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("calculator", "status"),
    [
        (Fails(), LabelStatus.CRASHED),
        (ScfFails(), LabelStatus.SCF_NOT_CONVERGED),
        (Nan(), LabelStatus.UNREADABLE),
        (Huge(), LabelStatus.GEOMETRY_REJECTED),
    ],
)
def test_failures_are_labels(calculator, status):
    label = single_point_in_process(request(), calculator)
    assert label.status is status
    assert label.cause
    assert "\n" not in label.cause
    assert label.attempts == 1


def test_the_gate(tmp_path):
    atoms = slab()
    atoms.positions[2] = atoms.positions[1] + [0, 0, 0.5]
    assert single_point_in_process(request(atoms), Good(str(tmp_path / "log"))).attempts == 0
    assert not (tmp_path / "log").exists()
    assert single_point_in_process(request(atoms), Good(), SinglePointSpec(min_distance=0)).ok


def test_errors_of_the_callers_code_are_the_callers():
    with pytest.raises(RuntimeError, match="negative"):
        single_point_in_process(request(), Raises())


def test_the_request_is_left_as_it_was():
    asked = request()
    single_point_in_process(asked, EMT())
    assert asked.atoms.calc is None
    assert len(asked.atoms.constraints) == 1


def test_parameters_are_in_the_hash():
    hashes = {
        single_point_in_process(request(), calculator).dft_hash
        for calculator in (EMT(), LennardJones(), LennardJones(sigma=2.0), LennardJones(sigma=np.float64(2.0)))
    }
    assert len(hashes) == 3
