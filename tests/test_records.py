"""Records survive JSON and BSON bit for bit."""

import json

import bson
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.constraints import FixAtoms, FixedLine
from hypothesis import given
from hypothesis import strategies as st

from al_workflows.records import (
    Cycle,
    Label,
    LabelStatus,
    Pool,
    Rejection,
    Request,
    Selection,
    atoms_from_dict,
    atoms_to_dict,
    request_key,
)
from tests.builders import cycle, label, pool, slab


def test_structure_round_trip_keeps_everything_that_matters() -> None:
    atoms = slab(seed=1)
    atoms.set_initial_magnetic_moments(np.linspace(-1, 1, len(atoms)))
    atoms.set_constraint([FixAtoms([0, 1]), FixedLine(4, [0, 0, 1])])
    back = atoms_from_dict(json.loads(json.dumps(atoms_to_dict(atoms))))
    assert back == atoms  # positions, numbers, cell, pbc, to the last bit
    assert (back.get_tags() == atoms.get_tags()).all()
    assert (back.get_initial_magnetic_moments() == atoms.get_initial_magnetic_moments()).all()
    assert back.constraints[0].todict() == atoms.constraints[0].todict()
    forces = np.ones((len(atoms), 3))
    free, free_back = forces.copy(), forces.copy()
    for constraint, other in zip(atoms.constraints, back.constraints, strict=True):
        constraint.adjust_forces(atoms, free)
        other.adjust_forces(back, free_back)
    assert (free == free_back).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=9, max_size=9))
def test_any_position_survives_json_and_bson(numbers: list[float]) -> None:
    atoms = Atoms("H3", positions=np.reshape(numbers, (3, 3)))
    for encoded in (json.loads(json.dumps(atoms_to_dict(atoms))), bson.decode(bson.encode(atoms_to_dict(atoms)))):
        assert (atoms_from_dict(encoded).positions == atoms.positions).all()


def test_molecule_without_cell() -> None:
    atoms = molecule("H2O")
    assert atoms_from_dict(atoms_to_dict(atoms)) == atoms


@pytest.mark.parametrize("status", LabelStatus)
def test_label_round_trip(status: LabelStatus) -> None:
    before = label(slab(seed=2), cycle=3, index=1, status=status)
    after = Label.from_dict(bson.decode(bson.encode(before.to_dict() | {"_id": before.key})))
    assert after.to_dict() == before.to_dict()
    assert after.status is status
    assert after.cycle == 3
    assert after.ok == (status is LabelStatus.OK)
    if before.forces is not None:
        assert after.forces is not None
        assert (after.forces == before.forces).all()


def test_selection_round_trip() -> None:
    atoms = slab()
    request = Request("r/0001/00", atoms, "final", "because", 4, -1.25, np.ones((len(atoms), 3)) / 3, 0.1)
    selection = Selection((request,), (Rejection(3, "too close"),))
    back = Selection.from_dict(json.loads(json.dumps(selection.to_dict())))
    assert back.rejected == selection.rejected
    assert (back.requests[0].predicted_forces == request.predicted_forces).all()
    assert back.to_dict() == selection.to_dict()


def test_cycle_round_trip_is_equal() -> None:
    before = cycle(4, fmax=None, energy=None)
    assert Cycle.from_dict(json.loads(json.dumps(before.to_dict()))) == before


def test_pool_survives_as_bytes() -> None:
    before = pool([slab(seed=seed) for seed in range(3)], [0.1, 0.2, 1 / 3])
    after = Pool.from_bytes(before.to_bytes())
    for name in ("positions", "energies", "forces", "uncertainties"):
        assert (getattr(after, name) == getattr(before, name)).all()
    assert after.template == before.template
    assert after.stop_reason is before.stop_reason
    assert after.frame(-1) == slab(seed=2)
    assert (after.frame(1).constraints[0].index == slab().constraints[0].index).all()


def test_keys_sort_in_the_order_of_asking() -> None:
    keys = [request_key("run", cycle, index) for cycle in (0, 2, 10) for index in (0, 1, 11)]
    assert keys == sorted(keys)
