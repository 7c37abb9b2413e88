"""How far a simulation may go from what DFT has confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from al_workflows.records import Cycle
from al_workflows.spec import RelaxationSpec, SimulationSpec

#: shares of the trust radius after 0, 1, 2, … cycles in a row that brought no label, and from the first again: nearer,
#: where DFT succeeded last, and in turn farther, past the place where it fails
SHARES = (1.0, 0.5, 1.5, 0.25, 2.0)


def trust_radius(spec: SimulationSpec, history: Sequence[Cycle]) -> float | None:
    """Largest displacement of an atom from the nearest label in the next simulation, Å; None for no limit."""
    if not isinstance(spec, RelaxationSpec) or spec.trust_radius is None:
        return None
    fruitless = sum(1 for _ in takewhile(lambda cycle: cycle.fmax is None, reversed(history)))
    return spec.trust_radius * SHARES[fruitless % len(SHARES)]
