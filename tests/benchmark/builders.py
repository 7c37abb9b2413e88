"""Relaxations as if they had been made."""

from __future__ import annotations

from typing import Any

from ase.build import molecule

from al_workflows.benchmark.basin import Ground
from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.relaxed import Relaxed


def ground(energy: float = 0.0, negative_modes: int = 0, stretch: float = 0.0) -> Ground:
    """A water molecule, one H of which is ``stretch`` Å farther out."""
    atoms = molecule("H2O")
    atoms.positions[1] *= 1.0 + stretch
    return Ground(negative_modes, energy, atoms)


def relaxed(method: str = "default", seed: int = 0, calls: int = 5, energy: float = 0.0, **changes: Any) -> Relaxed:
    """A converged relaxation of ``calls`` calls, its forces falling evenly from 1 to 0.02 eV/Å."""
    fields: dict[str, Any] = {
        "system": "paper",
        "seed": seed,
        "method": method,
        "target": 0.03,
        "outcome": Outcome.CONVERGED,
        "remark": "",
        "energies": tuple(energy + (calls - k) for k in range(1, calls + 1)),
        "fmax": tuple(1.0 - 0.98 * k / max(calls - 1, 1) for k in range(calls)),
        "closest": (0.9,) * calls,
        "rounds": calls,
        "refused": 0,
        "end_energy": energy,
        "ground": ground(energy),
        "seconds": {"train": 1.0, "parent": 0.5},
    }
    return Relaxed(**fields | changes)
