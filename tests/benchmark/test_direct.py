"""A run's question put straight to DFT: counted, resumable, and the answer of each kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.calculator import CalculationFailed
from ase.calculators.emt import EMT
from ase.io import read, write

from al_workflows.benchmark import direct
from al_workflows.benchmark.direct import POINTS, ask, method_of, start_of
from al_workflows.benchmark.peers import Peer
from al_workflows.dft.calculator import SinglePoints
from al_workflows.errors import AlWorkflowsError, InputError
from al_workflows.preflight import PreparedRun
from al_workflows.records import Label
from tests.bands import hop, neb_spec
from tests.builders import run_spec, slab
from tests.dft.common import misbehaving


def relaxation() -> PreparedRun:
    return PreparedRun("test", run_spec(simulation={"kind": "relaxation", "fmax": 0.1}), slab(1.2))


def test_a_relaxation_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    told: list[Label] = []
    stopped = ask(relaxation(), tmp_path, "BFGS", max_calls=2, listener=told.append)
    assert (stopped.converged, stopped.calls, len(told)) == (False, 2, 2)
    points = sorted((tmp_path / POINTS).glob("*/label.json"))
    times = [point.stat().st_mtime_ns for point in points]
    assert len(points) == 2
    # another method takes over what is there, and leaves it
    assert ask(relaxation(), tmp_path, "FIRE", max_calls=2).calls == 2
    answer = ask(relaxation(), tmp_path, "BFGS")
    assert answer.converged
    assert answer.numbers["fmax_eV_per_A"] <= 0.1
    assert [point.stat().st_mtime_ns for point in points] == times
    assert json.loads((tmp_path / "reference.json").read_text()) == answer.summary()
    images = read(tmp_path / "reference.extxyz", index=":")
    assert len(images) == answer.calls
    images[-1].calc, forces = EMT(), images[-1].get_forces()
    np.testing.assert_allclose(images[-1].get_forces(), forces, atol=1e-6)


def test_dynamics_are_those_of_the_seed_and_a_path_may_be_given_up(tmp_path: Path) -> None:
    moving = PreparedRun("test", run_spec(simulation={"kind": "md", "steps": 100, "stride": 10}), slab(1.0))
    answer = ask(moving, tmp_path / "md", "dynamics", steps=2)
    assert answer.converged
    assert answer.numbers["md_steps_done"] == 2.0
    frames = read(tmp_path / "md" / "reference.extxyz", index=":")
    assert len(frames) == answer.calls == 3
    initial, final = hop()
    path = PreparedRun("test", neb_spec(), initial, final=final)
    answer = ask(path, tmp_path / "neb", "CI-NEB-BFGS", max_calls=1)
    assert (answer.converged, answer.outcome, answer.numbers) == (False, "calls spent", {})


def test_each_kind_has_its_methods() -> None:
    assert method_of("relaxation", None) == "BFGS"
    assert method_of("relaxation", "GPMin") == "GPMin"
    with pytest.raises(InputError, match="'BFGS' does not answer runs of kind neb; give one of CI-NEB-BFGS"):
        method_of("neb", "BFGS")


def test_a_method_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(direct.PEERS, "Sella", Peer("Sella", make=print, package="no-such-package"))
    with pytest.raises(InputError, match="'Sella' needs another package; `pip install no-such-package`"):
        method_of("relaxation", "Sella")


def test_dynamics_begin_with_the_runs_own_atoms(tmp_path: Path) -> None:
    moving = PreparedRun("test", run_spec(simulation={"kind": "md"}), slab())
    moved, other = slab(1.9), slab(size=(2, 2, 3))
    moved.info, other.info = {}, {}
    write(tmp_path / "moved.extxyz", moved)
    began = start_of(tmp_path / "moved.extxyz", moving)
    np.testing.assert_allclose(began.positions, moved.positions, atol=1e-6)
    assert len(began.constraints) == 1
    write(tmp_path / "other.extxyz", other)
    with pytest.raises(InputError, match="is Cu12O in the cell"):
        start_of(tmp_path / "other.extxyz", moving)
    with pytest.raises(InputError, match="of kind relaxation; leave it out"):
        start_of(tmp_path / "moved.extxyz", relaxation())


def test_a_failed_single_point_says_why(tmp_path: Path) -> None:
    atoms = slab()
    atoms.calc = SinglePoints(misbehaving("Raises", {"max_attempts": 1}), tmp_path)
    with pytest.raises(CalculationFailed, match=r"reference/[0-9a-f]{16}: crashed: "):
        atoms.get_potential_energy()
    moving = run_spec(simulation={"kind": "md"}).model_copy(update={"dft": misbehaving("Raises", {"max_attempts": 1})})
    with pytest.raises(AlWorkflowsError, match="run the command again"):
        ask(PreparedRun("test", moving, slab()), tmp_path / "md", "dynamics", steps=2)
