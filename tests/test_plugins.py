"""One variant for each room from a package that is only installed, not known here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from al_workflows import offline, plugins
from al_workflows.errors import InputError
from al_workflows.plugins import PriorPlugin
from al_workflows.potential import Image, PotentialCalculator, dump, load, train_potential
from al_workflows.records import VerdictKind
from al_workflows.spec import NetworkPotentialSpec
from tests.builders import label, run_spec, slab
from tests.launchpad.test_bad_input import ALFLOW

PACKAGE = Path(__file__).parent / "plugin_package"
DESCENT = {"kind": "descent", "steps": 15, "fmax": 0.2}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is on the path with its metadata, which is what an installation amounts to."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE))


def test_each_room_is_found() -> None:
    found = {room: plugins.names(room) for room in ("simulations", "queries", "criteria", "priors", "dft")}
    assert found == {
        "simulations": ["descent"],
        "queries": ["every_nth"],
        "criteria": ["energy_below"],
        "priors": ["springs"],
        "dft": ["lennard_jones"],
    }


def test_a_run_in_which_everything_is_a_plug_in(tmp_path: Path) -> None:
    spec = run_spec(
        simulation=DESCENT,
        query={"kind": "every_nth", "n": 4, "batch": 2},
        potential={"prior": {"kind": "springs", "reach": 1.8}, "members": 1},
        termination={"max_cycles": 3, "criteria": [{"kind": "energy_below", "energy": -1e6}]},
        dft={"kind": "lennard_jones", "sigma": 2.2, "timeout": 60},
    )
    result = offline.run(spec, slab(2.2, seed=0), tmp_path)
    assert result.verdict.kind in (VerdictKind.BUDGET_SPENT, VerdictKind.CONVERGED)
    assert all(one.ok and one.code == "alflow-example-plugin 1.0" for one in result.labels)
    assert {one.request.strategy for one in result.labels[1:]} == {"every_nth"}
    assert result.labels[1].request.reason == "every 4th frame"


def test_a_criterion_ends_the_run_with_its_own_words(tmp_path: Path) -> None:
    spec = run_spec(termination={"criteria": [{"kind": "energy_below", "energy": 1e6}]})
    result = offline.run(spec, slab(2.2, seed=0), tmp_path)
    assert result.verdict.criterion == "energy_below"
    assert result.dft_calls == 1


def test_a_prior_corrects_and_survives_the_checkpoint() -> None:
    atoms = slab(1.0)
    one = label(atoms)
    assert one.energy is not None
    assert one.forces is not None
    spec = NetworkPotentialSpec.model_validate({"prior": {"kind": "springs", "reach": 2.6}, "members": 1})
    potential = train_potential([Image(atoms, one.energy, one.forces)], spec, seed=0)
    moved = slab(1.3, seed=4)
    again = load(dump(potential))
    assert again.predict(moved).energy == potential.predict(moved).energy
    prior = PriorPlugin.model_validate({"kind": "springs", "reach": 2.6}).build()
    assert np.abs(prior.energy_and_forces(moved)[1]).max() > 0.1  # it is at work
    moved.calc = PotentialCalculator(potential)
    forces, step = moved.get_forces(apply_constraint=False), 1e-4
    for atom, axis in ((8, 2), (5, 0)):
        energies = []
        for sign in (1, -1):
            shifted = moved.copy()
            shifted.positions[atom, axis] += sign * step
            energies.append(potential.predict(shifted).energy)
        assert forces[atom, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-5)


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"query": {"kind": "every_nth", "n": 0}}, ["query", "every_nth", "`n`", "greater than 0"]),
    ({"query": {"kind": "every_nth", "m": 1}}, ["query", "`m`", "not permitted"]),
    ({"query": {"kind": "nobody"}}, ["query", "nobody", "final_uncertainty", "every_nth"]),
    ({"query": {"batch": 2}}, ["query", "kind"]),
    ({"termination": {"criteria": [{"kind": "final"}]}}, ["termination.criteria.0", "energy_below"]),
    ({"dft": {"kind": "lennard_jones", "sigma": -1}}, ["dft", "`sigma`"]),
    ({"dft": {"kind": "lennard_jones", "timeout": -1}}, ["dft.timeout"]),
]


@pytest.mark.parametrize(("changes", "said"), BAD, ids=[str(changes) for changes, _ in BAD])
def test_bad_keys_of_a_plug_in_are_named(changes: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        run_spec(**changes)
    assert all(text in str(caught.value) for text in said), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.workflow
def test_a_plug_in_simulation_runs_through_fireworks(lpad_file: Path, tmp_path: Path) -> None:
    slab(2.2, seed=0).write(tmp_path / "start.traj")
    run = {
        "structure": "start.traj",
        "simulation": DESCENT,
        "query": {"kind": "every_nth", "batch": 1},
        "termination": {"max_cycles": 2},
        "dft": {"kind": "lennard_jones"},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    done = subprocess.run(
        [ALFLOW, "run", "run.yaml", "--launchpad", str(lpad_file), "--output", "out"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "DFT calls" in done.stdout
    assert (tmp_path / "out" / "labels.extxyz").read_text().count("every 5th frame") >= 1
