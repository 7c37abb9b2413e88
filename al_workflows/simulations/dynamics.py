"""Molecular dynamics on the model, followed as long as the model can be followed."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md.md import MolecularDynamics

from al_workflows.geometry import nearest
from al_workflows.md_spec import MdSpec
from al_workflows.potential import PotentialCalculator
from al_workflows.records import Pool, StopReason
from al_workflows.simulations.frames import Frames, largest_spread
from al_workflows.simulations.guards import BESIDE, Guards
from al_workflows.simulations.thermostats import equilibrating, integrator, memory_of, set_in_motion
from al_workflows.step_checkpoint import NOWHERE, Checkpoint, Snapshot, random_state, set_random_state

#: steps between two looks at the ensemble's disagreement and at distances; temperatures are looked at in each
LOOK = 10

#: a strained start heats the atoms before the thermostat cools them: they may be so many times hotter meanwhile
EQUILIBRATING = 5.0

#: names in :attr:`al_workflows.records.Pool.measures`
STEPS_DONE = "md_steps_done"
#: equilibration included
STEPS_MOVED = "steps_with_equilibration"
TEMPERATURE, TEMPERATURE_DRIFT = "temperature_K", "temperature_drift_K_per_ps"
#: of kinetic and potential energy together; what NVE keeps
ENERGY_DRIFT = "total_energy_drift_eV_per_ps"
FRAME_INTERVAL = "frame_interval_fs"
#: DFT is asked for so many random frames, to confirm the accuracy
VALIDATION_FRAMES = "validation_frames"


#: how the names of the thermostat's arrays begin in a checkpoint
MEMORY = "thermostat."


class Stage(enum.StrEnum):
    """The two parts of a trajectory."""

    EQUILIBRATION = "equilibration"
    TRAJECTORY = "trajectory"


class Dynamics:
    """Equilibrate with new velocities, then run ``spec.steps`` steps; stop where the model cannot be followed.

    Between looks forces are those of the ensemble's mean alone. Where a trajectory ends before its equilibration does,
    the frames of that are the pool.

    Parameters
    ----------
    spec
        Thermostat, temperature, lengths, limits.
    min_distance
        See :class:`~al_workflows.simulations.guards.Guards`.
    checkpoint
        Where it goes on after a kill, to the same pool.
    """

    def __init__(self, spec: MdSpec, min_distance: float, checkpoint: Checkpoint = NOWHERE) -> None:
        self._spec = spec
        self._min_distance = min_distance
        self._checkpoint = checkpoint

    def run(self, start: Atoms, calculator: Calculator, known: Sequence[Atoms], rng: np.random.Generator) -> Pool:
        """See :class:`~al_workflows.simulations.Simulation`."""
        spec = self._spec
        origin = self._origin(start, calculator, known, rng)
        atoms = set_in_motion(origin, spec.temperature, rng)
        atoms.calc = calculator.of_mean() if isinstance(calculator, PotentialCalculator) else calculator
        guards = Guards(origin, self._min_distance)
        walk = _Walk(spec, atoms, calculator, guards, known, start, self._checkpoint, rng)
        found = self._checkpoint.read()
        problem, moved, done = None, spec.equilibration, 0
        if spec.equilibration and (found is None or found.values["stage"] == Stage.EQUILIBRATION):
            thermostat = equilibrating(spec.thermostat)
            first = integrator(atoms, thermostat, spec.timestep, spec.temperature, rng)
            problem = walk.follow(first, spec.equilibration, Stage.EQUILIBRATION, found)
            moved, found = int(first.nsteps), None
        if problem is None:
            walk.forget()
            dynamics = integrator(atoms, spec.thermostat, spec.timestep, spec.temperature, rng)
            problem = walk.follow(dynamics, spec.steps, Stage.TRAJECTORY, found)
            done = int(dynamics.nsteps)
        reason, detail = problem or (StopReason.MAX_STEPS, f"{spec.steps} steps of {spec.timestep:g} fs")
        return walk.frames.pool(
            reason, detail, walk.measures() | {STEPS_DONE: float(done), STEPS_MOVED: float(moved + done)}
        )

    def _origin(self, start: Atoms, calculator: Calculator, known: Sequence[Atoms], rng: np.random.Generator) -> Atoms:
        """``start``, or with the positions of a label that is not too high above the others for this temperature."""
        if self._spec.start_from == "start" or not known:
            return start
        found = []
        for label in known:
            found.append(label.copy())
            found[-1].calc = calculator
        energies = np.array([atoms.get_potential_energy() for atoms in found])
        # twice what the potential energy of so many classical oscillators is in the mean
        ceiling = energies.min() + units.kB * self._spec.temperature * start.get_number_of_degrees_of_freedom()
        origin = start.copy()
        origin.positions[:] = known[int(rng.choice(np.flatnonzero(energies <= ceiling)))].positions
        return origin


@dataclass
class _Walk:
    """A trajectory under way: ``atoms`` move on the ensemble's mean; ``calculator`` says how far to believe it."""

    spec: MdSpec
    atoms: Atoms
    calculator: Calculator
    guards: Guards
    known: Sequence[Atoms]
    template: Atoms
    checkpoint: Checkpoint
    rng: np.random.Generator
    frames: Frames = field(init=False)
    temperatures: list[float] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin a new trajectory."""
        self.frames = Frames(self.template)
        self.temperatures, self.totals = [], []

    def follow(
        self, dynamics: MolecularDynamics, steps: int, stage: Stage, found: Snapshot | None
    ) -> tuple[StopReason, str] | None:
        """Move to ``steps``, from where ``found`` was kept if it is given; why it stopped before, None if not."""
        if found is not None:
            self._go_on(dynamics, found)
        looked = int(dynamics.nsteps)  # the step that it goes on from was looked at before it was kept
        for _ in dynamics.irun(steps - looked):
            step = int(dynamics.nsteps)
            if 0 < step == looked:
                continue
            problem = self._hot(EQUILIBRATING if stage is Stage.EQUILIBRATION else 1.0) or self._look(step)
            if problem is not None:
                return problem
            if step and self.checkpoint.due:
                self._keep(dynamics, stage)
        return None

    def _keep(self, dynamics: MolecularDynamics, stage: Stage) -> None:
        values = {"stage": stage, "steps": int(dynamics.nsteps), "random": random_state(self.rng)}
        lists = {name: np.array(content) for name, content in self._lists().items()}
        arrays = {"now": self.atoms.positions, "momenta": self.atoms.arrays["momenta"], **lists}
        self.checkpoint.write(values, arrays | {MEMORY + name: array for name, array in memory_of(dynamics).items()})

    def _go_on(self, dynamics: MolecularDynamics, found: Snapshot) -> None:
        """Go on from what :meth:`_keep` has kept. (Arrays are set as they are: constraints have had their say.)"""
        arrays = found.arrays
        self.atoms.positions[:], self.atoms.arrays["momenta"][:] = arrays["now"], arrays["momenta"]
        for name, array in memory_of(dynamics).items():
            array[:] = arrays[MEMORY + name]
        for name, content in self._lists().items():
            content[:] = arrays[name] if arrays[name].ndim > 1 else arrays[name].tolist()
        dynamics.nsteps = found.values["steps"]
        set_random_state(self.rng, found.values["random"])

    def _lists(self) -> dict[str, list[Any]]:
        """What grows with the trajectory."""
        frames = self.frames
        return {
            "positions": frames.positions,
            "energies": frames.energies,
            "forces": frames.forces,
            "uncertainties": frames.uncertainties,
            "temperatures": self.temperatures,
            "totals": self.totals,
        }

    def _hot(self, hotter: float) -> tuple[StopReason, str] | None:
        temperature = self.atoms.get_temperature()
        limit = self.spec.temperature * self.spec.max_temperature_ratio * hotter
        if not np.isfinite(temperature):
            return StopReason.NOT_FINITE, "the model predicts a number that is not finite"
        if temperature > limit:
            return StopReason.TOO_HOT, f"the atoms are at {temperature:.0f} K (limit {limit:.0f} K)"
        self.temperatures.append(float(temperature))
        self.totals.append(float(self.atoms.get_potential_energy() + self.atoms.get_kinetic_energy()))
        return None

    def _look(self, step: int) -> tuple[StopReason, str] | None:
        of_pool = step % self.spec.stride == 0
        if not of_pool and step % LOOK:
            return None
        seen = self.template.copy()
        seen.positions[:] = self.atoms.positions
        seen.calc = self.calculator
        problem = self.guards.problem(seen, seen.get_potential_energy(), seen.get_forces(apply_constraint=False))
        if problem is not None:
            return problem
        spread, limit = largest_spread(seen), self.spec.max_uncertainty
        uncertain = limit is not None and spread > limit and nearest(seen, self.known)[1] > BESIDE
        if of_pool or uncertain:
            self.frames.add(seen)
        if uncertain:
            return StopReason.UNCERTAIN, f"the force of an atom is uncertain by {spread:.2f} eV/Å"
        return None

    def measures(self) -> dict[str, float]:
        """Mean temperature, and what drifts."""
        found = {FRAME_INTERVAL: self.spec.stride * self.spec.timestep}
        if self.temperatures:
            found[TEMPERATURE] = float(np.mean(self.temperatures))
        if len(self.temperatures) > 1:
            times = np.arange(len(self.temperatures)) * self.spec.timestep / 1000  # ps
            found[TEMPERATURE_DRIFT] = float(np.polyfit(times, self.temperatures, 1)[0])
            found[ENERGY_DRIFT] = float(np.polyfit(times, self.totals, 1)[0])
        return found
