"""The errors that the figures show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from al_workflows.analysis.metrics import predictions, relaxed_errors, structure_mae
from al_workflows.history import RunHistory
from al_workflows.records import Request
from tests.builders import label, run_spec, slab


def test_the_structure_error_is_the_mean_l1_displacement_across_the_boundary() -> None:
    atoms = slab()
    assert structure_mae(atoms, atoms) == 0
    moved = atoms.copy()
    moved.positions += (0.1, -0.2, 0.3)
    assert structure_mae(moved, atoms) == pytest.approx(0.6)
    moved.positions[0] += moved.cell[0]  # another image of the same atom
    assert structure_mae(moved, atoms) == pytest.approx(0.6)
    one = atoms.copy()
    one.positions[-1, 2] += 0.9
    assert structure_mae(one, atoms) == pytest.approx(0.9 / len(atoms))


def test_errors_of_the_relaxed_structures_fall_to_the_answer(history: RunHistory) -> None:
    errors = relaxed_errors(history)
    assert [error.cycle for error in errors] == list(history.relaxations)
    images = [error.images for error in errors]
    assert images[0] == 1
    assert images == sorted(set(images))
    first, last = errors[0], errors[-1]
    assert abs(last.model) < 0.01 < abs(first.model)
    assert last.structure < 0.02 < first.structure
    answer = history.answer
    assert answer is not None
    if answer.request.pool_index == len(history.pools[last.cycle]) - 1:
        assert (last.structure, last.dft) == (0, 0)
    assert relaxed_errors(replace(history, pools={})) == []
    assert relaxed_errors(replace(history, labels=())) == []


def test_predictions_are_those_before_dft_answered() -> None:
    atoms = slab()
    truth = label(atoms)
    assert truth.energy is not None
    assert truth.forces is not None
    shifted = truth.forces.copy()
    shifted[2] += (0.3, 0.0, 0.4)
    request = Request("run/0003/00", atoms, "final", "", 7, truth.energy + 0.1, shifted, 0.2)
    (one,) = predictions((truth, label(atoms, request=request)))  # the first was asked without a model
    assert one.cycle == 3
    assert one.model_energy - one.dft_energy == pytest.approx(0.1)
    assert one.force_error == pytest.approx(0.5)
    assert one.uncertainty == 0.2


def test_a_history_knows_its_answer_and_its_calls(history: RunHistory) -> None:
    answer = history.answer
    assert history.verdict is not None
    assert answer is not None
    assert answer.key == history.verdict.label_key
    assert history.dft_calls == len(history.labels)
    assert history.target == 0.05
    empty = RunHistory("run", run_spec(), slab())
    assert (empty.verdict, empty.answer, empty.dft_calls) == (None, None, 0)
    assert np.isfinite(answer.energy or np.nan)
