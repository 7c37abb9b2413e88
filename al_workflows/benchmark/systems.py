"""The systems of the benchmarks: the paper's, and surfaces drawn by a seed from metals, facets, adsorbates and defects.

A draw is a function of its seed alone. Defaults of the learner are chosen on :data:`DEVELOPMENT_DRAW`; what is
reported is :data:`REPORTED_DRAW`, so that no setting has seen the systems that it is judged by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc100, fcc110, fcc111, fcc211, molecule
from ase.constraints import FixAtoms
from ase.data import covalent_radii

#: seeds of the draws: settings are chosen on the one, numbers are reported of the other
DEVELOPMENT_DRAW, REPORTED_DRAW = 1, 2020
#: standard deviation of each coordinate of a free atom's start, Å
RATTLE = 0.05
#: Å: where an adsorbate is placed that is not there yet, and where it belongs
FAR, NEAR = 3.0, 1.6
#: no two atoms of a start are closer than this times the sum of their covalent radii
CLEARANCE = 0.9

METALS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")
#: facet: the sizes of its slabs
FACETS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "100": ((2, 2, 3), (2, 2, 4), (3, 3, 3), (3, 3, 4)),
    "111": ((2, 2, 3), (2, 2, 4), (3, 3, 3), (4, 3, 4)),
    "110": ((2, 2, 4), (2, 3, 5), (3, 3, 5)),
    "211": ((3, 2, 3), (3, 3, 3), (3, 3, 4)),
}
BUILDERS = {"100": fcc100, "111": fcc111, "110": fcc110, "211": fcc211}
ATOMS = ("H", "C", "N", "O")
MOLECULES = ("CO", "NO", "OH", "N2", "O2", "CH", "NH", "CH3", "NH3", "H2O")
#: the element of an adsorbate that comes first here binds to the surface
BINDING = ("C", "N", "O", "H")
ATOM_DEFECTS = ("high", "off_site")
MOLECULE_DEFECTS = ("high", "tilted", "stretched", "off_site")


@dataclass(frozen=True)
class System:
    """A surface with an adsorbate and what is wrong with its start.

    ``size`` are the builder's repeats; the lower ``held`` of the slab's atoms is fixed; ``place`` are two numbers in
    [0, 1) that choose site, direction and degree of the defect.
    """

    metal: str
    facet: str
    size: tuple[int, int, int]
    held: float
    adsorbate: str
    defect: str
    place: tuple[float, float]

    @property
    def name(self) -> str:
        """E.g. ``CO-Cu100-2x2x3-tilted``."""
        return f"{self.adsorbate}-{self.metal}{self.facet}-{'x'.join(map(str, self.size))}-{self.defect}"

    def start(self, seed: int) -> Atoms:
        """The start of ``seed``: free atoms rattled by :data:`RATTLE`, periodic in x and y, vacuum 8 Å a side."""
        atoms = _slab(self)
        _place(atoms, self)
        free = [atom.index for atom in atoms if atom.index not in atoms.constraints[0].index]
        rng = np.random.default_rng([seed, *self.name.encode()])
        atoms.positions[free] += rng.normal(0.0, RATTLE, (len(free), 3))
        return atoms


@dataclass(frozen=True)
class PaperSystem:
    """C on Cu(100) 2×2×3, 3 Å above an atom of the top layer, bottom layer fixed (Shuaibi et al. 2020).

    Free atoms are displaced at random with a standard deviation of ``rattle`` (Å); the paper's own start has none.
    """

    name: str = "paper"
    rattle: float = RATTLE

    def start(self, seed: int) -> Atoms:
        """The start of ``seed``; of no rattle the same for all."""
        atoms = fcc100("Cu", (2, 2, 3), vacuum=6.0, a=3.631258)
        add_adsorbate(atoms, "C", FAR, offset=(1, 1))
        atoms.pbc = (True, True, False)
        atoms.set_constraint(FixAtoms(mask=atoms.get_tags() == 3))
        free = np.flatnonzero(atoms.get_tags() != 3)
        atoms.positions[free] += np.random.default_rng([seed, 0]).normal(0.0, self.rattle, (len(free), 3))
        return atoms


def draw(seed: int, count: int) -> list[System]:
    """``count`` systems; metals, facets and adsorbates (an atom, then two molecules) come in random order."""
    rng = np.random.default_rng(seed)
    metals, facets = _endless(METALS, rng), _endless(tuple(FACETS), rng)
    atoms, molecules = _endless(ATOMS, rng), _endless(MOLECULES, rng)
    atom_defects, molecule_defects = _endless(ATOM_DEFECTS, rng), _endless(MOLECULE_DEFECTS, rng)
    systems = []
    for n in range(count):
        facet = next(facets)
        size = FACETS[facet][rng.integers(len(FACETS[facet]))]
        held = 1 / 3 if size[2] == 3 else 1 / 2
        alone = n % 3 == 0
        adsorbate = next(atoms) if alone else next(molecules)
        defect = next(atom_defects) if alone else next(molecule_defects)
        place = (float(rng.random()), float(rng.random()))
        systems.append(System(next(metals), facet, size, held, adsorbate, defect, place))
    return systems


def _endless(choices: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    """Every choice once in random order, and again in another."""
    while True:
        yield from (choices[index] for index in rng.permutation(len(choices)))


def _slab(system: System) -> Atoms:
    atoms = BUILDERS[system.facet](system.metal, system.size, vacuum=8.0)
    atoms.pbc = (True, True, False)
    heights = atoms.positions[:, 2]
    atoms.set_constraint(FixAtoms(mask=heights < np.quantile(heights, system.held) - 1e-3))
    return atoms


def _place(atoms: Atoms, system: System) -> None:
    """Add the adsorbate with its defect, upwards until it touches nothing."""
    guest = Atoms(system.adsorbate) if system.adsorbate in ATOMS else molecule(system.adsorbate)
    guest = guest[np.argsort([BINDING.index(symbol) for symbol in guest.symbols], kind="stable")]
    guest.positions -= guest.positions[0]
    far, turn = system.place
    if len(guest) > 1 and np.linalg.norm(rest := guest.positions[1:].mean(axis=0)) > 0.1:  # not a flat one
        guest.rotate(rest, (0, 0, 1))
    if system.defect == "tilted":
        guest.rotate(50.0 + 40.0 * far, (np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn), 0))
    if system.defect == "stretched":
        guest.positions *= 1.15 + 0.15 * far
    top = atoms.positions[:, 2].max()
    site = np.array([far, turn, 0.0]) if system.defect == "off_site" else np.array([0.5, 0.5, 0.0])
    surface = atoms.positions[atoms.positions[:, 2] > top - 0.5]
    anchor = surface[0] + site @ np.array([*atoms.cell.array[:2] / system.size[0], [0.0, 0.0, 1.0]])
    guest.positions += [anchor[0], anchor[1], top + (FAR if system.defect == "high" else NEAR)]
    while _too_near(atoms, guest):
        guest.positions[:, 2] += 0.1
    atoms += guest  # the adsorbate has tag 0
    atoms.cell[2, 2] = atoms.positions[:, 2].max() + 8.0


def _too_near(atoms: Atoms, guest: Atoms) -> bool:
    both = atoms + guest
    distances = both.get_all_distances(mic=True)[: len(atoms), len(atoms) :]
    radii = covalent_radii[atoms.numbers][:, None] + covalent_radii[guest.numbers][None]
    return bool((distances < CLEARANCE * radii).any())
