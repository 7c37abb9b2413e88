"""The relaxation benchmark: every system from the starts of every seed by every method, ours and peers' alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ase.calculators.emt import EMT

from al_workflows.benchmark.basin import ground_of
from al_workflows.benchmark.cache import Cache, modules_hash, package_hash
from al_workflows.benchmark.judged import judge
from al_workflows.benchmark.ours import relax_by_learning
from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.peers import MAX_CALLS, MAX_SECONDS, Peer, relax_by_peer
from al_workflows.benchmark.relax_tables import tables
from al_workflows.benchmark.relaxed import Relaxed
from al_workflows.benchmark.systems import PaperSystem, System
from al_workflows.benchmark.tables import Document
from al_workflows.benchmark.variants import Variant
from al_workflows.benchmark.work import results
from al_workflows.errors import InputError
from al_workflows.records import atoms_to_dict
from al_workflows.structures import min_distance_ratio
from al_workflows.versions import installed_versions

#: modules that a stored relaxation depends on: of the benchmark's own any, and all that a peer's does
_SHARED = ("benchmark.relax", "benchmark.relaxed", "benchmark.parent", "benchmark.basin")
_PEERS = (*_SHARED, "benchmark.peers", "curvature", "free_directions", "neighbors", "structures")
#: distributions whose version can change a relaxation: a peer's, and ours
_PEER_PACKAGES = ("ase", "numpy", "scipy")
_OUR_PACKAGES = (*_PEER_PACKAGES, "torch", "numba", "vesin")


@dataclass(frozen=True)
class Task:
    """A relaxation to be made on EMT to ``fmax`` (eV/Å)."""

    system: System | PaperSystem
    seed: int
    method: Variant | Peer
    fmax: float

    @property
    def ours(self) -> bool:
        """Whether it is the learner's."""
        return isinstance(self.method, Variant)

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return f"{self.system.name}-{self.method.name}-{self.seed}"

    def key(self) -> dict[str, Any]:
        """All that decides its numbers, so that a stored one is taken over only where it would come out the same."""
        start = json.dumps(atoms_to_dict(self.system.start(self.seed)), sort_keys=True)
        installed = installed_versions()
        packages = _OUR_PACKAGES if self.ours else _PEER_PACKAGES
        key = {
            "system": self.system.name,
            "start": hashlib.sha256(start.encode()).hexdigest(),
            "seed": self.seed,
            "method": self.method.name,
            "fmax": self.fmax,
            "versions": {name: installed[name] for name in packages if name in installed},
        }
        if isinstance(self.method, Variant):
            settings = self.method.spec(self.fmax, self.seed).model_dump(mode="json")
            return key | {"settings": settings, "code": package_hash(*_SHARED, "benchmark.ours")}
        settings = {"arguments": self.method.arguments, "max_calls": MAX_CALLS, "max_seconds": MAX_SECONDS}
        return key | {"settings": settings, "peer": self.method.version, "code": modules_hash(*_PEERS)}

    def run(self) -> Relaxed:
        """Make it."""
        start, parent = self.system.start(self.seed), EMT()
        if isinstance(self.method, Variant):
            trial = relax_by_learning(self.method.spec(self.fmax, self.seed), start, parent)
        else:
            trial = relax_by_peer(self.method, start, parent, self.fmax)
        counted = trial.counted
        end = None if trial.end is None else counted.images[trial.end]
        return Relaxed(
            system=self.system.name,
            seed=self.seed,
            method=self.method.name,
            target=self.fmax,
            outcome=trial.outcome,
            remark=trial.remark,
            energies=tuple(counted.energies),
            fmax=tuple(counted.fmax),
            closest=tuple(min_distance_ratio(image).ratio for image in counted.images),
            rounds=trial.rounds,
            refused=trial.refused,
            end_energy=None if trial.end is None else counted.energies[trial.end],
            ground=ground_of(end, parent) if end is not None and trial.outcome is Outcome.CONVERGED else None,
            seconds=trial.seconds,
        )


#: told of each relaxation, whether it was stored already, how many are there and how many there will be
Listener = Callable[[Relaxed, bool, int, int], None]


@dataclass(frozen=True)
class Plan:
    """What is to be relaxed, to ``fmax`` (eV/Å), and by whom; peers that are not installed are left out and named."""

    systems: Sequence[System | PaperSystem]
    seeds: Sequence[int]
    variants: Sequence[Variant]
    peers: Sequence[Peer]
    fmax: float

    def tasks(self) -> list[Task]:
        """All relaxations, seed by seed, so that what is done of an interrupted benchmark is of all methods.

        Raises
        ------
        InputError
            There is none.
        """
        methods: list[Variant | Peer] = [*(peer for peer in self.peers if peer.version is not None), *self.variants]
        if not methods or not self.systems:
            raise InputError("there is nobody to relax, or nothing; name a variant or an installed peer, and a system")
        return [
            Task(system, seed, method, self.fmax)
            for system in self.systems
            for seed in self.seeds
            for method in methods
        ]


def relaxations(tasks: Sequence[Task], cache: Cache, jobs: int = 1, listener: Listener | None = None) -> list[Relaxed]:
    """The relaxations of ``tasks``, in their order: from ``cache`` where they are, else made by ``jobs`` processes."""
    return results(tasks, Relaxed, cache, jobs, listener)


def document(plan: Plan, relaxed: Sequence[Relaxed], command: str) -> Document:
    """Tables and all runs; ``command`` is what the user typed."""
    judged = judge(relaxed)
    here = [peer for peer in plan.peers if peer.version is not None]
    missing = [peer for peer in plan.peers if peer.version is None]
    settings: dict[str, Any] = {
        "parent": "EMT",
        "target fmax, eV/Å": plan.fmax,
        "seeds": list(plan.seeds),
        "systems": [system.name for system in plan.systems],
    }
    settings |= {f"variant `{variant.name}`": variant.about for variant in plan.variants}
    settings |= {f"peer {peer.name}": f"{peer.package} {peer.version}{_arguments(peer)}" for peer in here}
    settings |= {f"peer {peer.name}": "not installed" for peer in missing}
    absent = [f"{peer.name} ({peer.requirement})" for peer in missing]
    shown = tables(judged, [variant.name for variant in plan.variants], [peer.name for peer in here], absent)
    title = f"Relaxations to {plan.fmax:g} eV/Å: calls of the parent potential"
    return Document(title, command, settings, shown, {"runs": judged})


def _arguments(peer: Peer) -> str:
    return "".join(f", {name} {value}" for name, value in peer.arguments.items())
