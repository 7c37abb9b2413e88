"""A campaign's labels as a data set: split by surface, each structure once, of one kind of numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
import pytest

from al_workflows.campaign.export import TEST, TRAIN, VALIDATION, DataSet, comparable, splits, surface_of
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.records import Label
from al_workflows.spec import AseSpec, EmtSpec, GpawSpec
from tests.builders import label, slab

SURFACES = [f"Cu {index}" for index in range(20)]


def write(directory: Path, labels: Sequence[tuple[str, Label]]) -> None:
    with DataSet(directory, [surface for surface, _ in labels]) as data:
        for surface, one in labels:
            data.add(surface, "run", EmtSpec(), one)
        data.finish({"campaign": "c"})


def test_surfaces_are_split_whole_and_always_in_the_same_way() -> None:
    found = splits(SURFACES)
    assert found == splits(SURFACES[::-1])
    numbers = [sum(split == name for split in found.values()) for name in (TRAIN, VALIDATION, TEST)]
    assert numbers == [16, 2, 2]
    assert set(splits(["a"]).values()) == {TRAIN}
    assert sorted(splits(["a", "b"]).values()) == [TEST, TRAIN]
    assert sorted(splits(["a", "b", "c", ""]).values()) == [TEST, TRAIN, VALIDATION]


def test_the_surface_of_a_member() -> None:
    assert surface_of({"bulk": "Cu", "miller": "111", "adsorbate": "O"}) == "Cu 111"
    assert surface_of({"adsorbate": "CO"}) == ""


def test_what_is_written_is_what_was_labelled(tmp_path: Path) -> None:
    labels = [("Cu 100", label(slab(seed=seed))) for seed in range(3)]
    write(tmp_path / "out", [*labels, ("Cu 100", label(slab(seed=1))), ("", label(slab(3.0)))])
    read = ase.io.read(tmp_path / "out" / "train.extxyz", ":")
    assert len(read) == 4
    for atoms, (surface, one) in zip(read[:3], labels, strict=True):
        assert atoms.info["REF_energy"] == pytest.approx(one.energy)
        assert np.allclose(atoms.arrays["REF_forces"], one.forces, atol=1e-7)
        assert atoms.info["surface"] == surface
    assert read[3].info["surface"] == "molecule"
    about = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert about["structures"] == {"train": 4, "val": 0, "test": 0}
    assert about["duplicates_left_out"] == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("dataset.json", "test.extxyz", "train.extxyz", "val.extxyz")
    ]


def test_other_settings_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    def both() -> None:
        with DataSet(tmp_path, ["Cu 100"]) as data:
            data.add("Cu 100", "one", EmtSpec(), label(slab()))
            data.add("Cu 100", "two", AseSpec(calculator="a.B"), label(slab(2.0)))

    with pytest.raises(InputError, match=r"labels of two .* and of one .* are of different DFT settings"):
        both()
    assert not list(tmp_path.iterdir())


def test_k_points_alone_do_not_part_labels() -> None:
    assert comparable(GpawSpec(parameters={"kpts": [1, 1, 1], "xc": "PBE"})) == comparable(
        GpawSpec(parameters={"kpts": [4, 4, 1], "xc": "PBE"})
    )
    assert comparable(GpawSpec(parameters={"xc": "PBE"})) != comparable(GpawSpec(parameters={"xc": "RPBE"}))


def test_nothing_to_export_and_nowhere_to_write(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to export"), DataSet(tmp_path, []) as data:
        data.finish({})
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot be written"), DataSet(tmp_path / "file", []):
        pass
