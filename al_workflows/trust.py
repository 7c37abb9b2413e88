"""How far a simulation may go from what DFT has confirmed, and what a run that makes no progress does about it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np
from ase import Atoms

from al_workflows.records import Cycle
from al_workflows.spec import NebSpec, RelaxationSpec, SimulationSpec
from al_workflows.termination.stall import idle_cycles

#: shares of the trust radius after 0, 1, 2, … cycles in a row that brought no label, and from the first again: nearer,
#: where DFT succeeded last, and in turn farther, past the place where it fails
SHARES = (1.0, 0.5, 1.5, 0.25, 2.0)
#: after so many cycles without progress the model is believed less far, and after so many the start is kicked as well
TIGHTER_AFTER, KICKED_AFTER = 4, 8
#: factor of the trust radius then, and standard deviation of the kick, Å
TIGHTER, KICK = 0.5, 0.05


def trust_radius(spec: SimulationSpec, history: Sequence[Cycle]) -> float | None:
    """Largest displacement of an atom from the nearest label in the next simulation, Å; None for no limit."""
    if not isinstance(spec, RelaxationSpec | NebSpec) or spec.trust_radius is None:
        return None
    stuck = TIGHTER if idle_cycles(history) >= TIGHTER_AFTER else 1.0
    # (a run that learns from others may ask for nothing in cycle 0)
    fruitless = sum(1 for _ in takewhile(lambda cycle: cycle.fmax is None and cycle.index > 0, reversed(history)))
    return spec.trust_radius * stuck * SHARES[fruitless % len(SHARES)]


def kicked(start: Atoms, history: Sequence[Cycle], rng: np.random.Generator) -> Atoms:
    """``start``, its free coordinates moved at random by :data:`KICK` where the run has made no progress for long."""
    if idle_cycles(history) < KICKED_AFTER:
        return start
    moved = start.copy()
    moved.set_positions(start.positions + rng.normal(0.0, KICK, start.positions.shape))  # constraints hold theirs
    return moved
