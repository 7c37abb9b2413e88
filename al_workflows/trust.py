"""How far a simulation may go from what DFT has confirmed."""

from __future__ import annotations

from collections.abc import Sequence

from al_workflows.records import Cycle
from al_workflows.spec import RelaxationSpec


def trust_radius(spec: RelaxationSpec, history: Sequence[Cycle]) -> float | None:
    """Largest displacement of an atom from the nearest label in the next simulation, Å; None for no limit."""
    return spec.trust_radius
