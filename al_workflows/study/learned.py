"""Trials of ours: the loop in this process, its records kept, so that figures see all that a report would see."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.optimize import BFGS

from al_workflows import offline, steps
from al_workflows.analysis.metrics import structure_mae
from al_workflows.benchmark.basin import BOTTOM_STEP, BOTTOM_STEPS
from al_workflows.benchmark.cache import package_hash
from al_workflows.curvature import modes
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.dft.spec import DftSpec, EmtSpec
from al_workflows.errors import AlWorkflowsError
from al_workflows.path_result import HEIGHT
from al_workflows.records import Label, Request, VerdictKind, atoms_to_dict
from al_workflows.results import RunResult
from al_workflows.spec import NebSpec, RelaxationSpec, RunSpec
from al_workflows.structures import max_force
from al_workflows.study.arms import Arm
from al_workflows.study.parent import parent_of
from al_workflows.study.systems import StudySystem
from al_workflows.study.trial import (
    BARRIER,
    BOTTOM,
    ENERGIES,
    ENERGY,
    FMAX,
    FORCES,
    MODEL_ENERGY,
    NEGATIVE,
    TO_BOTTOM,
    Trial,
)
from al_workflows.threads import single_threaded
from al_workflows.versions import installed_versions

_MODULES = ("study.learned", "study.parent", "study.trial")
PACKAGES = ("ase", "numpy", "scipy", "torch", "numba", "vesin", "gpaw")
#: eV/Å: how far an end is followed down to the stationary point that it is held against
TIGHT = 0.005


@dataclass(frozen=True)
class Learned:
    """A run of ``arm`` on ``system``; ``simulation`` is that part of its run file."""

    system: StudySystem
    arm: Arm
    seed: int
    simulation: dict[str, Any]
    dft: DftSpec
    root: Path = field(compare=False)

    @property
    def name(self) -> str:
        """The arm's."""
        return self.arm.name

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return f"{self.system.name}-{self.arm.name}-{self.seed}"

    def spec(self) -> RunSpec:
        """The run."""
        final = {"final_structure": "final"} if self.simulation.get("kind") == "neb" else {}
        return self.arm.spec(self.dft, self.seed, self.simulation, **final)

    def key(self) -> dict[str, Any]:
        """All that decides its numbers."""
        return key_of(self.system, self.seed, self.spec().model_dump(mode="json"), package_hash(*_MODULES))

    @single_threaded
    def run(self) -> Trial:
        """Make it; a loop that cannot go on is a trial that crashed."""
        spec, (start, final), began = self.spec(), self.system.make(self.seed), time.process_time()
        parent = parent_of(spec.dft, self.root)

        def answer(request: Request, directory: Path) -> Label:
            return single_point_in_process(request, parent, limit=spec.dft, directory=directory)

        digest = hashlib.sha256(json.dumps(self.key(), sort_keys=True).encode()).hexdigest()
        place = Path("runs") / f"{self.title}-{digest[:12]}"
        try:
            result = offline.run(spec, start, self.root / place, answer, clock=time.process_time, final=final)
        except AlWorkflowsError as error:
            remark = f"{type(error).__name__}: {error}"
            return Trial(self.system.name, self.name, self.seed, "CRASHED", remark, 0, 0, {}, {}, (), "", 0.0)
        numbers, images = self._ends(spec, start, result)
        computed = [label for label in result.labels if label.attempts > 0]
        answered = [label for label in computed if label.energy is not None and label.forces is not None]
        return Trial(
            system=self.system.name,
            arm=self.name,
            seed=self.seed,
            outcome=result.verdict.kind.value,
            remark=result.verdict.reason,
            calls=len(computed),
            failed=sum(not label.ok for label in computed),
            numbers=numbers,
            curves={
                ENERGIES: tuple(float(label.energy or 0.0) for label in answered),
                FORCES: tuple(max_force(label.atoms, label.forces) for label in answered if label.forces is not None),
            },
            images=images,
            run=str(place),
            seconds=time.process_time() - began,
        )

    def _ends(self, spec: RunSpec, start: Atoms, result: RunResult) -> tuple[dict[str, float], tuple[Atoms, ...]]:
        if isinstance(spec.simulation, NebSpec):
            height = result.verdict.evidence.get(HEIGHT)
            band = () if result.band is None else tuple(result.band.frame(k) for k in range(len(result.band)))
            return ({} if height is None else {BARRIER: height}), band
        if not isinstance(spec.simulation, RelaxationSpec):
            return {}, ()
        found = self._relaxed(spec, start, result)
        if found is None:
            return {}, ()
        end, numbers = found
        quick = isinstance(self.dft, EmtSpec)
        return numbers | (below(end) if quick else {}), (end,)

    def _relaxed(self, spec: RunSpec, start: Atoms, result: RunResult) -> tuple[Atoms, dict[str, float]] | None:
        """The answer of a run that converged; else where the model of all its labels relaxes the start to."""
        answer = result.answer
        if result.verdict.kind is VerdictKind.CONVERGED and answer is not None and answer.forces is not None:
            said = answer.request.predicted_energy
            numbers = {ENERGY: float(answer.energy or 0.0), FMAX: max_force(answer.atoms, answer.forces)}
            return answer.atoms, numbers | ({} if said is None else {MODEL_ENERGY: said})
        if not any(label.ok for label in result.labels):
            return None
        cycle = len(result.cycles)
        try:
            pool = steps.simulate(
                spec, cycle, start, steps.train(spec, cycle, result.labels), result.labels, result.cycles
            )
        except AlWorkflowsError:
            return None
        if len(pool) == 0:
            return None
        end = pool.frame(-1)
        numbers = {MODEL_ENERGY: float(pool.energies[-1])}
        if isinstance(self.dft, EmtSpec):
            energy, forces = asked(end, EMT())
            numbers |= {ENERGY: energy, FMAX: max_force(end, forces)}
        return end, numbers


def key_of(system: StudySystem, seed: int, settings: Any, code: str) -> dict[str, Any]:
    """What decides a trial's numbers: structures, seed, settings, versions of packages and of this code."""
    structures = [None if one is None else atoms_to_dict(one) for one in system.make(seed)]
    installed = installed_versions()
    return {
        "system": system.name,
        "structures": hashlib.sha256(json.dumps(structures, sort_keys=True).encode()).hexdigest(),
        "seed": seed,
        "settings": settings,
        "versions": {name: installed[name] for name in PACKAGES if name in installed},
        "code": code,
    }


def asked(atoms: Atoms, parent: Calculator) -> tuple[float, Any]:
    """Energy (eV) and forces (eV/Å, [N, 3], constraints not applied) by ``parent``, counted by nobody."""
    copy = atoms.copy()
    copy.calc = parent
    return float(copy.get_potential_energy()), np.asarray(copy.get_forces(apply_constraint=False))


def below(end: Atoms) -> dict[str, float]:
    """Of an end on EMT: its negative modes, and energy and structure of the stationary point that it runs down to."""
    bottom = end.copy()
    bottom.calc = EMT()
    BFGS(bottom, logfile=None, maxstep=BOTTOM_STEP).run(fmax=TIGHT, steps=BOTTOM_STEPS)
    energy = float(bottom.get_potential_energy())
    negative = float(modes(end, EMT()).negative())
    return {BOTTOM: energy, TO_BOTTOM: structure_mae(end, bottom), NEGATIVE: negative}


def learned(
    systems: Sequence[StudySystem],
    arms: Sequence[Arm],
    seeds: Sequence[int],
    simulation: dict[str, Any],
    dft: DftSpec,
    root: Path,
) -> list[Learned]:
    """A trial of every arm on every system with every seed, seed by seed."""
    return [Learned(system, arm, seed, simulation, dft, root) for system in systems for seed in seeds for arm in arms]
