"""An independent trajectory of the parent potential, and what a model says of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT

from al_workflows.analysis.trajectory import Radial, of_pool
from al_workflows.benchmark.md_systems import MdSystem
from al_workflows.errors import AlWorkflowsError
from al_workflows.force_errors import ALL, frame_errors
from al_workflows.potential import Potential
from al_workflows.records import Pool, StopReason
from al_workflows.simulations.dynamics import TEMPERATURE, Dynamics
from al_workflows.spec import MdSpec

#: frames that models are judged on, and steps of 1 fs from one to the next
FRAMES, STRIDE = 200, 10


@dataclass(frozen=True, eq=False)
class ParentTrajectory:
    """Dynamics of the parent itself, with velocities of its own; ``radial`` is what it has of :func:`of_pool`."""

    pool: Pool
    radial: Radial

    @property
    def temperature(self) -> float:
        """In the mean, K."""
        return self.pool.measures[TEMPERATURE]

    def errors(self, potential: Potential) -> tuple[dict[str, float], float]:
        """Force errors of ``potential`` on all frames by group, eV/Å, and its energy error, eV."""
        frames, energies = list[dict[str, float]](), []
        for index in range(len(self.pool)):
            atoms = self.pool.frame(index)
            found = potential.predict(atoms)
            frames.append(frame_errors(atoms, found.forces - self.pool.forces[index]))
            energies.append(abs(found.energy - self.pool.energies[index]))
        return {group: float(np.mean([frame[group] for frame in frames])) for group in frames[0]}, float(
            np.mean(energies)
        )


def worst_element(errors: dict[str, float]) -> float:
    """The largest of the elements' errors, eV/Å."""
    return max(error for group, error in errors.items() if group != ALL)


@lru_cache(maxsize=8)
def parent_trajectory(system: MdSystem, temperature: float, seed: int) -> ParentTrajectory:
    """:data:`FRAMES` frames of EMT after half a picosecond of equilibration; ``temperature`` in K.

    Raises
    ------
    AlWorkflowsError
        The system does not hold together on EMT at that temperature.
    """
    spec = MdSpec(temperature=temperature, steps=(FRAMES - 1) * STRIDE, stride=STRIDE, start_from="start")
    known: Sequence[Atoms] = ()
    rng = np.random.default_rng([seed, *b"parent"])
    pool = Dynamics(spec, min_distance=0.0).run(system.start(), EMT(), known, rng)
    if pool.stop_reason is not StopReason.MAX_STEPS:
        raise AlWorkflowsError(f"the parent's own dynamics of {system.name} end early: {pool.stop_detail}")
    return ParentTrajectory(pool, of_pool(pool))
