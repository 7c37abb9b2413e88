"""For single points that run at once: the last frame, how the relaxation goes on, and what the members dispute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from al_workflows.curvature import modes
from al_workflows.free_directions import can_have_modes
from al_workflows.geometry import nearest
from al_workflows.potential import Potential, PotentialCalculator
from al_workflows.queries import Choice, Proposal
from al_workflows.queries.final import farther_frames, last_frame
from al_workflows.records import FloatArray, Pool, StopReason
from al_workflows.simulations.relaxation import Relaxation
from al_workflows.spec import RelaxationSpec
from al_workflows.structures import max_force

#: Å: how far a rung beyond the last frame is from all labels and other rungs: the first, and so many times it the next
RUNG, GROWTH = 0.4, 2.0
#: Å: where the relaxation ends beyond the last rung, it is a rung of its own if it is as far as this from the others
END_APART = 0.1
#: eV/Å and eV from the last frame: beyond these a prediction is not believed, and the relaxation not followed
ABSURD_FORCE, ABSURD_ENERGY = 20.0, 10.0
#: of the target: a smaller standard deviation of the force keeps no relaxation from its end
NEGLIGIBLE = 1 / 3
#: errors at a relaxation's end are so many times the members' standard deviation: they share prior and kernel
CONFIDENCE = 3.0
#: Å: how far at least and at most the atom that moves most is displaced along a disputed direction
AMPLITUDES = (0.06, 0.2)
#: eV/Å²: a bond's stiffness, and below it what no mode is taken to be softer than
STIFFNESS, SOFTEST = 3.0, 1.0
#: Å: as near to a label as this, the last frame will be refused
LABELLED = 1e-3


class Parallel:
    """The last frame first, then structures beyond it and beside it, which need not be frames.

    Where the relaxation was stopped before its end (trust radius, disagreement), it is followed without those limits,
    and rungs of that path are asked for: they are where the next cycles would ask. Then come structures beside the
    last frame, displaced along the directions in which the members dispute where it ends: they teach the curvature that
    decides that. Nothing is asked for a direction that the members agree upon, so that a batch may be smaller than
    ``single_points``.

    Parameters
    ----------
    single_points
        DFT single points that run at once.
    relaxation
        How the structure is relaxed on beyond its last frame; its ``fmax`` (eV/Å) says which disputes matter.
    min_distance
        See :class:`~al_workflows.simulations.guards.Guards`.
    """

    def __init__(self, single_points: int, relaxation: RelaxationSpec, min_distance: float) -> None:
        self.batch = single_points
        self._negligible_force = NEGLIGIBLE * relaxation.fmax
        self._negligible_shift = relaxation.fmax / STIFFNESS
        unlimited = relaxation.model_copy(update={"trust_radius": None, "max_uncertainty": None})
        self._relaxation = Relaxation(unlimited, min_distance, None)

    def rank(
        self, pool: Pool, potential: Potential, known: Sequence[Atoms], rng: np.random.Generator
    ) -> Iterator[Choice]:
        """See :class:`~al_workflows.queries.Query`."""
        yield last_frame(pool)
        last = Proposal.from_pool(pool, len(pool) - 1)
        if nearest(last.atoms, known)[1] < LABELLED:
            yield from farther_frames(pool, known)
            return
        converged = pool.stop_reason is StopReason.CONVERGED
        if converged and pool.uncertainties[-1] < self._negligible_force:
            return  # DFT will most likely confirm it, and then nothing else is needed
        if not converged:
            path = self._relaxation.run(last.atoms, PotentialCalculator(potential), [], rng)
            for index in rungs(path, last, known):
                rung = Proposal.from_pool(path, index)
                far = nearest(rung.atoms, [last.atoms])[1]
                ended = path.stop_reason is StopReason.CONVERGED and index == len(path) - 1
                place = "relaxed to its end on the model" if ended else "on the model's way on"
                yield Choice(None, f"{place}, {far:.2f} Å beyond the last frame", rung)
        for direction, dispute in disputed(last.atoms, potential):
            if CONFIDENCE * dispute < self._negligible_shift:
                return
            amplitude = float(np.clip(CONFIDENCE * dispute, *AMPLITUDES))
            beside = _lower_side(last.atoms, amplitude * direction, potential)
            if _believable(beside, last):
                reason = f"to teach curvature: {amplitude:.2f} Å along a direction disputed by {dispute:.3f} Å"
                yield Choice(None, reason, beside)


def rungs(path: Pool, last: Proposal, known: Sequence[Atoms]) -> list[int]:
    """Frames of ``path`` (which begins at ``last``) at growing distances from labels and each other; its end first.

    The path counts as far as its predictions are believed.
    """
    taken, chosen, gap, reached = [*known, last.atoms], [], RUNG, 0
    for index in range(len(path)):
        frame = Proposal.from_pool(path, index)
        if not _believable(frame, last):
            break
        reached = index
        if nearest(frame.atoms, taken)[1] > gap:
            taken.append(frame.atoms)
            chosen.append(index)
            gap *= GROWTH
    if reached > 0 and nearest(path.frame(reached), taken)[1] > END_APART:
        chosen.append(reached)
    return chosen[-1:] + chosen[:-1]


def disputed(atoms: Atoms, potential: Potential) -> Iterator[tuple[FloatArray, float]]:
    """Directions [N, 3] in which the members dispute where the relaxation ends, and by how much, the most first.

    The Newton steps that the members' force deviations ask for have these principal components; the number is a
    component's standard deviation, of the atom that moves most (Å), and the direction has norm 1 on that atom.
    """
    _, forces = potential.members(atoms)  # [members, N, 3]
    deviations = forces - forces.mean(axis=0)
    copy = atoms.copy()
    for constraint in copy.constraints:
        for deviation in deviations:
            constraint.adjust_forces(copy, deviation)
    steps = _newton_steps(deviations.reshape(len(forces), -1), atoms, potential)  # [members, 3N]
    _, spreads, components = np.linalg.svd(steps / np.sqrt(max(len(forces) - 1, 1)), full_matrices=False)
    for component, spread in zip(components, spreads, strict=True):
        direction = component.reshape(-1, 3)
        largest = float(np.linalg.norm(direction, axis=1).max())
        yield direction / largest, float(spread) * largest


def _newton_steps(forces: FloatArray, atoms: Atoms, potential: Potential) -> FloatArray:
    """Where ``forces`` [M, 3N] would move ``atoms`` on the model, Å, [M, 3N]; by one stiffness where a Hessian costs
    too much or the constraints leave no straight directions."""
    if not can_have_modes(atoms):
        return forces / STIFFNESS
    found = modes(atoms, PotentialCalculator(potential))
    flat = found.directions.reshape(len(found.curvatures), -1)  # [n, 3N]
    return np.asarray((forces @ flat.T / np.maximum(np.abs(found.curvatures), SOFTEST)) @ flat)


def _lower_side(atoms: Atoms, shift: FloatArray, potential: Potential) -> Proposal:
    """``atoms`` displaced by ``shift`` (Å) or against it, to the side whose energy is lower on the model."""
    sides = []
    for sign in (1.0, -1.0):
        side = atoms.copy()
        side.set_positions(atoms.positions + sign * shift)
        sides.append(Proposal.of(side, potential))
    return min(sides, key=lambda side: side.energy)


def _believable(there: Proposal, last: Proposal) -> bool:
    change = abs(there.energy - last.energy)
    return bool(change <= ABSURD_ENERGY and max_force(there.atoms, there.forces) <= ABSURD_FORCE)
