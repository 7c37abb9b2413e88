"""Whether k-points suit a cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms

from al_workflows.spec import DftSpec, EspressoSpec, GpawSpec, VaspSpec

#: degrees, and a share of a length: cells that differ by less are the same
ANGLE, LENGTH = 1.0, 0.01


def sampling_remark(atoms: Atoms, dft: DftSpec) -> str | None:
    """A line where an even grid of k-points without Γ breaks the symmetry of a hexagonal cell; None where all is well.

    DFT then has forces, on atoms that symmetry holds, that depend on how the cell is turned: of the order of 0.1 eV/Å
    with few k-points. No potential that knows atoms by their surroundings can follow them, and runs stall.
    """
    shifted = _shifted(dft)
    first, second, _ = atoms.cell.lengths()
    angle = atoms.cell.angles()[2]
    hexagonal = bool(atoms.pbc[:2].all() and abs(first - second) < LENGTH * first)
    hexagonal = hexagonal and min(abs(angle - 60.0), abs(angle - 120.0)) < ANGLE
    if not hexagonal or not shifted[:2].any():
        return None
    return (
        "the grid of k-points is even and without Γ, which breaks the symmetry of a hexagonal cell: forces that no "
        "potential can follow are left, and runs may stall; let it contain Γ (gpaw, vasp: `gamma: true`; espresso: "
        "`koffset: [0, 0, 0]`), or take odd numbers"
    )


def _shifted(dft: DftSpec) -> Any:
    """Along which axes the grid is shifted off Γ, [3]."""
    nowhere = np.zeros(3, dtype=bool)
    match dft:
        case GpawSpec(parameters=parameters):
            given = parameters.get("kpts")
            size = given.get("size") if isinstance(given, dict) else given
            centred = isinstance(given, dict) and bool(given.get("gamma"))
        case VaspSpec(kpts=size, gamma=centred):
            pass
        case EspressoSpec(koffset=offset):
            return nowhere if offset is None else np.array(offset, dtype=bool)
        case _:
            return nowhere
    if centred or not isinstance(size, list | tuple) or len(size) != 3 or not all(isinstance(n, int) for n in size):
        return nowhere
    return np.array([n % 2 == 0 for n in size])
