"""Crystals: conventional and primitive cell, and the symmetry that both have. Lengths are Å."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from al_workflows.errors import InputError
from al_workflows.records import FloatArray

#: Å within which atoms are equal by symmetry
SYMPREC = 0.01


@dataclass(frozen=True, eq=False)
class Crystal:
    """A bulk in the cell that Miller indices refer to, and in its smallest one; both in the same orientation.

    ``rotations`` [S, 3, 3] and ``translations`` [S, 3] are its space group's operations x → R x + t, Cartesian, Å.
    """

    cell: Atoms
    primitive: Atoms
    rotations: FloatArray
    translations: FloatArray
    hexagonal: bool


@contextmanager
def asking_pymatgen(what: str) -> Iterator[None]:
    """What pymatgen, spglib and scipy cannot treat is an InputError about ``what``.

    Without warnings that say nothing of the structure.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="spglib")
            warnings.filterwarnings("ignore", message="No Pauling electronegativity")  # by which pymatgen sorts sites
            yield
    except (ValueError, RuntimeError, LookupError, TypeError) as error:
        reason = " ".join(str(error).split()) or "no reason given"
        raise InputError(f"{what} cannot be found ({type(error).__name__}: {reason}); check the structure") from error


def crystal(atoms: Atoms, conventional: bool) -> Crystal:
    """The crystal that repeats ``atoms`` in three dimensions.

    Raises
    ------
    InputError
        No symmetry can be found, as of atoms that overlap.
    """
    import spglib
    from pymatgen.core import Structure
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    given = Structure(atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions())
    with asking_pymatgen("the symmetry of a bulk"):
        if conventional:
            given = SpacegroupAnalyzer(given, SYMPREC).get_conventional_standard_structure()
        analyzer = SpacegroupAnalyzer(given, SYMPREC)
        operations = analyzer.get_symmetry_operations(cartesian=True)
        hexagonal = analyzer.get_crystal_system() in ("hexagonal", "trigonal")
        numbers = [site.specie.Z for site in given]
        found = spglib.standardize_cell(
            (given.lattice.matrix, given.frac_coords, numbers), to_primitive=True, no_idealize=True, symprec=SYMPREC
        )
        if found is None:
            raise ValueError("spglib finds no primitive cell")
    lattice, positions, kinds = found
    angles = np.round(given.lattice.angles, 3)
    return Crystal(
        cell=_atoms(given.lattice.matrix, given.frac_coords, numbers),
        primitive=_atoms(lattice, positions, kinds),
        rotations=np.array([operation.rotation_matrix for operation in operations]),
        translations=np.array([operation.translation_vector for operation in operations]),
        hexagonal=bool(hexagonal and np.array_equal(angles, [90.0, 90.0, 120.0])),
    )


def _atoms(lattice: Any, positions: Any, numbers: Any) -> Atoms:
    return Atoms(numbers, scaled_positions=positions, cell=lattice, pbc=True)
