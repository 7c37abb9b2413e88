"""The Morse prior: its curve, mixing, taper, shipped table, and the refit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ase import Atoms, units
from ase.data import atomic_masses, atomic_numbers
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from al_workflows.errors import InputError
from al_workflows.neighbors import find_neighbors
from al_workflows.potential.model import species_of
from al_workflows.potential.priors import morse as morse_module
from al_workflows.potential.priors import morse_fit
from al_workflows.potential.priors.dimers import element_parameters, inverse_width, literature, shipped_parameters
from al_workflows.potential.priors.morse import MorsePrior, mix, morse
from al_workflows.potential.priors.taper import taper
from al_workflows.spec import MorseParameters, MorsePriorSpec
from tests.potential.structures import STRUCTURES, numerical_forces, rattled, slab

curves = st.builds(
    MorseParameters, well_depth=st.floats(0.1, 10.0), r_e=st.floats(0.7, 3.0), a=st.floats(1.0, 3.0)
)  # fmt: skip


def dimer_energy(curve: MorseParameters, distance: float) -> float:
    prior = MorsePrior.from_elements([curve], 5.0, 6.0)
    atoms = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, distance]])
    return prior.energy_and_forces(atoms, np.zeros(2, int), find_neighbors(atoms, 6.0))[0]


@settings(deadline=None)  # the first call may have to compile
@given(curve=curves)
def test_minimum_depth_and_zero(curve: MorseParameters) -> None:
    assert dimer_energy(curve, curve.r_e) == pytest.approx(-curve.well_depth)
    assert dimer_energy(curve, curve.r_e - math.log(2) / curve.a) == pytest.approx(0.0, abs=1e-9 * curve.well_depth)
    assert morse(curve.r_e, curve.well_depth, curve.r_e, curve.a)[1] == 0.0
    bend = morse(curve.r_e, curve.well_depth, curve.r_e, curve.a)[2]
    assert bend == pytest.approx(2 * curve.well_depth * curve.a**2)


@given(first=curves, second=curves)
def test_mixing(first: MorseParameters, second: MorseParameters) -> None:
    own, mixed = mix(first, first), mix(first, second)
    assert (own.well_depth, own.r_e, own.a) == pytest.approx((first.well_depth, first.r_e, first.a))
    zero = [c.r_e - math.log(2) / c.a for c in (first, second, mixed)]
    assert zero[2] == pytest.approx((zero[0] + zero[1]) / 2)
    assert mix(second, first) == mixed


@given(distance=st.floats(4.5, 6.5))
def test_taper_is_smooth(distance: float) -> None:
    step = 1e-5
    values = [taper(distance + n * step, 5.0, 6.0)[0] for n in (-1, 0, 1)]
    assert taper(distance, 5.0, 6.0)[1] == pytest.approx((values[2] - values[0]) / (2 * step), abs=1e-6)
    assert abs(values[2] - 2 * values[1] + values[0]) < 10 * step**2
    assert 0.0 <= values[1] <= 1.0


def test_taper_ends() -> None:
    assert taper(5.0, 5.0, 6.0) == (1.0, 0.0)
    assert taper(6.0, 5.0, 6.0) == (0.0, 0.0)
    assert taper(5.5, 5.0, 6.0)[0] == pytest.approx(0.5)


@pytest.mark.parametrize("name", STRUCTURES)
def test_forces_are_the_gradient(name: str) -> None:
    atoms = STRUCTURES[name]()
    elements = tuple(sorted(set(atoms.get_chemical_symbols())))
    prior = MorsePrior.from_elements(element_parameters(elements, MorsePriorSpec()), 5.0, 6.0)
    species = species_of(atoms, elements)

    def energy(moved: Atoms) -> float:
        return prior.energy_and_forces(moved, species, find_neighbors(moved, 6.0))[0]

    _, forces = prior.energy_and_forces(atoms, species, find_neighbors(atoms, 6.0))
    np.testing.assert_allclose(forces, numerical_forces(energy, atoms), atol=1e-6)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-9)


def test_shipped_table() -> None:
    shipped = shipped_parameters()
    assert set(shipped) >= {"H", "C", "N", "O", "Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au"}
    for element, curve in shipped.items():
        known = literature(element)
        assert known is not None
        assert known["origin"]
        # computed or measured, it is the same dimer
        assert curve.r_e == pytest.approx(known["r_e"], rel=0.05)
        assert curve.well_depth == pytest.approx(known["well_depth"], rel=0.3)


@pytest.mark.parametrize("element", ["H", "Cu", "Pt"])
def test_width_from_the_wavenumber(element: str) -> None:
    known = literature(element)
    assert known is not None
    mass = float(atomic_masses[atomic_numbers[element]])
    a = inverse_width(known["well_depth"], known["omega_e"], mass)
    # the curve's curvature gives the wavenumber back, in SI units
    curvature = 2 * known["well_depth"] * a**2 * units._e * 1e20  # J/m²
    frequency = math.sqrt(curvature / (mass / 2 * units._amu))
    assert frequency / (2 * math.pi * units._c * 100) == pytest.approx(known["omega_e"], rel=1e-6)
    # Herzberg's Morse exponent of H2 is 1.94 1/Å
    assert inverse_width(4.7483, 4401.21, 1.00784) == pytest.approx(1.94, abs=0.01)


def test_missing_element_is_named_with_the_remedy_where_it_is_an_error() -> None:
    with pytest.raises(InputError, match=r"Xe.*potential\.prior\.parameters\.Xe.*fit-morse Xe.*missing"):
        element_parameters(["Cu", "Xe"], MorsePriorSpec(missing="error"))
    assert element_parameters(["Xe"], MorsePriorSpec()) == [None]
    own = MorseParameters(well_depth=0.02, r_e=4.4, a=1.5)
    assert element_parameters(["Xe"], MorsePriorSpec(missing="error", parameters={"Xe": own})) == [own]


def test_user_parameters_come_first() -> None:
    own = MorseParameters(well_depth=0.5, r_e=2.6, a=1.2)
    assert element_parameters(["Cu", "C"], MorsePriorSpec(parameters={"Cu": own}))[0] is own


def prior_samples(prior: MorsePrior, count: int, offset: float = 0.0) -> list[morse_fit.PriorSample]:
    samples = []
    for n in range(count):
        atoms = rattled(slab(), n, 0.15)
        species, neighbors = species_of(atoms, ("C", "Cu")), find_neighbors(atoms, 6.0)
        energy, forces = prior.energy_and_forces(atoms, species, neighbors)
        samples.append(morse_fit.PriorSample(atoms, species, neighbors, energy + offset, forces))
    return samples


def test_refit_recovers_known_curves() -> None:
    dimers = MorsePrior.from_elements(element_parameters(["C", "Cu"], MorsePriorSpec()), 5.0, 6.0)
    truth = dimers.curves.copy()
    truth[1, 1] = 0.4, 2.75, 1.5
    truth[0, 1] = truth[1, 0] = 1.8, 2.0, 1.6
    known = MorsePrior(truth, 5.0, 6.0)
    found = morse_fit.refit(dimers, prior_samples(known, 8, offset=-1e4))
    # the cell is so small that C meets C too, weakly: that pair is known less well
    np.testing.assert_allclose(found.curves[1, 1], truth[1, 1], rtol=0.1)
    for mine, label in zip(prior_samples(found, 8), prior_samples(known, 8), strict=True):
        assert np.abs(mine.forces - label.forces).max() < 0.3
    np.testing.assert_array_equal(found.curves, found.curves.transpose(1, 0, 2))


def test_refit_leaves_unseen_pairs_alone() -> None:
    dimers = MorsePrior.from_elements(element_parameters(["C", "O"], MorsePriorSpec()), 5.0, 6.0)
    atoms = Atoms("C2", positions=[[0, 0, 0], [0, 0, 1.5]])
    sample = morse_fit.PriorSample(
        atoms, np.zeros(2, int), find_neighbors(atoms, 6.0), 0.0, np.array([[0, 0, -2.0], [0, 0, 2.0]])
    )
    found = morse_fit.refit(dimers, [sample])
    np.testing.assert_allclose(found.curves[1, 1], dimers.curves[1, 1], rtol=1e-12)
    np.testing.assert_allclose(found.curves[0, 1], dimers.curves[0, 1], rtol=1e-12)
    assert np.abs(found.curves[0, 0] - dimers.curves[0, 0]).max() > 0.01


def test_refit_jacobian_is_the_derivative() -> None:
    dimers = MorsePrior.from_elements(element_parameters(["C", "Cu"], MorsePriorSpec()), 5.0, 6.0)
    (sample,) = prior_samples(dimers, 1)
    parameters = np.array([[1.6, 1.3, 0.8], [0.9, 1.9, 0.5], [0.1, 2.3, 0.4]])
    near, pairs = sample.neighbors, np.array([[0, 1], [1, 2]])

    def evaluate(values: np.ndarray, kernel=morse_fit.parameter_jacobian):
        return kernel(near.offsets, near.second, near.vectors, sample.species, pairs, values, 5.0, 6.0)

    _, _, d_energy, d_forces = evaluate(parameters)
    for k in range(3):
        for n in range(3):
            moved = []
            for sign in (1, -1):
                values = parameters.copy()
                values[k, n] += sign * 1e-6
                moved.append(evaluate(values))
            assert d_energy[k, n] == pytest.approx((moved[0][0] - moved[1][0]) / 2e-6, abs=1e-5)
            np.testing.assert_allclose(d_forces[:, :, k, n], (moved[0][1] - moved[1][1]) / 2e-6, atol=1e-5)


def test_compiled_and_plain_kernels_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = MorsePrior.from_elements(element_parameters(["C", "Cu"], MorsePriorSpec()), 5.0, 6.0)
    (sample,) = prior_samples(prior, 1)
    near, pairs, parameters = sample.neighbors, np.array([[0, 1], [1, 2]]), np.full((3, 3), 0.9)
    shared = (near.offsets, near.second, near.vectors, sample.species)
    fast = morse_fit.parameter_jacobian(*shared, pairs, parameters, 5.0, 6.0)
    for module in (morse_module, morse_fit):
        monkeypatch.setattr(module, "morse", morse.py_func)
        monkeypatch.setattr(module, "taper", taper.py_func)
    energy, forces = morse_module.energy_and_forces.py_func(*shared, prior.curves, 5.0, 6.0)
    assert energy == pytest.approx(sample.energy)
    np.testing.assert_allclose(forces, sample.forces, atol=1e-12)
    for one, other in zip(
        fast, morse_fit.parameter_jacobian.py_func(*shared, pairs, parameters, 5.0, 6.0), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_taper_must_end_after_it_starts() -> None:
    with pytest.raises(ValidationError, match=r"cutoff 6\.0 Å must be larger than taper_start 6\.5 Å"):
        MorsePriorSpec(taper_start=6.5)
