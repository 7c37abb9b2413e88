"""The barrier benchmark: each path from the rattled ends of every seed, ours and straight on the parent, EMT."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.benchmark.cache import package_hash
from al_workflows.benchmark.choices import named
from al_workflows.benchmark.neb_peers import PATH_PEERS, TRUTH, PathPeer, path_by_peer
from al_workflows.benchmark.neb_systems import PathSystem
from al_workflows.benchmark.parent import Counting, Outcome
from al_workflows.benchmark.relaxed import ABSURD
from al_workflows.benchmark.variants import Changes
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import AlWorkflowsError, InputError
from al_workflows.path_result import HEIGHT
from al_workflows.records import Label, Record, Request, VerdictKind, atoms_to_dict
from al_workflows.spec import RunSpec
from al_workflows.threads import single_threaded
from al_workflows.versions import installed_versions

_MODULES = (
    *("benchmark.neb", "benchmark.neb_peers", "benchmark.neb_systems", "benchmark.parent", "benchmark.variants"),
)
_PACKAGES = ("ase", "numpy", "scipy", "torch", "numba", "vesin")
#: single points that a run of ours may ask for
MAX_CALLS = 60
_OUTCOMES = {VerdictKind.CONVERGED: Outcome.CONVERGED, VerdictKind.BUDGET_SPENT: Outcome.CALLS_SPENT}


class PathVariant(Changes):
    """Settings of a path."""

    def spec(self, seed: int) -> RunSpec:
        """The run on EMT."""
        limits = {"max_dft_calls": MAX_CALLS}
        return self.on_emt(seed, {"kind": "neb"}, structure="initial", final_structure="final", termination=limits)


_ALL = (
    PathVariant("default", "as a run file without further keys"),
    PathVariant("no-prior", "the whole energy is learned", {"potential": {"prior": {"kind": "none"}}}),
    PathVariant("saddle-ends", "saddle and both ends in every cycle", {"query": {"kind": "saddle_ends"}}),
    PathVariant("uncertainty", "the three most uncertain images", {"query": {"kind": "uncertainty", "batch": 3}}),
    PathVariant("random", "three images at random", {"query": {"kind": "random", "batch": 3}}),
)
PATH_VARIANTS = {variant.name: variant for variant in _ALL}


def path_methods_of(variants: Sequence[str], peers: Sequence[str]) -> list[PathVariant | PathPeer]:
    """The methods of those names; ``all`` stands for every one, ``none`` for none.

    Raises
    ------
    InputError
        A name is not known, or there is none at all.
    """
    chosen: list[PathVariant | PathPeer] = list(named("peer", peers, PATH_PEERS, none=True))
    chosen += named("variant", variants, PATH_VARIANTS, none=True)
    if not chosen:
        raise InputError("there is nobody to find a barrier; name a variant or a peer")
    return chosen


@dataclass(frozen=True, eq=False)
class PathRun(Record):
    """A barrier of ``system`` from the ends of ``seed`` by ``method``.

    ``barrier`` (eV) is what the method says, None without an answer, and ``truth`` that of a tightly converged band
    from the same ends. ``calls`` counts distinct geometries, those of the ends included; ``unphysical`` are those that
    a gate refused or whose largest force is above :data:`~al_workflows.benchmark.relaxed.ABSURD`. ``seconds`` is CPU
    time.
    """

    system: str
    seed: int
    method: str
    outcome: Outcome
    remark: str
    calls: int
    cycles: int
    unphysical: int
    barrier: float | None
    truth: float
    seconds: float

    @property
    def error(self) -> float | None:
        """Of the barrier, eV."""
        return None if self.barrier is None else self.barrier - self.truth


@dataclass(frozen=True)
class PathTask:
    """A barrier to be found on EMT."""

    system: PathSystem
    seed: int
    method: PathVariant | PathPeer

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return f"neb-{self.system.name}-{self.method.name}-{self.seed}"

    def key(self) -> dict[str, Any]:
        """All that decides its numbers."""
        ends = json.dumps([atoms_to_dict(end) for end in self.system.ends(self.seed)], sort_keys=True)
        installed = installed_versions()
        ours = isinstance(self.method, PathVariant)
        settings = self.method.spec(self.seed).model_dump(mode="json") if ours else repr(self.method)  # type: ignore[union-attr]
        return {
            "system": self.system.name,
            "ends": hashlib.sha256(ends.encode()).hexdigest(),
            "seed": self.seed,
            "method": self.method.name,
            "settings": settings,
            "truth": repr(TRUTH),
            "versions": {name: installed[name] for name in _PACKAGES if name in installed},
            "code": package_hash(*_MODULES),
        }

    def run(self) -> PathRun:
        """Make it, and the truth that it is held against."""
        ends = self.system.ends(self.seed)
        true = path_by_peer(TRUTH, ends, EMT())
        if true.outcome is not Outcome.CONVERGED or true.energies is None:
            raise AlWorkflowsError(f"{self.title}: the band that barriers are held against has not converged")
        truth = float(true.energies.max() - true.energies[0])
        if isinstance(self.method, PathVariant):
            return _learned(self.system, self.seed, self.method, truth)
        direct = path_by_peer(self.method, ends, EMT())
        barrier = None if direct.energies is None else float(direct.energies.max() - direct.energies[0])
        unphysical = int((np.array(direct.counted.fmax) > ABSURD).sum())
        about = (self.system.name, self.seed, self.method.name, direct.outcome, "", direct.counted.calls, 0)
        return PathRun(*about, unphysical, barrier, truth, direct.seconds)


@single_threaded
def _learned(system: PathSystem, seed: int, variant: PathVariant, truth: float) -> PathRun:
    spec, (initial, final), refused = variant.spec(seed), system.ends(seed), 0
    counted, began = Counting(EMT(), initial), time.process_time()

    def answer(request: Request, directory: Path) -> Label:
        nonlocal refused
        label = single_point_in_process(request, counted, limit=spec.dft, directory=directory)
        refused += int(label.attempts == 0)
        return label

    outcome, remark, cycles, barrier = Outcome.CRASHED, "", 0, None
    with TemporaryDirectory() as directory:
        try:
            result = offline.run(spec, initial, Path(directory), answer, final=final)
        except AlWorkflowsError as error:
            remark = f"{type(error).__name__}: {error}"
        else:
            outcome = _OUTCOMES.get(result.verdict.kind, Outcome.ENDED)
            barrier, cycles = result.verdict.evidence.get(HEIGHT), len(result.cycles) - 1
            if outcome is not Outcome.CONVERGED or barrier is None:
                remark = f"{result.verdict.kind.value}: {result.verdict.reason}"
    unphysical = refused + int((np.array(counted.fmax) > ABSURD).sum())
    about = (system.name, seed, variant.name, outcome, remark, counted.calls, cycles)
    return PathRun(*about, unphysical, barrier, truth, time.process_time() - began)
