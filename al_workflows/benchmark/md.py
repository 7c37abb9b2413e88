"""The dynamics benchmark: runs on EMT, judged after every cycle on a trajectory of EMT that they have not seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ase.calculators.emt import EMT

from al_workflows import offline, steps
from al_workflows.analysis.trajectory import difference, of_pool
from al_workflows.benchmark.cache import Cache, package_hash
from al_workflows.benchmark.choices import named
from al_workflows.benchmark.md_parent import parent_trajectory, worst_element
from al_workflows.benchmark.md_systems import MdSystem
from al_workflows.benchmark.variants import Changes
from al_workflows.benchmark.work import results
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.force_errors import ALL, from_evidence
from al_workflows.records import Cycle, Label, Pool, Record, Request, VerdictKind
from al_workflows.simulations.dynamics import STEPS_MOVED, TEMPERATURE
from al_workflows.spec import RunSpec
from al_workflows.termination import Progress
from al_workflows.threads import single_threaded
from al_workflows.versions import installed_versions

#: eV/Å on the independent trajectory: of all free atoms, and of those of every element
ENOUGH, ENOUGH_OF_ELEMENT = 0.05, 0.08
_MODULES = (
    *("benchmark.md", "benchmark.md_parent", "benchmark.md_systems", "benchmark.variants"),
    "analysis.trajectory",
)
_PACKAGES = ("ase", "numpy", "scipy", "torch", "numba", "vesin")


class MdVariant(Changes):
    """Settings of dynamics."""

    def spec(self, temperature: float, seed: int) -> RunSpec:
        """The run at ``temperature`` (K) on EMT."""
        return self.on_emt(seed, {"kind": "md", "temperature": temperature})


_ALL = (
    MdVariant("default", "as a run file without further keys"),
    MdVariant("no-prior", "the whole energy is learned", {"potential": {"prior": {"kind": "none"}}}),
    MdVariant(
        "random",
        "four frames a cycle at random, each trajectory from the start",
        {"query": {"kind": "random", "batch": 4}, "simulation": {"start_from": "start"}},
    ),
    MdVariant("online", "DFT is asked where a force is less certain than 0.05 eV/Å", {"loop": {"kind": "online"}}),
    MdVariant("networks", "three networks per element in place of the process", {"potential": {"hidden": [20, 20]}}),
)
MD_VARIANTS = {variant.name: variant for variant in _ALL}


def md_variants_of(names: Sequence[str]) -> list[MdVariant]:
    """The variants of those names; ``all`` stands for every one.

    Raises
    ------
    InputError
        A name is not known, or there is none.
    """
    return named("variant", names, MD_VARIANTS)


@dataclass(frozen=True, eq=False)
class MdTrial(Record):
    """One run, with what its models were worth on the independent trajectory.

    By cycle: ``calls`` that a model was trained on, its ``errors`` of forces there by group (eV/Å) and ``energies``'
    (eV). ``own`` are the force errors on the frames of the last cycle, as the run's verdict has them. ``stops`` says
    how each trajectory ended, ``moved`` counts steps, those of equilibrations included. ``radial`` is the
    :func:`~al_workflows.analysis.trajectory.difference` of the last trajectory's radial distribution from the parent's,
    ``temperatures`` (K) are both means, the model's first. ``seconds`` is CPU time by step.
    """

    system: str
    temperature: float
    seed: int
    variant: str
    verdict: VerdictKind
    reason: str
    calls: tuple[int, ...]
    errors: tuple[dict[str, float], ...]
    energies: tuple[float, ...]
    own: dict[str, float]
    stops: tuple[str, ...]
    moved: int
    refused: int
    radial: float
    temperatures: tuple[float, ...]
    seconds: dict[str, float]

    @property
    def converged(self) -> bool:
        """Whether the run itself has said so."""
        return self.verdict is VerdictKind.CONVERGED

    @property
    def good(self) -> bool:
        """Whether the last model is good enough on the independent trajectory."""
        return _enough(self.errors[-1])

    @property
    def calls_to_enough(self) -> int | None:
        """Calls of the first model from which on all are good enough on the independent trajectory."""
        bad = [number for number, errors in enumerate(self.errors) if not _enough(errors)]
        first = bad[-1] + 1 if bad else 0
        return self.calls[first] if first < len(self.calls) else None


def _enough(errors: dict[str, float]) -> bool:
    return errors[ALL] <= ENOUGH and worst_element(errors) <= ENOUGH_OF_ELEMENT


@dataclass(frozen=True)
class MdTask:
    """A run to be made at ``temperature`` (K)."""

    system: MdSystem
    temperature: float
    seed: int
    variant: MdVariant

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return f"{self.system.name}-{self.temperature:g}K-{self.variant.name}-{self.seed}"

    def key(self) -> dict[str, Any]:
        """All that decides its numbers."""
        installed = installed_versions()
        return {
            "system": self.system.name,
            "settings": self.variant.spec(self.temperature, self.seed).model_dump(mode="json"),
            "seed": self.seed,
            "variant": self.variant.name,
            "versions": {name: installed[name] for name in _PACKAGES if name in installed},
            "code": package_hash(*_MODULES),
        }

    @single_threaded
    def run(self) -> MdTrial:
        """Make it."""
        spec, start, emt = self.variant.spec(self.temperature, self.seed), self.system.start(), EMT()
        pools: list[Pool] = []

        def answer(request: Request, directory: Path) -> Label:
            return single_point_in_process(request, emt, limit=spec.dft, directory=directory)

        def keep(cycle: Cycle, progress: Progress) -> None:
            if progress.pool is not None:
                pools.append(progress.pool)

        with TemporaryDirectory() as directory:
            result = offline.run(spec, start, Path(directory), answer, keep, clock=time.process_time)
        parent = parent_trajectory(self.system, self.temperature, self.seed)
        calls, errors, energies = [], [], []
        for cycle in range(1, len(result.cycles) + 1):
            labels = [label for label in result.labels if label.cycle < cycle]
            force, energy = parent.errors(steps.train(spec, cycle, labels))
            calls.append(sum(label.attempts > 0 for label in labels))
            errors.append(force)
            energies.append(energy)
        return MdTrial(
            system=self.system.name,
            temperature=self.temperature,
            seed=self.seed,
            variant=self.variant.name,
            verdict=result.verdict.kind,
            reason=result.verdict.reason,
            calls=tuple(calls),
            errors=tuple(errors),
            energies=tuple(energies),
            own=from_evidence(result.verdict.evidence).get("force_mae_eV_per_A", {}),
            stops=tuple(pool.stop_reason.value for pool in pools),
            moved=int(sum(pool.measures[STEPS_MOVED] for pool in pools)),
            refused=sum(label.attempts == 0 for label in result.labels),
            radial=difference(of_pool(pools[-1]), parent.radial),
            temperatures=(pools[-1].measures.get(TEMPERATURE, float("nan")), parent.temperature),
            seconds={step: spent for step, spent in result.seconds.items() if step != "dft"},
        )


#: told of each run, whether it was stored already, how many are there and how many there will be
Listener = Callable[[MdTrial, bool, int, int], None]


def md_trials(tasks: Sequence[MdTask], cache: Cache, jobs: int = 1, listener: Listener | None = None) -> list[MdTrial]:
    """The runs of ``tasks``, in their order: from ``cache`` where they are, else made by ``jobs`` processes."""
    return results(tasks, MdTrial, cache, jobs, listener)
