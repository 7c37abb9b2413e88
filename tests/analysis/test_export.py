"""Exports, read back by ASE and by programs that are not ASE: libextxyz's parser, and sqlite3."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest

from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.export import Format, export
from al_workflows.history import RunHistory
from al_workflows.records import Label, LabelStatus
from tests.builders import label, run_spec, slab


@pytest.fixture
def accepted(history: RunHistory) -> list[Label]:
    return [one for one in history.labels if one.ok]


@pytest.fixture
def extxyz(history: RunHistory, accepted: list[Label], tmp_path: Path) -> Path:
    path = tmp_path / "train.extxyz"
    assert export(history, Format.EXTXYZ, path) == len(accepted) == len(history.labels) - 1
    return path


@pytest.fixture
def database(history: RunHistory, accepted: list[Label], tmp_path: Path) -> Path:
    path = tmp_path / "train.db"
    assert export(history, Format.ASE_DB, path) == len(accepted)
    return path


def check_provenance(info: dict[str, Any], one: Label, run: str) -> None:
    expected = {"run": run, "key": one.key, "cycle": one.cycle, "strategy": one.request.strategy}
    expected |= {"reason": one.request.reason, "code": one.code, "dft_hash": one.dft_hash}
    assert {key: info[key] for key in expected} == expected
    if one.request.uncertainty is not None:
        assert info["uncertainty"] == pytest.approx(one.request.uncertainty)


def test_extxyz_read_by_ase(extxyz: Path, accepted: list[Label], history: RunHistory) -> None:
    for image, one in zip(ase.io.read(extxyz, index=":"), accepted, strict=True):
        assert image.info["REF_energy"] == pytest.approx(one.energy, abs=1e-9)
        assert image.arrays["REF_forces"] == pytest.approx(one.forces, abs=1e-7)
        assert image.positions == pytest.approx(one.atoms.positions, abs=1e-7)
        assert image.pbc.tolist() == one.atoms.pbc.tolist()
        assert image.constraints[0].index.tolist() == one.atoms.constraints[0].index.tolist()
        assert image.calc is None  # nothing was taken for results of a calculator and renamed
        check_provenance(image.info, one, history.run)


def test_extxyz_read_by_libextxyz(extxyz: Path, accepted: list[Label], history: RunHistory) -> None:
    import extxyz as other

    frames = list(other.read_dicts(str(extxyz)))
    for frame, one in zip(frames, accepted, strict=True):
        info, arrays = frame.info, frame.arrays
        assert info["REF_energy"] == pytest.approx(one.energy, abs=1e-9)
        assert np.array(arrays["REF_forces"]) == pytest.approx(one.forces, abs=1e-7)
        assert np.array(arrays["pos"]) == pytest.approx(one.atoms.positions, abs=1e-7)
        assert np.asarray(frame.cell) == pytest.approx(one.atoms.cell.array)
        assert list(frame.pbc) == one.atoms.pbc.tolist()
        check_provenance(info, one, history.run)


def test_database_read_by_ase(database: Path, accepted: list[Label], history: RunHistory) -> None:
    with ase.db.connect(database) as rows:
        assert rows.count() == len(accepted)
        for one in accepted:
            row = rows.get(key=one.key)
            assert row.REF_energy == row.energy == one.energy
            assert np.array_equal(row.data["REF_forces"], one.forces)
            assert np.array_equal(row.forces, one.forces)
            assert np.array_equal(row.positions, one.atoms.positions)
            check_provenance(row.data, one, history.run)
        assert rows.count("cycle=0") == rows.count("strategy=start") == 1


def test_database_read_by_sqlite(database: Path, accepted: list[Label]) -> None:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    rows = connection.execute("select energy, positions, forces, key_value_pairs from systems order by id").fetchall()
    connection.close()
    for (energy, positions, forces, pairs), one in zip(rows, accepted, strict=True):
        assert energy == json.loads(pairs)["REF_energy"] == one.energy
        assert np.frombuffer(positions).reshape(-1, 3) == pytest.approx(one.atoms.positions)
        assert np.frombuffer(forces).reshape(-1, 3) == pytest.approx(one.forces)
        assert json.loads(pairs)["key"] == one.key


def test_awkward_text_survives(history: RunHistory, tmp_path: Path) -> None:
    import extxyz as other

    reason = 'it\'s "odd" = {1, 2}\\ [Å] <b>'
    odd = replace(history.labels[0], request=replace(history.labels[0].request, reason=reason))
    path = tmp_path / "odd.extxyz"
    export(replace(history, labels=(odd,)), Format.EXTXYZ, path)
    read = [ase.io.read(path).info["reason"], other.read_dicts(str(path)).info["reason"]]
    assert read == [reason.replace("\\", "/")] * 2


def test_a_run_without_an_accepted_label_is_refused(tmp_path: Path) -> None:
    empty = RunHistory("run", run_spec(), slab(), labels=(label(slab(), status=LabelStatus.CRASHED),))
    with pytest.raises(InputError, match="no single point that succeeded"):
        export(empty, Format.EXTXYZ, tmp_path / "none.extxyz")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named(history: RunHistory, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        export(history, Format.EXTXYZ, tmp_path / "file" / "train.extxyz")
