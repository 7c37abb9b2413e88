"""Adsorbates on sites of high symmetry: starts that a relaxation leaves where they are, in a minimum or on a saddle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate
from ase.constraints import FixAtoms
from ase.data import atomic_numbers, covalent_radii

from al_workflows.benchmark.systems import BUILDERS, METALS

#: facet: its sites, of which the top one mostly is a saddle of second order, the bridge one of first
SITES = {"100": ("ontop", "bridge", "hollow"), "111": ("ontop", "bridge", "fcc")}
#: a metal's own atom is the adatom ``self``
ADSORBATES = ("H", "C", "N", "O", "self")
#: repeats of the surface cell and layers; the lowest layer is fixed
SIZE = (2, 2, 3)
#: how much nearer to the surface than above an atom the adsorbate begins, Å
LOWER = {"ontop": 0.0, "bridge": 0.4, "hollow": 0.8, "fcc": 0.6}


@dataclass(frozen=True)
class Site:
    """An atom on a site of a surface."""

    metal: str
    facet: str
    adsorbate: str
    site: str

    @property
    def name(self) -> str:
        """E.g. ``C-Cu100-ontop``."""
        return f"{self._symbol}-{self.metal}{self.facet}-{self.site}"

    @property
    def _symbol(self) -> str:
        return self.metal if self.adsorbate == "self" else self.adsorbate

    def start(self) -> Atoms:
        """The ideal surface, 6 Å of vacuum a side, and the adsorbate about where it binds; not rattled."""
        atoms = BUILDERS[self.facet](self.metal, SIZE, vacuum=6.0)
        bond = float(sum(covalent_radii[atomic_numbers[symbol]] for symbol in (self.metal, self._symbol)))
        add_adsorbate(atoms, self._symbol, bond - LOWER[self.site], self.site)
        atoms.pbc = (True, True, False)
        atoms.set_constraint(FixAtoms(mask=atoms.get_tags() == SIZE[2]))
        atoms.center(6.0, axis=2)
        return atoms


def draw_sites(seed: int, count: int) -> list[Site]:
    """``count`` different sites: kinds of site in turn, metals, facets and adsorbates each in random order."""
    rng = np.random.default_rng(seed)
    metals, adsorbates = _endless(METALS, rng), _endless(ADSORBATES, rng)
    found: list[Site] = []
    while len(found) < count:
        facet = ("100", "111")[int(rng.integers(2))]
        site = Site(next(metals), facet, next(adsorbates), SITES[facet][len(found) % 3])
        if site not in found:
            found.append(site)
    return found


def _endless(choices: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    while True:
        yield from (choices[index] for index in rng.permutation(len(choices)))
