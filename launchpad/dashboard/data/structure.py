"""A structure as the browser draws it: atoms with colours and radii, bonds, cell, and arrows for forces."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors

from al_workflows.records import FloatArray
from al_workflows.structures import free_atoms

#: of the sum of two covalent radii: what is drawn as a bond
BOND = 1.2
#: atoms beyond which bonds are not looked for
MANY = 1500


def drawing(atoms: Atoms, dft: FloatArray | None, model: FloatArray | None) -> dict[str, Any]:
    """What ``static/structure.js`` draws.

    Parameters
    ----------
    atoms
        The structure.
    dft, model
        Forces in eV/Å, [N, 3], constraints not applied; None where there are none.
    """
    elements = [
        {
            "symbol": atoms.symbols[atoms.numbers == number][0],
            "colour": "#" + "".join(f"{round(255 * part):02x}" for part in jmol_colors[number]),
            "radius": round(float(covalent_radii[number]), 3),
            "count": int((atoms.numbers == number).sum()),
        }
        for number in _kinds(atoms)
    ]
    kinds = {int(number): index for index, number in enumerate(_kinds(atoms))}
    return {
        "elements": elements,
        "kinds": [kinds[int(number)] for number in atoms.numbers],
        "positions": atoms.positions.round(5).tolist(),
        "fixed": (~free_atoms(atoms)).tolist(),
        "cell": atoms.cell.array.round(5).tolist() if atoms.cell.rank == 3 else None,
        "pbc": atoms.pbc.tolist(),
        "bonds": bonds(atoms),
        "forces": {"dft": _plain(dft), "model": _plain(model)},
    }


def bonds(atoms: Atoms) -> list[tuple[int, int]]:
    """Pairs of atoms that are drawn as bound, within the cell as it stands."""
    if len(atoms) > MANY:
        return []
    radii = covalent_radii[atoms.numbers]
    apart = np.linalg.norm(atoms.positions[:, None] - atoms.positions[None], axis=2)  # [N, N]
    bound = apart < BOND * (radii[:, None] + radii[None])
    first, second = np.nonzero(np.triu(bound, 1))
    return [(int(one), int(other)) for one, other in zip(first, second, strict=True)]


def _kinds(atoms: Atoms) -> list[int]:
    """Atomic numbers, the rarest first, so that an adsorbate leads the legend."""
    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    return [int(number) for _, number in sorted(zip(counts, numbers, strict=True))]


def _plain(forces: FloatArray | None) -> list[list[float]] | None:
    return None if forces is None or not np.isfinite(forces).all() else forces.round(6).tolist()
