"""Errors on labels of another run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from al_workflows.benchmark.held_out import held_out_document, held_out_rows, read_images
from al_workflows.errors import InputError
from tests.builders import label, slab


def labels(path: Path, seeds: range) -> Path:
    found = [label(slab(1.6, seed=seed)) for seed in seeds]
    frames = [Atoms(one.atoms.numbers, one.atoms.positions, cell=one.atoms.cell, pbc=one.atoms.pbc) for one in found]
    for atoms, one in zip(frames, found, strict=True):
        atoms.calc = SinglePointCalculator(atoms, energy=one.energy, forces=one.forces)
    write(path, frames)
    return path


def test_errors_fall_with_the_labels(tmp_path: Path) -> None:
    train, test = (
        read_images(labels(tmp_path / f"{n}.extxyz", seeds)) for n, seeds in enumerate((range(5), range(7, 9)))
    )
    rows = held_out_rows(train, test, ["gaussian_process", "gaussian_process, no prior"])
    assert [row.labels for row in rows] == [1, 2, 3, 5] * 2
    for one in (rows[:4], rows[4:]):
        assert one[-1].force_mae < 0.5 * one[0].force_mae
    assert np.isfinite([row.energy_mae for row in rows]).all()


def test_the_same_labels_are_not_held_out(tmp_path: Path) -> None:
    path = labels(tmp_path / "labels.extxyz", range(2))
    with pytest.raises(InputError, match="give labels of another run"):
        held_out_document(path, path, "command")


def test_structures_without_labels(tmp_path: Path) -> None:
    write(tmp_path / "bare.extxyz", Atoms("H"))
    with pytest.raises(InputError, match="structure 0 has no energy and forces"):
        read_images(tmp_path / "bare.extxyz")
    with pytest.raises(InputError, match="cannot be read"):
        read_images(tmp_path / "nowhere.extxyz")
