"""The paths of the barrier benchmark: the paper's, and two more metals, facets and adsorbates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc100, fcc111
from ase.constraints import FixAtoms

from al_workflows.benchmark.choices import named
from al_workflows.benchmark.systems import RATTLE
from al_workflows.path_ends import match_ends
from al_workflows.spec import NebSpec


@dataclass(frozen=True)
class PathSystem:
    """An adsorbate that hops from a site of a surface to the next; only it and the top layer move.

    ``facet`` 100: from a hollow by ``shift`` of the cell along its first vector; 111: from fcc to hcp. ``height`` is Å
    above the top layer.
    """

    name: str
    metal: str
    facet: str
    size: tuple[int, int, int]
    adsorbate: str
    height: float
    shift: float = 0.0

    def ends(self, seed: int) -> tuple[Atoms, Atoms]:
        """Both ends of ``seed``, unrelaxed: free atoms rattled by :data:`~al_workflows.benchmark.systems.RATTLE`."""
        build = {"100": fcc100, "111": fcc111}[self.facet]
        initial = build(self.metal, self.size, vacuum=4.0)
        initial.set_constraint(FixAtoms(mask=initial.get_tags() > 1))
        final = initial.copy()
        sites = ("hollow", "hollow") if self.facet == "100" else ("fcc", "hcp")
        for end, site in zip((initial, final), sites, strict=True):
            add_adsorbate(end, self.adsorbate, self.height, site)
            end.pbc = (True, True, False)
        final.positions[-1] += self.shift * final.cell.array[0]
        free = np.flatnonzero(initial.get_tags() <= 1)
        rng = np.random.default_rng([seed, *self.name.encode()])
        for end in (initial, final):
            end.positions[free] += rng.normal(0.0, RATTLE, (len(free), 3))
        return initial, match_ends(initial, final, NebSpec())


_ALL = (
    PathSystem("paper", "Cu", "100", (2, 2, 3), "O", 1.7, 1 / 3),  # Shuaibi et al. 2020: not quite to the next hollow
    PathSystem("C-Ni100", "Ni", "100", (3, 3, 3), "C", 1.5, 1 / 3),
    PathSystem("N-Au111", "Au", "111", (3, 3, 3), "N", 1.3),
)
PATHS = {system.name: system for system in _ALL}


def paths_of(names: Sequence[str]) -> list[PathSystem]:
    """The systems of those names; ``all`` stands for every one.

    Raises
    ------
    InputError
        A name is not known, or there is none.
    """
    return named("system", names, PATHS)
