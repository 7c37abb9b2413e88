"""Counting the parent's geometries, and stopping a peer."""

from __future__ import annotations

import time

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.optimize import BFGS

from al_workflows.benchmark.parent import Counting, Outcome, Stop
from al_workflows.benchmark.peers import PEERS, Peer, peers_of, relax_by_peer
from al_workflows.errors import InputError
from tests.builders import slab


def test_a_geometry_counts_once_however_often_it_is_asked_for() -> None:
    atoms = slab(2.0)
    counted = Counting(EMT(), atoms)
    atoms.calc = counted
    first = atoms.get_forces(apply_constraint=False)
    atoms.get_potential_energy()
    atoms.positions[-1, 2] += 0.1
    atoms.get_potential_energy()
    assert counted.calls == 2
    atoms.positions[-1, 2] -= 0.1  # back again, but for the last digits
    assert atoms.get_forces(apply_constraint=False) == pytest.approx(first, abs=1e-12)
    assert counted.calls == 2
    assert counted.place_of(atoms) == 0
    assert [image.positions[-1, 2] for image in counted.images] == pytest.approx([2.0, 2.1] + slab(0).positions[-1, 2])


def test_forces_on_fixed_atoms_do_not_count() -> None:
    start = slab(2.0, seed=0)
    counted = Counting(EMT(), start)
    bare = start.copy()
    bare.set_constraint()  # as a single point is asked for
    fixed = start.constraints[0].index
    bare.positions[fixed[0], 2] += 0.6
    bare.calc = counted
    forces = bare.get_forces()
    assert counted.fmax[0] == pytest.approx(np.linalg.norm(np.delete(forces, fixed, axis=0), axis=1).max())
    assert counted.fmax[0] < np.linalg.norm(forces, axis=1).max()


def test_the_first_geometry_that_has_the_force_is_the_end() -> None:
    outcome = relax_by_peer(PEERS["BFGS"], slab(2.4, seed=0), EMT(), 0.05)
    assert outcome.outcome is Outcome.CONVERGED
    assert outcome.counted.fmax[-1] <= 0.05 < min(outcome.counted.fmax[:-1])
    assert outcome.end == outcome.counted.calls - 1
    atoms = slab(2.4, seed=0)
    atoms.calc = plain = Counting(EMT(), atoms)
    BFGS(atoms, logfile=None).run(fmax=0.05)
    assert plain.energies == outcome.counted.energies


def test_a_start_that_is_relaxed_takes_one_call() -> None:
    trial = relax_by_peer(PEERS["FIRE"], slab(1.0), EMT(), 100.0)
    assert (trial.outcome, trial.counted.calls) == (Outcome.CONVERGED, 1)


@pytest.mark.parametrize("name", ["BFGS", "BFGS-0.04", "BFGSLineSearch", "FIRE", "GPMin", "Sella", "AIDMin"])
def test_every_peer_relaxes_and_is_stopped_at_its_calls(name: str) -> None:
    peer = PEERS[name]
    if peer.version is None:
        pytest.skip(f"{peer.requirement} is not installed")
    trial = relax_by_peer(peer, slab(2.0, seed=0), EMT(), 0.05)
    assert trial.outcome is Outcome.CONVERGED, trial.remark
    assert trial.rounds == trial.counted.calls
    spent = relax_by_peer(peer, slab(2.0, seed=0), EMT(), 0.05, max_calls=4)
    assert (spent.outcome, spent.counted.calls) == (Outcome.CALLS_SPENT, 4)
    assert spent.counted.energies == trial.counted.energies[:4]
    assert spent.counted.energies[spent.end or 0] == min(spent.counted.energies)


def test_a_peer_is_stopped_at_its_time() -> None:
    trial = relax_by_peer(PEERS["FIRE"], slab(2.4), EMT(), 1e-9, max_calls=10_000, max_seconds=0.2)
    assert trial.outcome is Outcome.TIME_SPENT
    assert trial.counted.calls > 1
    assert trial.seconds.keys() == {"optimizer", "parent"}


class Impatient:
    """Ends after one look, or breaks."""

    def __init__(self, atoms: Atoms, error: Exception | None) -> None:
        self._atoms, self._error = atoms, error

    def run(self, fmax: float, steps: int) -> bool:
        self._atoms.get_forces()
        if self._error is not None:
            raise self._error
        return True


@pytest.mark.parametrize(
    ("error", "outcome", "remark"),
    [
        (None, Outcome.ENDED, ""),
        (np.linalg.LinAlgError("singular\nmatrix"), Outcome.CRASHED, "LinAlgError: singular matrix"),
    ],
)
def test_a_peer_that_gives_up_or_breaks_says_so(error: Exception | None, outcome: Outcome, remark: str) -> None:
    peer = Peer("impatient", lambda atoms, directory: Impatient(atoms, error))
    trial = relax_by_peer(peer, slab(2.4), EMT(), 0.03)
    assert (trial.outcome, trial.remark, trial.counted.calls) == (outcome, remark, 1)


def test_an_error_of_another_kind_is_a_bug_and_passes() -> None:
    peer = Peer("impatient", lambda atoms, directory: Impatient(atoms, CalculationFailed("no")))
    with pytest.raises(TypeError):
        relax_by_peer(Peer("none", lambda atoms, directory: None + 1), slab(2.4), EMT(), 0.03)  # type: ignore[operator]
    assert relax_by_peer(peer, slab(2.4), EMT(), 0.03).outcome is Outcome.CRASHED  # a RuntimeError


def test_limits_are_looked_at_before_a_call_and_the_force_after_it() -> None:
    atoms = Atoms("Ar2", [[0, 0, 0], [1.2, 0, 0]])
    atoms.calc = counted = Counting(LennardJones(), atoms, max_calls=1)
    atoms.get_potential_energy()
    atoms.positions[1, 0] = 1.3
    with pytest.raises(Stop, match="calls spent"):
        atoms.get_potential_energy()
    assert counted.calls == 1
    assert counted.seconds <= time.process_time()


def test_an_unknown_peer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"peer 'BGFS' is not known; give some of BFGS, BFGS-0.04, .*or `none`"):
        peers_of(["BGFS"])
    assert [peer.name for peer in peers_of(["GPMin", "GPMin", "BFGS"])] == ["GPMin", "BFGS"]
    assert peers_of(["none"]) == []


def test_a_version_that_does_not_work_is_as_if_not_installed() -> None:
    assert Peer("other", lambda: None, package="ase", needed="0.0").version is None
    assert Peer("other", lambda: None, package="no-such-package").version is None
