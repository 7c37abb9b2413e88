"""One seed, one potential: whatever the number of threads, and to a stated tolerance whatever the processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
#: eV, eV/Å: what another processor's instructions may change in a prediction, the training included (README)
TOLERANCE = 1e-6

CODE = """
import sys
import numpy as np
from al_workflows import steps
from al_workflows.potential import dump
from tests.builders import label, run_spec, slab

labels = [label(slab(seed=n), n) for n in range(3)]
known = slab(seed=9)
found = {}
for kind in ("gaussian_process", "behler_parrinello"):
    spec = run_spec(potential={"kind": kind, "members": 3})
    first = steps.train(spec, 1, labels[:2])
    potential = steps.train(spec, 2, labels, first)
    prediction = potential.predict(known)
    found[kind] = np.frombuffer(dump(potential), dtype=np.uint8)
    found[f"{kind}.energy"] = np.array([prediction.energy, prediction.energy_std])
    found[f"{kind}.forces"] = np.concatenate([prediction.forces, prediction.force_std[:, None]], axis=1)
np.savez(sys.argv[1], **found)
"""


def numbers(directory: Path, name: str, **environment: str) -> dict[str, np.ndarray]:
    """What a process of its own finds under ``environment``."""
    path = directory / f"{name}.npz"
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    subprocess.run([sys.executable, "-c", CODE, str(path)], env=surroundings, check=True)
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return numbers(tmp_path_factory.mktemp("one"), "one", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


def test_threads_change_no_bit(expected: dict[str, np.ndarray], tmp_path: Path) -> None:
    """Of the potential, calibration included, and of what it predicts."""
    two = numbers(tmp_path, "two", OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2", NUMBA_NUM_THREADS="2")
    assert two.keys() == expected.keys()
    for name, found in two.items():
        assert np.array_equal(found, expected[name]), name


def test_another_processor_changes_little(expected: dict[str, np.ndarray], tmp_path: Path) -> None:
    """OpenBLAS is told to take the kernels of a processor of 2008, without fused products; MKL does not listen."""
    old = numbers(tmp_path, "old", OMP_NUM_THREADS="1", OPENBLAS_CORETYPE="Nehalem")
    for name, found in old.items():
        if "." in name:
            np.testing.assert_allclose(found, expected[name], rtol=0, atol=TOLERANCE, err_msg=name)
