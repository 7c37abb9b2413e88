"""The systems of the dynamics benchmark: atoms on metals, whose bonds EMT keeps (it breaks CO's within 250 fs)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ase import Atoms
from ase.build import add_adsorbate, fcc100, fcc111
from ase.constraints import FixAtoms

from al_workflows.benchmark.choices import named

BUILDERS = {"100": fcc100, "111": fcc111}


@dataclass(frozen=True)
class MdSystem:
    """An atom on a slab, periodic in x and y, vacuum 8 Å a side, the lowest ``held`` layers fixed.

    ``foreign``, where given, takes the place of one atom of the top layer.
    """

    metal: str
    facet: str
    size: tuple[int, int, int]
    adsorbate: str
    site: str
    height: float
    held: int = 1
    foreign: str | None = None

    @property
    def name(self) -> str:
        """E.g. ``O-Cu100-3x3x3``."""
        return f"{self.adsorbate}-{self.metal}{self.facet}{self.foreign or ''}-{'x'.join(map(str, self.size))}"

    def start(self) -> Atoms:
        """The start of every run; seeds differ by their velocities."""
        atoms = BUILDERS[self.facet](self.metal, self.size, vacuum=8.0)
        if self.foreign is not None:
            atoms[-1].symbol = self.foreign
        add_adsorbate(atoms, self.adsorbate, self.height, self.site)
        atoms.pbc = (True, True, False)
        atoms.set_constraint(FixAtoms(mask=atoms.get_tags() > self.size[2] - self.held))
        atoms.info = {}
        return atoms


_ALL = (
    # the example's: settings were looked at on it and on N-Pd100Ag
    MdSystem("Cu", "100", (3, 3, 3), "O", "hollow", 1.0),
    # two soft adsorption sites beside each other, and two elements with one atom each
    MdSystem("Pd", "100", (2, 2, 4), "N", "hollow", 1.0, held=2, foreign="Ag"),
    MdSystem("Pt", "111", (3, 3, 3), "O", "fcc", 1.2),
    MdSystem("Ni", "111", (3, 3, 3), "C", "hcp", 1.0),
    # hydrogen goes from site to site all the time
    MdSystem("Ag", "100", (3, 3, 3), "H", "hollow", 0.6),
)
MD_SYSTEMS = {system.name: system for system in _ALL}


def md_systems_of(names: Sequence[str]) -> list[MdSystem]:
    """The systems of those names, each once; ``all`` stands for every one.

    Raises
    ------
    InputError
        A name is not known, or there is none.
    """
    return named("system", names, MD_SYSTEMS)
