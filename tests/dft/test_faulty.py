"""Relaxations whose DFT fails: at random, everywhere, at the start, or where the answer is."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS

from al_workflows import offline
from al_workflows.records import LabelStatus, VerdictKind
from al_workflows.structures import structure_key
from tests.builders import run_spec
from tests.dft.faulty import FAILURES, fate

V, S = VerdictKind, LabelStatus
#: what a failure becomes
STATUS = {
    "crash": S.CRASHED,
    "kill": S.CRASHED,
    "hang": S.TIMED_OUT,
    "nan": S.UNREADABLE,
    "garbage": S.UNREADABLE,
    "scf": S.SCF_NOT_CONVERGED,
    "force": S.GEOMETRY_REJECTED,
}


def start() -> Atoms:
    """C on Cu(100), nine atoms, the lower layer fixed."""
    atoms = fcc100("Cu", (2, 2, 2), a=3.63, vacuum=6.0)
    add_adsorbate(atoms, "C", 1.8, "hollow")
    atoms.center(vacuum=6.0, axis=2)
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms([atom.index for atom in atoms if atom.tag == 2]))
    atoms.rattle(0.03, seed=3)
    return atoms


@pytest.fixture(scope="module")
def minimum() -> Atoms:
    atoms = start()
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=0.01)
    return atoms


def relax(directory, calculator, arguments, attempts=3):
    dft = {
        "kind": "ase",
        "calculator": f"tests.dft.faulty.{calculator}",
        "arguments": arguments,
        "timeout": 15,  # far more than EMT takes on a loaded machine; a hang lasts as long
        "max_attempts": attempts,
    }
    return offline.run(run_spec(dft=dft), start(), directory)


def seeds(count):
    """Seeds whose first point is answered in the end: the start's failure ends a run, as it should."""
    found, key = [], structure_key(start())
    for seed in range(100):
        kinds = [fate(key, f"attempt_{i}", seed, 0.3) for i in (1, 2, 3)]
        fatal = next((kind for kind in kinds if kind in (None, "scf")), "all failed")
        if fatal is None:
            found.append(seed)
    return found[:count]


def test_fates_are_independent_and_as_frequent_as_asked():
    fates = [fate("x", f"attempt_{i}", 0, 0.3) for i in range(4000)]
    assert 0.27 < sum(kind is not None for kind in fates) / len(fates) < 0.33
    assert {kind for kind in fates if kind} == set(FAILURES)


@pytest.mark.parametrize("seed", seeds(3))
def test_a_third_of_all_attempts_fails_and_the_run_converges(tmp_path, seed):
    result = relax(tmp_path, "Faulty", {"seed": seed, "rate": 0.3})
    assert result.verdict.kind is V.CONVERGED, result.verdict.reason
    for label in result.labels:
        directory = tmp_path / label.key.partition("/")[2]
        places = sorted(directory.glob("attempt_*"))
        assert label.attempts == len(places)
        assert label.ok or label.cause
        fates = [(place / "fate").read_text() if (place / "fate").is_file() else None for place in places]
        last = fates[-1]
        assert label.status is (S.OK if last is None else STATUS[last]), (fates, label.cause)
        assert all(kind not in (None, "scf") for kind in fates[:-1])  # the others are tried again
    assert sum(label.attempts for label in result.labels) >= len(result.labels)


def test_a_start_that_always_fails_ends_the_run(tmp_path):
    result = relax(tmp_path, "FailsNear", {"positions": start().positions.tolist(), "radius": 0.01})
    assert result.verdict.kind is V.FAILED
    assert result.verdict.reason.startswith(
        "DFT failed on the starting structure, crashed: RuntimeError: the code stopped (see "
    )
    assert len(result.cycles) == 1
    assert result.labels[0].attempts == 3


@pytest.mark.parametrize("kind", ["crash", "scf", "force"])
def test_a_minimum_that_always_fails_ends_the_run_with_its_cause(tmp_path, minimum, kind):
    arguments = {"positions": minimum.positions.tolist(), "radius": 0.3, "kind": kind}
    assert np.linalg.norm(start().positions - minimum.positions, axis=1).max() > 0.3
    result = relax(tmp_path, "FailsNear", arguments, attempts=1)
    assert result.verdict.kind in (V.FAILED, V.STALLED), result.verdict.reason
    assert len(result.cycles) <= 30
    assert result.dft_calls <= 30
    failures = [label for label in result.labels if not label.ok]
    assert failures
    assert failures[-1].status.value in result.verdict.reason
    assert {label.status for label in failures} == {STATUS[kind]}
