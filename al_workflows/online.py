"""Where an online simulation goes on: where DFT answered, or farther back if the model had been wrong on the way there.

The cycles behind each other are one simulation. It stops where the ensemble is not sure of a force; DFT says what the
forces are there, the model learns it, and the next cycle's simulation goes on from that frame: positions, and of
dynamics velocities, thermostat and random numbers as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ase import Atoms
from numpy.random import Generator

from al_workflows.loop_spec import OnlineSpec
from al_workflows.potential import Potential
from al_workflows.records import Cycle, FloatArray, Label, Pool, StopReason
from al_workflows.simulations.displacement import asks_for_curvature
from al_workflows.simulations.dynamics import state_of
from al_workflows.simulations.thermostats import set_in_motion
from al_workflows.spec import MdSpec, RunSpec
from al_workflows.step_checkpoint import Snapshot, random_state
from al_workflows.uncertainty_errors import largest_difference

#: in :attr:`al_workflows.records.Pool.measures`: how many frames an online simulation has gone back
FRAMES_BACK = "frames_back"


@dataclass(frozen=True, eq=False)
class Place:
    """Where a simulation goes on: the structure, of dynamics the ``state``, and why it is not where the last stopped.

    ``back`` counts the frames that it has gone back.
    """

    atoms: Atoms
    state: Snapshot | None = None
    reason: str = ""
    back: int = 0

    def key(self) -> list[object]:
        """The state in the types of JSON."""
        if self.state is None:
            return []
        return [dict(self.state.values), {name: array.tolist() for name, array in self.state.arrays.items()}]


@dataclass(frozen=True, eq=False)
class _Way:
    """What a cycle's simulation has gone through: ``index`` of its frames in the pool (-1: none), [S]; ``positions``
    (Å) and the ``forces`` that it went by (eV/Å), [S, N, 3]."""

    index: Sequence[int]
    positions: FloatArray
    forces: FloatArray


def place_to_go_on(
    spec: RunSpec,
    before: Pool | None,
    labels: Sequence[Label],
    history: Sequence[Cycle],
    potential: Potential,
    rng: Generator,
) -> Place | None:
    """Where the simulation goes on that made the pool ``before`` in the last cycle; None: a new one is to begin.

    ``labels`` are all of the run, ``potential`` was trained on them. ``rng`` gives new velocities where DFT had no
    answer, so that dynamics do not run into the same again.
    """
    if not isinstance(spec.loop, OnlineSpec) or before is None or not history:
        return None
    way = _way(before)
    if asks_for_curvature(before) or _at_its_end(spec, before) or not way.index:
        return None
    answered = [label for label in labels if label.ok and label.cycle == history[-1].index]
    asked = [(way.index.index(label.request.pool_index), label) for label in answered if _among(label, way)]
    if not asked:
        return _without_answer(spec, before, rng)
    place, label = max(asked, key=lambda pair: pair[0])
    reason, reached = "", place
    if spec.loop.rollback is not None:
        expected = max(label.request.uncertainty or 0.0, spec.loop.threshold)
        error = _largest(label.request.predicted_forces, label.forces)
        if error > spec.loop.rollback * expected:
            reached = _last_sure(way, place, before.template, potential, spec.loop, spec.loop.rollback)
            told = f"DFT's force at {label.key.partition('/')[2]} was {error:.2f} eV/Å off where {expected:.2f} was"
            went = "on from there, as the new model confirms the way"
            if reached < place:
                went = f"back by {place - reached}, to the last frame of which the new model is sure"
            reason = f"{told} expected: gone {went}"
    return replace(_there(before, reached, way), reason=reason, back=place - reached)


def began(pool: Pool, place: Place | None) -> Pool:
    """``pool`` with why and how far back it began."""
    if place is None or not place.reason:
        return pool
    return replace(pool, began=place.reason, measures=pool.measures | {FRAMES_BACK: float(place.back)})


def stopped_to_ask(spec: RunSpec, pool: Pool) -> bool:
    """Whether ``pool`` is of an online simulation that did not come to an end of its own."""
    ends = (StopReason.CONVERGED, StopReason.MAX_STEPS)
    return isinstance(spec.loop, OnlineSpec) and pool.stop_reason not in ends


def _at_its_end(spec: RunSpec, pool: Pool) -> bool:
    """Dynamics have done all their steps; a relaxation ends with DFT's word alone."""
    return isinstance(spec.simulation, MdSpec) and pool.stop_reason is StopReason.MAX_STEPS


def _way(pool: Pool) -> _Way:
    if pool.motion is None:
        return _Way(list(range(len(pool))), pool.positions, pool.forces)
    return _Way(pool.motion.index.tolist(), pool.motion.positions, pool.motion.forces)


def _among(label: Label, way: _Way) -> bool:
    return label.request.pool_index is not None and label.request.pool_index in way.index


def _there(pool: Pool, place: int, way: _Way) -> Place:
    atoms = pool.template.copy()
    if pool.motion is not None:
        return Place(atoms, state_of(pool, place))
    atoms.positions[:] = way.positions[place]
    return Place(atoms)


def _without_answer(spec: RunSpec, pool: Pool, rng: Generator) -> Place:
    """Where the pool began; dynamics go on from there with new velocities."""
    way = _way(pool)
    reason = "no frame of the last cycle was answered by DFT: gone back to where that began"
    found = replace(_there(pool, 0, way), reason=reason, back=len(way.index) - 1)
    if found.state is None or not isinstance(spec.simulation, MdSpec):
        return found
    moving = set_in_motion(found.atoms, spec.simulation.temperature, rng)
    values = {**found.state.values, "random": random_state(rng)}
    arrays = {**found.state.arrays, "momenta": moving.get_momenta()}
    return replace(found, state=Snapshot(values, arrays), reason=f"{reason}, with new velocities")


def _last_sure(way: _Way, place: int, template: Atoms, potential: Potential, loop: OnlineSpec, tolerance: float) -> int:
    """The last place, ``place`` at most, that was reached by forces which ``potential`` confirms, and of which it is
    sure: the first is sure, as the simulation was there before."""
    atoms, reached = template.copy(), 0
    atoms.positions[:] = way.positions[0]
    found = potential.predict(atoms)
    while reached < place and _largest(found.forces, way.forces[reached]) <= tolerance * loop.threshold:
        atoms.positions[:] = way.positions[reached + 1]
        found = potential.predict(atoms)
        if reached + 1 < place and found.force_std.max() > loop.threshold:
            break
        reached += 1
    return reached


def _largest(one: FloatArray | None, other: FloatArray | None) -> float:
    """The largest difference of the force on an atom, eV/Å; zero where there is nothing to compare."""
    if one is None or other is None:
        return 0.0
    return largest_difference(one, other)
