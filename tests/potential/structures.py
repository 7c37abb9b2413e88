"""Structures and labels shared by the tests of the potential."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc100, fcc111, molecule
from ase.calculators.emt import EMT

from al_workflows.potential import Image
from al_workflows.spec import NetworkPotentialSpec


def rattled(atoms: Atoms, seed: int, width: float = 0.08) -> Atoms:
    copy = atoms.copy()
    copy.positions += np.random.default_rng(seed).normal(0.0, width, copy.positions.shape)
    return copy


def slab() -> Atoms:
    """C on Cu(100): two periodic directions."""
    atoms = fcc100("Cu", (2, 2, 2), vacuum=6.0)
    add_adsorbate(atoms, "C", 1.6, "hollow")
    return rattled(atoms, 1)


def cluster() -> Atoms:
    """Ethanol: three elements, no cell."""
    return rattled(molecule("CH3CH2OH"), 2, 0.03)


def small_cell() -> Atoms:
    """A cell of 2.6 Å with two elements: atoms meet their own images."""
    return rattled(Atoms("CuNi", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[2.8, 2.7, 2.9], pbc=True), 3)


def chain() -> Atoms:
    """Periodic in one direction only, the other cell vectors missing."""
    return Atoms("AuAgAu", positions=[[0, 0, 0], [0.4, 2.5, 0.2], [0.1, 0.3, 2.6]], cell=[0, 0, 5.0], pbc=[0, 0, 1])


def three_metals() -> Atoms:
    """An alloy slab with an adsorbate: four elements, one of them a single atom."""
    atoms = fcc111("Pt", (2, 2, 2), vacuum=5.0)
    atoms.symbols[5], atoms.symbols[2] = "Pd", "Au"
    add_adsorbate(atoms, "O", 1.3, "fcc")
    return rattled(atoms, 4)


def oblique() -> Atoms:
    """A primitive cell, far from orthogonal, and an atom outside of it."""
    atoms = bulk("Cu") * (2, 1, 1)
    atoms.symbols[1] = "Al"
    atoms.positions[1] += 3 * atoms.cell[2] - 2 * atoms.cell[0]
    return rattled(atoms, 5)


STRUCTURES = {f.__name__: f for f in (slab, cluster, small_cell, chain, three_metals, oblique)}


def emt_image(atoms: Atoms, offset: float = 0.0) -> Image:
    copy = atoms.copy()
    copy.calc = EMT()
    return Image(atoms, copy.get_potential_energy() + offset, copy.get_forces(apply_constraint=False))


def emt_images(count: int, offset: float = 0.0) -> list[Image]:
    return [emt_image(rattled(slab(), 10 + n), offset) for n in range(count)]


def made_up(atoms: Atoms, seed: int = 0) -> Image:
    """Any numbers will do where only consistency is tested."""
    forces = np.random.default_rng(seed).normal(0.0, 0.5, (len(atoms), 3))
    return Image(atoms, -3.0 * len(atoms) + seed, forces)


def quick(**changes: object) -> NetworkPotentialSpec:
    """A small potential that trains in a blink."""
    defaults = {"hidden": (6, 6), "members": 2, "training": {"kind": "levenberg_marquardt", "max_iterations": 15}}
    return NetworkPotentialSpec.model_validate(defaults | changes)


def numerical_forces(energy: object, atoms: Atoms, step: float = 1e-4) -> np.ndarray:
    """Forces by a central difference of fourth order, eV/Å."""
    forces = np.zeros((len(atoms), 3))
    for i in range(len(atoms)):
        for c in range(3):
            total = 0.0
            for n, weight in ((1, -8.0), (-1, 8.0), (2, 1.0), (-2, -1.0)):
                moved = atoms.copy()
                moved.positions[i, c] += n * step
                total += weight * energy(moved)  # type: ignore[operator]
            forces[i, c] = total / (12.0 * step)
    return forces
