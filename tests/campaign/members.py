"""Members of small campaigns, until their ends in seconds: one free atom over fixed slabs, on EMT."""

from __future__ import annotations

from typing import Any

from ase import Atoms
from ase.build import add_adsorbate, fcc111, molecule
from ase.constraints import FixAtoms

from al_workflows.campaign.member import Member, Role
from tests.builders import run_spec


def clean(metal: str = "Cu") -> Atoms:
    """A clean slab whose last atom alone may move."""
    atoms = fcc111(metal, (2, 2, 2), vacuum=6.0)
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms(range(len(atoms) - 1)))
    return atoms


def adsorbed(metal: str = "Cu", site: str = "fcc", height: float = 1.5, adsorbate: str = "O") -> Atoms:
    """An atom over a fixed slab."""
    atoms = fcc111(metal, (2, 2, 2), vacuum=6.0)
    add_adsorbate(atoms, adsorbate, height, site)
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms(range(len(atoms) - 1)))
    return atoms


def member(key: str, role: Role, start: Atoms, tags: dict[str, str], **changes: Any) -> Member:
    """A member whose run is small and fast; keyword arguments are the member's own, or replace keys of its run."""
    own = {name: changes.pop(name) for name in ("references", "priority") if name in changes}
    simulation = {"kind": "relaxation", "fmax": 0.1, "confirm_minimum": "never", "leave_saddles": False}
    spec = run_spec(name=key, **{"simulation": simulation, **changes})
    return Member(key, role, spec, start, tags=tags, **own)


def slab_member(metal: str = "Cu", **changes: Any) -> Member:
    """The clean slab."""
    tags = {"bulk": metal, "miller": "111"}
    return member(f"{metal}-111", Role.SLAB, clean(metal), tags, **changes)


def gas(**changes: Any) -> Member:
    """O₂ in vacuum, an atom of it fixed."""
    atoms = molecule("O2", vacuum=5.0)
    atoms.set_constraint(FixAtoms([0]))
    return member("O2", Role.MOLECULE, atoms, {"adsorbate": "O2"}, **changes)


def site(metal: str = "Cu", where: str = "fcc", height: float = 1.5, **changes: Any) -> Member:
    """O on a site of the (111) face, with its references."""
    tags = {"bulk": metal, "miller": "111", "adsorbate": "O", "site": where}
    references = {f"{metal}-111": 1.0, "O2": 0.5}
    key = changes.pop("key", f"{metal}-111-O-{where}")
    return member(key, Role.ADSORPTION, adsorbed(metal, where, height), tags, **{"references": references, **changes})


def small_campaign(metal: str = "Cu") -> list[Member]:
    """A slab, a molecule and two sites."""
    return [slab_member(metal), gas(), site(metal, "fcc"), site(metal, "hcp")]
