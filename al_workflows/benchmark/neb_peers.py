"""Paths straight on the parent: the truth that barriers are held against, and a nudged elastic band that is counted."""

from __future__ import annotations

import time
from dataclasses import dataclass

import ase.optimize
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.mep import NEB, idpp_interpolate

from al_workflows.band import straight_line
from al_workflows.benchmark.parent import Counting, Outcome, Stop
from al_workflows.records import FloatArray
from al_workflows.threads import single_threaded

#: steps of each end and of each phase of a band, and where its highest image begins to climb, in units of its target
MAX_STEPS, CLIMB_FROM = 400, 5.0


@dataclass(frozen=True)
class PathPeer:
    """A climbing band of ASE between ends that the same optimizer has relaxed; forces in eV/Å."""

    name: str
    optimizer: str
    images: int = 5
    end_fmax: float = 0.05
    band_fmax: float = 0.05


_ALL = (PathPeer("CI-NEB-BFGS", "BFGS"), PathPeer("CI-NEB-FIRE", "FIRE"))
PATH_PEERS = {peer.name: peer for peer in _ALL}
#: what barriers are held against, from the same ends
TRUTH = PathPeer("truth", "BFGS", images=7, end_fmax=0.005, band_fmax=0.01)


@dataclass(frozen=True, eq=False)
class DirectPath:
    """A path on the parent: ``energies`` (eV, [F]) of its ``images``, None where it ended before; CPU ``seconds``."""

    counted: Counting
    outcome: Outcome
    energies: FloatArray | None
    seconds: float
    images: tuple[Atoms, ...] = ()


@single_threaded
def path_by_peer(
    peer: PathPeer, ends: tuple[Atoms, Atoms], parent: Calculator, max_calls: int | None = None
) -> DirectPath:
    """Relax both ends and the band between them on ``parent``, each distinct geometry counted."""
    counted, began = Counting(parent, ends[0], max_calls=max_calls), time.process_time()
    optimizer = getattr(ase.optimize, peer.optimizer)
    relaxed = [end.copy() for end in ends]
    energies, converged, images = None, True, list[Atoms]()
    try:
        for end in relaxed:
            end.calc = counted
            converged &= bool(optimizer(end, logfile=None).run(fmax=peer.end_fmax, steps=MAX_STEPS))
        images = straight_line(relaxed[0], relaxed[1], peer.images)
        idpp_interpolate(NEB(images, method="improvedtangent"), traj=None, log=None, mic=True)
        for image in images:
            image.calc = counted
        band = NEB(images, method="improvedtangent", allow_shared_calculator=True)
        for band.climb, fmax in ((False, CLIMB_FROM * peer.band_fmax), (True, peer.band_fmax)):
            converged &= bool(optimizer(band, logfile=None).run(fmax=fmax, steps=MAX_STEPS))
        energies = np.array([image.get_potential_energy() for image in images])
        outcome = Outcome.CONVERGED if converged else Outcome.ENDED
    except Stop as stop:
        outcome = stop.outcome
    seconds = time.process_time() - began
    return DirectPath(counted, outcome, energies, seconds, () if energies is None else tuple(images))
