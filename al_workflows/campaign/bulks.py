"""From a bulk of a campaign file to its atoms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ase import Atoms

from al_workflows.campaign.bulk_spec import BulkSpec
from al_workflows.errors import InputError
from al_workflows.structures import read_structure

#: what ASE's and pymatgen's builders raise for what they do not know
_BUILD_PROBLEMS = (ValueError, KeyError, RuntimeError, NotImplementedError, TypeError, AttributeError, AssertionError)
#: gives the crystal of a Materials Project id
Fetch = Callable[[str], Atoms]


def bulk_atoms(spec: BulkSpec, directory: Path, fetch: Fetch) -> Atoms:
    """The crystal's atoms in a cell of it, periodic in three dimensions, with moments if it comes with them.

    Parameters
    ----------
    spec
        Where it comes from.
    directory
        What files are relative to.
    fetch
        Asked for crystals of the Materials Project.

    Raises
    ------
    InputError
        It cannot be made.
    """
    if spec.file is not None:
        return _periodic(read_structure((directory / spec.file.expanduser()).resolve()), str(spec.file))
    if spec.mp_id is not None:
        return _periodic(fetch(spec.mp_id), spec.mp_id)
    try:
        return _from_prototype(spec) if spec.prototype is not None else _from_ase(spec)
    except _BUILD_PROBLEMS as error:
        who = "pymatgen has no prototype" if spec.prototype is not None else "ASE has no bulk"
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(
            f"bulk {spec.key}: {who} {spec.prototype or spec.name!r} of these settings ({reason}); give its `file`"
        ) from error


def _from_ase(spec: BulkSpec) -> Atoms:
    from ase.build import bulk

    return bulk(spec.name, crystalstructure=spec.crystalstructure, a=spec.a, c=spec.c)


def _from_prototype(spec: BulkSpec) -> Atoms:
    from pymatgen.core import Structure

    lengths = {"a": spec.a} | ({} if spec.c is None else {"c": spec.c})
    found = Structure.from_prototype(spec.prototype, list(spec.species), **lengths)
    symbols = [site.specie.symbol for site in found]
    return Atoms(symbols, scaled_positions=found.frac_coords, cell=found.lattice.matrix, pbc=True)


def _periodic(atoms: Atoms, name: str) -> Atoms:
    if atoms.cell.rank < 3:
        raise InputError(
            f"{name}: it has {atoms.cell.rank} cell vectors but a bulk must have three; give its unit cell"
        )
    for site in atoms.info.get("occupancy", {}).values():  # of ASE's reader of CIF
        if len(site) != 1 or abs(float(next(iter(site.values()))) - 1.0) > 1e-3:
            shares = ", ".join(f"{element} {share:g}" for element, share in site.items())
            raise InputError(f"{name}: a site is occupied by {shares} but must be by one element; give an ordered cell")
    moments = atoms.get_initial_magnetic_moments()
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True, magmoms=moments)
