"""Molecular dynamics on the model, followed as long as the model can be followed."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md.md import MolecularDynamics

from al_workflows.geometry import nearest
from al_workflows.loop_spec import OnlineSpec
from al_workflows.md_spec import MdSpec
from al_workflows.motion import Motion, Trail
from al_workflows.potential import PotentialCalculator
from al_workflows.records import Pool, StopReason
from al_workflows.simulations.frames import Frames, largest_spread, told_uncertain
from al_workflows.simulations.guards import BESIDE, Guards
from al_workflows.simulations.thermostats import equilibrating, integrator, memory_of, set_in_motion
from al_workflows.step_checkpoint import NOWHERE, Checkpoint, Snapshot, random_state, set_random_state

#: steps between two looks at the ensemble's disagreement and at distances; temperatures are looked at in each
LOOK = 10

#: a strained start heats the atoms before the thermostat cools them: they may be so many times hotter meanwhile
EQUILIBRATING = 5.0

#: names in :attr:`al_workflows.records.Pool.measures`
STEPS_DONE = "md_steps_done"
#: equilibration included; of a trajectory that goes on, since then
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
    online
        Where it stops to ask, in place of ``spec.max_uncertainty``; the pool then has its ``motion``.
    goes_on
        The state to go on from, as :func:`state_of` gives it, in place of a new trajectory; its frames are the pool's
        first.
    """

    def __init__(
        self,
        spec: MdSpec,
        min_distance: float,
        checkpoint: Checkpoint = NOWHERE,
        online: OnlineSpec | None = None,
        goes_on: Snapshot | None = None,
    ) -> None:
        self._spec = spec
        self._min_distance = min_distance
        self._checkpoint = checkpoint
        self._online = online
        self._goes_on = goes_on
        self._moved_before = 0
        if goes_on is not None:
            equilibrated = spec.equilibration if goes_on.values["stage"] == Stage.TRAJECTORY else 0
            self._moved_before = int(goes_on.values["steps"]) + equilibrated

    def run(self, start: Atoms, calculator: Calculator, known: Sequence[Atoms], rng: np.random.Generator) -> Pool:
        """See :class:`~al_workflows.simulations.Simulation`."""
        spec = self._spec
        origin = start if self._goes_on is not None else self._origin(start, calculator, known, rng)
        atoms = set_in_motion(origin, spec.temperature, rng)
        atoms.calc = calculator.of_mean() if isinstance(calculator, PotentialCalculator) else calculator
        guards = Guards(origin, self._min_distance)
        walk = _Walk(spec, atoms, calculator, guards, known, start, self._checkpoint, rng, self._online)
        found = self._checkpoint.read() or self._goes_on
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
        measures = walk.measures() | {STEPS_DONE: float(done), STEPS_MOVED: float(moved + done - self._moved_before)}
        return replace(walk.frames.pool(reason, detail, measures), motion=walk.motion())

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


def state_of(pool: Pool, place: int) -> Snapshot:
    """The ``place``-th state of the motion of ``pool``, with the frames up to it, to go on from."""
    motion = pool.motion
    assert motion is not None, "only online dynamics are gone on from"
    frames, steps = int(motion.kept[place]), int(motion.steps[place])
    arrays = {
        "now": motion.positions[place],
        "momenta": motion.momenta[place],
        "positions": pool.positions[:frames],
        "energies": pool.energies[:frames],
        "forces": pool.forces[:frames],
        "uncertainties": pool.uncertainties[:frames],
        "temperatures": motion.temperatures[: steps + 1],
        "totals": motion.totals[: steps + 1],
        **{MEMORY + name: array[place] for name, array in motion.memory.items()},
    }
    return Snapshot({"stage": motion.stage, "steps": steps, "random": motion.random[place]}, arrays)


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
    online: OnlineSpec | None = None
    frames: Frames = field(init=False)
    trail: Trail = field(init=False)
    stage: Stage = Stage.EQUILIBRATION
    temperatures: list[float] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin a new trajectory."""
        self.frames, self.trail = Frames(self.template), Trail()
        self.temperatures, self.totals = [], []

    def follow(
        self, dynamics: MolecularDynamics, steps: int, stage: Stage, found: Snapshot | None
    ) -> tuple[StopReason, str] | None:
        """Move to ``steps``, from where ``found`` was kept if it is given; why it stopped before, None if not."""
        self.stage = stage
        if found is not None:
            self._go_on(dynamics, found)
        looked = int(dynamics.nsteps)  # the step that it goes on from was looked at before it was kept
        for _ in dynamics.irun(steps - looked):
            step = int(dynamics.nsteps)
            if found is not None and step == looked:
                continue
            problem = self._hot(EQUILIBRATING if stage is Stage.EQUILIBRATION else 1.0) or self._look(step, dynamics)
            if problem is not None:
                return problem
            if step and self.checkpoint.due:
                self._keep(dynamics)
        return None

    def _keep(self, dynamics: MolecularDynamics) -> None:
        values = {"stage": self.stage, "steps": int(dynamics.nsteps), "random": random_state(self.rng)}
        lists = {name: np.array(content) for name, content in self._lists().items()}
        arrays = {"now": self.atoms.positions, "momenta": self.atoms.arrays["momenta"], **lists}
        if (motion := self.motion()) is not None:
            values["motion"], packed = motion.packed()
            arrays |= packed
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
        if "motion" in found.values:
            self.trail.restore(Motion.unpacked(found.values["motion"], arrays))
        elif self.online is not None:
            self._remember(dynamics, index=-1)

    def motion(self) -> Motion | None:
        """The states that an online trajectory can be gone on from; None of others."""
        if not self.trail.states:
            return None
        return self.trail.motion(self.stage, self.temperatures, self.totals)

    def _remember(self, dynamics: MolecularDynamics, index: int, on_stride: bool = True) -> None:
        """Keep the state there is now; frame ``index`` of the pool is of it."""
        self.trail.add(
            index=index,
            kept=len(self.frames.positions) - (not on_stride),  # a frame between the others is not one of theirs
            steps=int(dynamics.nsteps),
            positions=self.atoms.positions,
            forces=self.atoms.get_forces(apply_constraint=False),
            momenta=self.atoms.arrays["momenta"],
            memory=memory_of(dynamics),
            random=random_state(self.rng),
        )

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

    def _look(self, step: int, dynamics: MolecularDynamics) -> tuple[StopReason, str] | None:
        of_pool, online = step % self.spec.stride == 0, self.online
        if not of_pool and step % (LOOK if online is None else online.every):
            return None
        seen = self.template.copy()
        seen.positions[:] = self.atoms.positions
        seen.calc = self.calculator
        problem = self.guards.problem(seen, seen.get_potential_energy(), seen.get_forces(apply_constraint=False))
        if problem is not None:
            return problem
        limit, beside = (self.spec.max_uncertainty, BESIDE) if online is None else (online.threshold, online.apart)
        spread = largest_spread(seen)
        uncertain = limit is not None and spread > limit and nearest(seen, self.known)[1] > beside
        if of_pool or uncertain:
            self.frames.add(seen)
            if online is not None:
                self._remember(dynamics, len(self.frames.positions) - 1, of_pool)
        return (StopReason.UNCERTAIN, told_uncertain(spread, limit)) if uncertain else None

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
