"""Files and documents that would run code if they were unpickled or evaluated: refused in a line, and nothing runs."""

from __future__ import annotations

import io
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fireworks import LaunchPad
from gridfs import GridFS

from al_workflows.errors import AlWorkflowsError, InputError
from al_workflows.potential import load
from al_workflows.records import Pool, atoms_from_dict, atoms_to_dict
from al_workflows.results import run_id
from al_workflows.spec_file import read_yaml
from al_workflows.structures import read_structure
from fw_specs.store import Store
from tests.builders import pool, run_spec, slab
from tests.launchpad.test_bad_input import put, refusal


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "the pickle was loaded"


def object_array(mark: Path) -> bytes:
    """An .npz of a pool whose energies are a pickled object."""
    whole = pool([slab()])
    with np.load(io.BytesIO(whole.to_bytes())) as arrays:
        parts = dict(arrays)
    buffer = io.BytesIO()
    np.savez(buffer, **parts | {"energies": np.array([Bomb(mark)], dtype=object)})
    return buffer.getvalue()


def test_the_bomb_goes_off_where_it_is_unpickled(mark: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_the_place_of_a_model_or_pool(protocol: int, mark: Path) -> None:
    data = pickle.dumps(Bomb(mark), protocol)
    for read in (load, Pool.from_bytes):
        with pytest.raises(InputError, match="no saved"):
            read(data)
    assert not mark.exists()


def test_a_pool_with_an_object_in_it(mark: Path) -> None:
    with pytest.raises(InputError, match="no saved pool"):
        Pool.from_bytes(object_array(mark))
    assert not mark.exists()


@pytest.mark.workflow
@pytest.mark.parametrize("collection", ["al_models", "al_pools"])
def test_a_poisoned_document(collection: str, mark: Path, lpad: LaunchPad, lpad_file: Path, tmp_path: Path) -> None:
    spec, start = run_spec(), slab(2.4, seed=0)
    run, store = run_id(spec, start), Store(lpad.db)
    store.add_run(run, spec, start, tmp_path)
    for data in (pickle.dumps(Bomb(mark)), object_array(mark)):
        file = GridFS(lpad.db, "al_blobs").put(data)
        document = {"run": run, "cycle": 1, "file": file}
        lpad.db[collection].replace_one({"_id": f"{run}/0001"}, document, upsert=True)
        read = store.potential if collection == "al_models" else store.pool
        with pytest.raises(AlWorkflowsError, match="no saved"):
            read(run, 1)
    assert not mark.exists()


NAMES = [
    "start.pckl",
    "start.pkl",
    "start.pickle",
    "start.traj",
    "start.xyz",
    "start.gpw",
    "start.db",
    "POSCAR",
    "start",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("old_trajectory", [False, True])
def test_a_structure_file_that_is_a_pickle(name: str, old_trajectory: bool, mark: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    head = b"PickleTrajectory\n" if old_trajectory else b""
    for protocol in (0, 2, 5):
        path.write_bytes(head + pickle.dumps(Bomb(mark), protocol))
        with pytest.raises(InputError, match=r"can hold code|cannot be read|no format"):
            read_structure(path)
    assert not mark.exists()


def test_the_command_says_so_in_one_line(mark: Path, tmp_path: Path) -> None:
    path = put(tmp_path, structure="start.pckl")
    (tmp_path / "start.pckl").write_bytes(pickle.dumps(Bomb(mark)))
    line = refusal("validate", str(path), cwd=tmp_path)
    assert "start.pckl" in line
    assert "extxyz" in line
    assert not mark.exists()


@pytest.mark.parametrize(
    "name", ["os.system", "ase.io.read", "globals", "__builtins__", "Calculator", "dict2constraint"]
)
def test_a_constraint_is_one_of_ase_or_none(name: str, tmp_path: Path) -> None:
    document = atoms_to_dict(slab())
    with pytest.raises(ValueError):  # noqa: PT011  # ASE says no more
        atoms_from_dict({**document, "constraints": [{"name": name, "kwargs": {}}]})


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
HOSTILE = {
    "a YAML bomb": (LAUGHS, "100000 values"),
    "itself": ("structure: &a [*a]", "100000 values"),
    "deep": ("[" * 3000, "nested too deeply"),
    "a call": ("name: !!python/object/apply:os.system ['touch {mark}']", "python/object/apply:os.system"),
    "an object": ("name: !!python/object/new:pathlib.Path [x]", "python/object/new"),
    "a name": ("name: !!python/name:os.system", "python/name"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_yaml(what: str, mark: Path, tmp_path: Path) -> None:
    text, said = HOSTILE[what]
    (tmp_path / "run.yaml").write_text(text.replace("{mark}", str(mark)))
    with pytest.raises(InputError) as caught:
        read_yaml(tmp_path / "run.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def test_aliases_that_are_few_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("dft: &settings {kind: emt}\nother: *settings\n")
    assert read_yaml(path)["other"] == {"kind": "emt"}
    # as large as a Morse table or a long list of settings may be
    path.write_text(yaml.safe_dump({f"key{n}": list(range(10)) for n in range(1000)}))
    began = time.process_time()
    assert len(read_yaml(path)) == 1000
    assert time.process_time() - began < 60
