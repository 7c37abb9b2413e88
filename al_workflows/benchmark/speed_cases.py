"""What speed is measured on: slabs of any size, labels and potentials for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc100, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from al_workflows.potential import Image, Potential, train_potential
from al_workflows.spec import FitSpec, GaussianProcessSpec, NetworkPotentialSpec, PotentialSpec


def slab(size: tuple[int, int], seed: int = 0, width: float = 0.05) -> Atoms:
    """CO on Cu(100), three layers, the lowest fixed; all atoms rattled by ``width`` (Å)."""
    atoms = fcc100("Cu", (*size, 3), vacuum=6.0)
    add_adsorbate(atoms, molecule("CO"), 1.8, "hollow")
    atoms.pbc = (True, True, False)
    atoms.positions += np.random.default_rng(seed).normal(0.0, width, atoms.positions.shape)
    atoms.set_constraint(FixAtoms([atom.index for atom in atoms if atom.tag == 3]))
    return atoms


def paper_slab(seed: int = 0, width: float = 0.05) -> Atoms:
    """C on Cu(100) 2×2×3, 13 atoms, the lowest layer fixed; all atoms rattled by ``width`` (Å)."""
    atoms = slab((2, 2), seed, width)
    return atoms[[atom.index for atom in atoms if atom.symbol != "O"]]


def labelled(atoms: Atoms) -> Image:
    """The image that EMT makes of ``atoms``."""
    free = atoms.copy()
    free.calc = EMT()
    return Image(atoms, float(free.get_potential_energy()), free.get_forces(apply_constraint=False))


def potentials(images: Sequence[Image]) -> dict[str, Potential]:
    """A potential of each kind with its default settings; how well it is trained does not change its speed."""
    specs: dict[str, PotentialSpec] = {
        "networks": NetworkPotentialSpec(training=FitSpec(max_iterations=5)),
        "Gaussian process": GaussianProcessSpec(),
    }
    return {name: train_potential(images, spec, seed=0) for name, spec in specs.items()}
