"""Trials of peers, and what trials are held against: optimizers and bands of ASE and others, straight on DFT."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from al_workflows.benchmark.cache import modules_hash
from al_workflows.benchmark.neb_peers import PATH_PEERS, PathPeer, path_by_peer
from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.peers import MAX_CALLS, MAX_SECONDS, PEERS, Peer, relax_by_peer
from al_workflows.dft.spec import DftSpec, EmtSpec
from al_workflows.errors import InputError
from al_workflows.study.learned import TIGHT, below, key_of
from al_workflows.study.parent import parent_of
from al_workflows.study.systems import StudySystem
from al_workflows.study.trial import BARRIER, CONVERGED, ENERGIES, ENERGY, FMAX, FORCES, Trial

_MODULES = (
    *("study.direct", "study.learned", "study.parent", "benchmark.peers", "benchmark.neb_peers", "benchmark.parent"),
    *("curvature", "structures", "neighbors"),
)
#: what relaxations are held against, from the same start: small steps, tight forces; paid for by nobody
REFERENCE = Peer("reference", PEERS["BFGS"].make, arguments={"maxstep": 0.05})
#: eV/Å: its force on DFT, whose noise is larger than EMT's
TIGHT_DFT = 0.01
#: steps of a reference
ENOUGH = 600
#: the band that barriers are held against
TRUE_BAND = PathPeer("truth", "BFGS", images=5, end_fmax=0.005, band_fmax=0.01)


@dataclass(frozen=True)
class Direct:
    """``peer`` on ``system``, to ``fmax`` (eV/Å)."""

    system: StudySystem
    peer: Peer | PathPeer
    seed: int
    fmax: float
    dft: DftSpec
    root: Path = field(compare=False)

    @property
    def name(self) -> str:
        """The peer's."""
        return self.peer.name

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return f"{self.system.name}-{self.name}-{self.fmax:g}-{self.seed}"

    def key(self) -> dict[str, Any]:
        """All that decides its numbers."""
        settings: dict[str, Any] = {"dft": self.dft.model_dump(mode="json"), "fmax": self.fmax}
        if isinstance(self.peer, Peer):
            settings |= {"peer": self.peer.name, "version": self.peer.version, "arguments": self.peer.arguments}
        else:
            settings |= {"peer": repr(self.peer)}
        return key_of(self.system, self.seed, settings, modules_hash(*_MODULES))

    def run(self) -> Trial:
        """Make it."""
        (start, final), parent = self.system.make(self.seed), parent_of(self.dft, self.root)
        if isinstance(self.peer, PathPeer):
            assert final is not None  # a path has one
            return self._band(start, final, parent)
        most = ENOUGH if self.name == REFERENCE.name else MAX_CALLS
        seconds = MAX_SECONDS if isinstance(self.dft, EmtSpec) else float("inf")
        found, began = relax_by_peer(self.peer, start, parent, self.fmax, most, seconds), time.process_time()
        counted, numbers = found.counted, dict[str, float]()
        end = None if found.end is None else counted.images[found.end]
        if found.end is not None and end is not None:
            numbers = {ENERGY: counted.energies[found.end], FMAX: counted.fmax[found.end]}
            if isinstance(self.dft, EmtSpec) and found.outcome is Outcome.CONVERGED:
                numbers |= below(end)
        failed = int("CalculationFailed" in found.remark)
        return Trial(
            system=self.system.name,
            arm=self.name,
            seed=self.seed,
            outcome=CONVERGED if found.outcome is Outcome.CONVERGED else found.outcome.value,
            remark=found.remark,
            calls=counted.calls + failed,
            failed=failed,
            numbers=numbers,
            curves={ENERGIES: tuple(counted.energies), FORCES: tuple(counted.fmax)},
            images=() if end is None else (end,),
            run="",
            seconds=sum(found.seconds.values()) + time.process_time() - began,
        )

    def _band(self, start: Any, final: Any, parent: Any) -> Trial:
        assert isinstance(self.peer, PathPeer)
        found = path_by_peer(self.peer, (start, final), parent)
        energies = () if found.energies is None else tuple(float(energy) for energy in found.energies)
        return Trial(
            system=self.system.name,
            arm=self.name,
            seed=self.seed,
            outcome=CONVERGED if found.outcome is Outcome.CONVERGED else found.outcome.value,
            remark="",
            calls=found.counted.calls,
            failed=0,
            numbers={BARRIER: max(energies) - energies[0]} if energies else {},
            curves={ENERGIES: energies, FORCES: tuple(found.counted.fmax)},
            images=found.images,
            run="",
            seconds=found.seconds,
        )


def direct(
    systems: Sequence[StudySystem],
    peers: Sequence[Peer | PathPeer],
    seeds: Sequence[int],
    fmax: float,
    dft: DftSpec,
    root: Path,
) -> list[Direct]:
    """A trial of every peer that is installed on every system with every seed."""
    here = [peer for peer in peers if isinstance(peer, PathPeer) or peer.version is not None]
    return [Direct(system, peer, seed, fmax, dft, root) for system in systems for seed in seeds for peer in here]


def reference(system: StudySystem, seeds: Sequence[int], dft: DftSpec, root: Path) -> list[Direct]:
    """Where BFGS ends from the system's starts, tightly converged."""
    fmax = TIGHT if isinstance(dft, EmtSpec) else TIGHT_DFT
    return [Direct(system, REFERENCE, seed, fmax, dft, root) for seed in seeds]


def missing() -> list[str]:
    """Peers that are not installed, each with what pip would have to install."""
    return [f"{peer.name} (pip install {peer.requirement})" for peer in PEERS.values() if peer.version is None]


def bands() -> list[PathPeer]:
    """The climbing bands of ASE."""
    return list(PATH_PEERS.values())


def the_one(trials: Sequence[Trial], name: str, seed: int | None = None) -> Trial:
    """The trial of that arm (and seed).

    Raises
    ------
    InputError
        It has not been made, or found nothing.
    """
    for trial in trials:
        if trial.arm == name and trial.images and (seed is None or trial.seed == seed):
            return trial
    raise InputError(f"the study has no trial {name!r} with an answer to hold the others against; run it with --fresh")
