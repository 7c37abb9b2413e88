"""Small paths that several tests need."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.constraints import FixAtoms

from al_workflows.path_ends import match_ends
from al_workflows.spec import NebSpec, RunSpec
from tests.builders import run_spec


def hop(seed: int | None = None, shift: float = 1 / 3) -> tuple[Atoms, Atoms]:
    """O above a hollow of Cu(100) and above the next one but for what it will find itself; only the top layer moves.

    ``shift`` is in cell vectors; with a ``seed`` free atoms are rattled by 0.05 Å.
    """
    initial = fcc100("Cu", (2, 2, 2), vacuum=5.0)
    add_adsorbate(initial, "O", 1.2, "hollow")
    initial.pbc = (True, True, False)
    initial.set_constraint(FixAtoms(mask=initial.get_tags() > 1))
    final = initial.copy()
    final.positions[-1, 0] += shift * initial.cell[0, 0]
    if seed is not None:
        free = np.flatnonzero(initial.get_tags() <= 1)
        rng = np.random.default_rng(seed)
        for end in (initial, final):
            end.positions[free] += rng.normal(0.0, 0.05, (len(free), 3))
    return initial, match_ends(initial, final, NebSpec())


def neb_spec(simulation: dict[str, Any] | None = None, **changes: Any) -> RunSpec:
    """A small, fast path on EMT; ``simulation`` are keys beside ``kind``, the others replace top-level keys."""
    path = {"final_structure": "final.extxyz", "simulation": {"kind": "neb", "images": 5, **(simulation or {})}}
    return run_spec(**path | changes)
