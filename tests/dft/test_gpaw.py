"""Real GPAW calculations, a few seconds each."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from al_workflows.dft.gpaw import GpawBackend
from al_workflows.dft.settings import check_available
from al_workflows.dft.single_point import single_point
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.records import LabelStatus
from al_workflows.spec import GpawSpec
from tests.dft.common import request, slab

pytestmark = pytest.mark.gpaw
pytest.importorskip("gpaw", reason="GPAW is not installed (.ci/install_gpaw)")

#: coarse: what is tested is the plumbing
QUICK = {"mode": {"name": "pw", "ecut": 250}}


def test_a_slab_periodic_in_two_directions(tmp_path):
    label = single_point(request(), GpawSpec(parameters=QUICK), tmp_path)
    assert label.status is LabelStatus.OK, label.cause
    assert label.code.startswith("gpaw ")
    assert label.forces.shape == (3, 3)
    assert np.linalg.norm(label.forces[0]) > 0.05  # fixed
    assert np.abs(label.forces.sum(axis=0)).max() < 0.1
    assert "Free energy" in (tmp_path / "attempt_1/gpaw.txt").read_text()


def test_forces_are_the_derivative_of_the_energy(tmp_path):
    spec = GpawSpec(parameters={**QUICK, "convergence": {"density": 1e-6}})
    atoms = slab()
    force = single_point(request(atoms), spec, tmp_path / "0").forces[2, 2]
    energies = []
    for sign in (1, -1):
        moved = slab()
        moved.positions[2, 2] += sign * 0.01
        energies.append(single_point(request(moved), spec, tmp_path / str(sign)).energy)
    assert force == pytest.approx(-(energies[0] - energies[1]) / 0.02, abs=0.02)


def test_scf_that_does_not_converge(tmp_path):
    spec = GpawSpec(parameters={**QUICK, "maxiter": 3}, scf_retries=0)
    label = single_point(request(), spec, tmp_path)
    assert label.status is LabelStatus.SCF_NOT_CONVERGED
    assert label.cause.startswith("GPAW's SCF cycle did not converge in 3 iterations (energy -")
    assert label.attempts == 1


def test_scf_that_converges_with_another_rung_of_the_ladder(tmp_path):
    easy = single_point(request(), GpawSpec(parameters=QUICK), tmp_path / "easy")
    label = single_point(request(), GpawSpec(parameters={**QUICK, "maxiter": 3}), tmp_path / "hard")
    assert label.ok
    assert label.attempts == 2
    assert label.cause == "SCF converged only with Davidson and 500 steps"
    assert label.energy == pytest.approx(easy.energy, abs=1e-3)
    assert np.abs(label.forces - easy.forces).max() < 0.01


@pytest.mark.filterwarnings("ignore::UserWarning:gpaw")
def test_every_rung_is_one_that_gpaw_takes():
    for rung in GpawBackend().ladder():
        GpawBackend(**rung.changes).check(["Cu"])


def test_geometries_that_gpaw_refuses(tmp_path):
    atoms = slab()
    atoms.positions[:, 2] -= 6.0
    label = single_point(request(atoms), GpawSpec(parameters=QUICK), tmp_path / "boundary")
    assert label.status is LabelStatus.GEOMETRY_REJECTED
    assert label.cause == "GPAW: Atoms too close to boundary"
    atoms.positions[0] = atoms.positions[1]
    label = single_point(request(atoms), GpawSpec(parameters=QUICK, min_distance=0), tmp_path / "coincident")
    assert label.status is LabelStatus.GEOMETRY_REJECTED


def test_a_molecule_needs_k_points_of_its_own(tmp_path):
    molecule = Atoms("CO", positions=[[3, 3, 3], [3, 3, 4.14]], cell=[6, 6, 7])
    label = single_point(request(molecule), GpawSpec(parameters=QUICK, max_attempts=1), tmp_path / "a")
    assert label.status is LabelStatus.CRASHED
    assert "K-points can only be used with PBCs" in label.cause
    gamma = {**QUICK, "kpts": {"size": [1, 1, 1]}}
    label = single_point(request(molecule), GpawSpec(parameters=gamma), tmp_path / "b")
    assert label.status is LabelStatus.OK, label.cause


@pytest.mark.parametrize(
    "parameters",
    [
        {"ecutt": 3},
        {"mode": {"name": "pw", "ecutt": 3}},
        {"mode": "plane waves"},
        {"xc": "RPPBE"},
        {"kpts": {"siz": 1}},
    ],
)
def test_wrong_keywords_are_found_before_anything_runs(parameters):
    with pytest.raises(InputError, match=r"`dft\.parameters` is .* but GPAW refuses it") as caught:
        check_available(GpawSpec(parameters=parameters), ["Cu"])
    assert "\n" not in str(caught.value)


def test_setups():
    check_available(GpawSpec(), ["Cu", "C"])
    with pytest.raises(EnvironmentProblem, match=r"no setup for Am .*gpaw-data") as caught:
        check_available(GpawSpec(), ["Cu", "Am"])
    assert "\n" not in str(caught.value)
