"""Repulsion without parameters: the ZBL curve, its taper, and that it only repels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase import Atoms, units
from ase.data import atomic_numbers, covalent_radii
from ase.units import Bohr

from al_workflows.neighbors import find_neighbors
from al_workflows.potential.priors import repulsive
from al_workflows.potential.priors.repulsive import RepulsivePrior, screened
from al_workflows.potential.priors.taper import taper

ELEMENTS = ("H", "C", "N", "O", "Al", "Cu", "Ru", "Xe", "Pt", "U", "Og")
#: shortest known bonds (Å): Huber & Herzberg (1979); Cr2: Bondybey & English, Chem. Phys. Lett. 94, 443 (1983)
SHORT_BONDS = {("H", "H"): 0.741, ("N", "N"): 1.098, ("C", "O"): 1.128, ("C", "C"): 1.243, ("Cu", "Cu"): 2.220}


def pair(first: str, second: str, distance: float, **ends: float) -> tuple[float, float]:
    """Energy (eV) of two atoms and the force (eV/Å) that drives them apart."""
    atoms = Atoms([first, second], positions=[[0, 0, 0], [0, 0, distance]])
    prior = RepulsivePrior.from_elements([first, second], **{"full_below": 0.5, "zero_beyond": 0.75} | ends)
    energy, forces = prior.energy_and_forces(atoms, np.array([0, 1]), find_neighbors(atoms, 6.0))
    assert forces[0, 2] == pytest.approx(-forces[1, 2])
    return energy, forces[1, 2]


def touch(first: str, second: str) -> float:
    return float(covalent_radii[atomic_numbers[first]] + covalent_radii[atomic_numbers[second]])


def test_nuclei_are_bare_up_close() -> None:
    """E r → Z_A Z_B e² / (4π ε₀): 14.4 eV Å between protons."""
    assert pytest.approx(units._e * 1e10 / (4 * np.pi * units._eps0), rel=1e-6) == repulsive.COULOMB
    for first, second in (("H", "H"), ("Cu", "O")):
        charges = atomic_numbers[first] * atomic_numbers[second]
        assert pair(first, second, 1e-6)[0] * 1e-6 == pytest.approx(14.39964 * charges, rel=1e-3)


def test_value_of_the_published_curve() -> None:
    """φ at x = 1 (the published coefficients by hand), for silicon in silicon."""
    length = 0.8854 * Bohr / (2 * 14**0.23)
    phi = (
        0.18175 * np.exp(-3.1998) + 0.50986 * np.exp(-0.94229) + 0.28022 * np.exp(-0.4029) + 0.02817 * np.exp(-0.20162)
    )
    assert pair("Si", "Si", length)[0] == pytest.approx(14.39964 * 196 / length * phi, rel=1e-6)


@pytest.mark.parametrize("elements", [*itertools.combinations_with_replacement(ELEMENTS, 2)], ids="-".join)
def test_it_repels_within_its_reach_and_is_zero_beyond(elements: tuple[str, str]) -> None:
    contact = touch(*elements)
    energies, forces = np.transpose([pair(*elements, x * contact) for x in np.linspace(0.1, 0.749, 60)])
    assert (np.diff(energies) < 0).all()
    assert (forces > 0).all()
    assert pair(*elements, 0.75 * contact) == (0.0, 0.0)
    assert pair(*elements, 0.6 * contact)[1] > 5.0
    assert pair(*elements, 0.8 * contact, zero_beyond=0.9)[0] > 0.0


@pytest.mark.parametrize("bond", list(SHORT_BONDS), ids="-".join)
def test_it_leaves_bonds_alone(bond: tuple[str, str]) -> None:
    assert pair(*bond, SHORT_BONDS[bond]) == (0.0, 0.0)


def test_reach_is_that_of_the_largest_pair() -> None:
    prior = RepulsivePrior.from_elements(["H", "Cu"], 0.5, 0.75)
    assert prior.cutoff == pytest.approx(0.75 * touch("Cu", "Cu"))


def test_compiled_and_plain_kernels_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    atoms = Atoms("CuOCu", positions=[[0, 0, 0], [1.0, 0.4, 0], [0.3, 1.5, 0.2]], cell=[2.0, 9, 9], pbc=[1, 0, 0])
    prior, species, near = (
        RepulsivePrior.from_elements(["Cu", "O"], 0.5, 0.75),
        np.array([0, 1, 0]),
        find_neighbors(atoms, 3),
    )
    energy, forces = prior.energy_and_forces(atoms, species, near)
    monkeypatch.setattr(repulsive, "screened", screened.py_func)
    monkeypatch.setattr(repulsive, "taper", taper.py_func)
    plain = repulsive.energy_and_forces.py_func(near.offsets, near.second, near.vectors, species, prior.curves)
    assert energy == pytest.approx(plain[0], rel=1e-12)
    np.testing.assert_allclose(forces, plain[1], rtol=1e-12, atol=1e-12)
    assert energy > 1.0
