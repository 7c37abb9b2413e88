"""Symmetry functions against a plain reference, and their derivatives and invariances."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from al_workflows.neighbors import find_neighbors
from al_workflows.potential import descriptor as descriptor_module
from al_workflows.potential import kernels, links, radial, triplets
from al_workflows.potential.descriptor import Descriptor
from al_workflows.potential.model import species_of
from al_workflows.spec import DescriptorSpec
from tests.potential.structures import STRUCTURES, cluster, slab, three_metals

RICH = DescriptorSpec(cutoff=4.5, g2_eta=(0.05, 4.0, 60.0), g4_eta=(0.005, 2.0), g4_zeta=(1.0, 2.5, 4.0))


def prepare(atoms: Atoms, spec: DescriptorSpec = RICH):
    elements = tuple(dict.fromkeys(sorted(atoms.get_chemical_symbols())))
    return Descriptor(spec, len(elements)), species_of(atoms, elements), find_neighbors(atoms, spec.cutoff)


def reference(atoms: Atoms, spec: DescriptorSpec) -> np.ndarray:
    """The formulas of the module's head, one line each, over explicit periodic images."""
    descriptor, species, _ = prepare(atoms, spec)
    rc, reach = spec.cutoff, [7 * bool(p and v.any()) for p, v in zip(atoms.pbc, atoms.cell.array, strict=True)]
    shifts = [np.array([a, b, c]) @ atoms.cell.array
              for a in range(-reach[0], reach[0] + 1)
              for b in range(-reach[1], reach[1] + 1)
              for c in range(-reach[2], reach[2] + 1)]  # fmt: skip
    around = [[(species[j], atoms.positions[j] + shift - atoms.positions[i])
               for j in range(len(atoms)) for shift in shifts
               if 1e-8 < np.linalg.norm(atoms.positions[j] + shift - atoms.positions[i]) < rc]
              for i in range(len(atoms))]  # fmt: skip

    def radial(eta: float, r: float) -> float:
        return math.exp(-eta * r**2 / rc**2) * 0.5 * (math.cos(math.pi * r / rc) + 1) if r < rc else 0.0

    result = np.zeros((len(atoms), descriptor.n_features))
    for i, neighbors in enumerate(around):
        row = [sum(radial(eta, np.linalg.norm(v)) for kind, v in neighbors if kind == s)
               for s in range(descriptor.n_species) for eta in spec.g2_eta]  # fmt: skip
        pairs = [(s, t) for s in range(descriptor.n_species) for t in range(s, descriptor.n_species)]
        for pair in pairs:
            triplets = [(neighbors[a][1], neighbors[b][1]) for a in range(len(neighbors)) for b in range(a)
                        if tuple(sorted((neighbors[a][0], neighbors[b][0]))) == pair]  # fmt: skip
            for eta, zeta, gamma in itertools.product(spec.g4_eta, spec.g4_zeta, spec.g4_gamma):
                total = 0.0
                for u, v in triplets:
                    base = 1 + gamma * (u @ v) / np.linalg.norm(u) / np.linalg.norm(v)
                    product = math.prod(radial(eta, np.linalg.norm(w)) for w in (u, v, u - v))
                    total += 2 ** (1 - zeta) * max(base, 0.0) ** zeta * product
                row.append(total)
        result[i] = row
    return result


@pytest.mark.parametrize("name", STRUCTURES)
def test_features_follow_the_formulas(name: str) -> None:
    atoms = STRUCTURES[name]()
    spec = RICH if len(atoms) < 4 else DescriptorSpec(cutoff=3.5, g2_eta=(0.05, 20.0))
    descriptor, species, neighbors = prepare(atoms, spec)
    np.testing.assert_allclose(descriptor.features(species, neighbors), reference(atoms, spec), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", STRUCTURES)
def test_jacobian_is_the_derivative(name: str) -> None:
    atoms = STRUCTURES[name]()
    descriptor, species, neighbors = prepare(atoms)
    slopes, step = descriptor.jacobian(species, neighbors), 1e-5
    for i, c in ((0, 0), (len(atoms) - 1, 2)):
        moved = []
        for sign in (1, -1):
            copy = atoms.copy()
            copy.positions[i, c] += sign * step
            moved.append(descriptor.features(species, find_neighbors(copy, RICH.cutoff)))
        np.testing.assert_allclose(slopes[:, :, i, c], (moved[0] - moved[1]) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("name", STRUCTURES)
def test_contraction_is_the_jacobian_contracted(name: str) -> None:
    descriptor, species, neighbors = prepare(STRUCTURES[name]())
    weights = np.random.default_rng(0).normal(size=(3, len(species), descriptor.n_features))
    expected = np.einsum("mif,ifjc->mjc", weights, descriptor.jacobian(species, neighbors))
    np.testing.assert_allclose(descriptor.contraction(species, neighbors, weights), expected, atol=1e-10)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_invariant_under_rotation_translation_permutation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    atoms = [slab, cluster, three_metals][seed % 3]()
    descriptor, species, neighbors = prepare(atoms)
    expected = descriptor.features(species, neighbors)
    turn, order = Rotation.random(rng=rng).as_matrix(), rng.permutation(len(atoms))
    moved = atoms[order]
    moved.positions = (moved.positions + rng.normal(0, 20, 3)) @ turn.T
    moved.cell = atoms.cell.array @ turn.T
    found = descriptor.features(species[order], find_neighbors(moved, RICH.cutoff))
    np.testing.assert_allclose(found, expected[order], atol=1e-10)


def test_supercell_repeats_features() -> None:
    atoms = STRUCTURES["small_cell"]()
    descriptor, species, neighbors = prepare(atoms)
    big = atoms * (1, 2, 2)
    found = descriptor.features(np.tile(species, 4), find_neighbors(big, RICH.cutoff))
    np.testing.assert_allclose(found, np.tile(descriptor.features(species, neighbors), (4, 1)), atol=1e-11)


def test_features_fade_smoothly_at_the_cutoff() -> None:
    descriptor = Descriptor(RICH, 1)
    at = [
        descriptor.features(np.zeros(2, int), find_neighbors(Atoms("C2", [[0, 0, 0], [0, 0, RICH.cutoff - gap]]), 5.0))
        for gap in (1e-4, -1e-4)
    ]
    assert 0 < at[0].max() < 1e-8
    assert at[1].max() == 0.0


@pytest.mark.parametrize("name", ["small_cell", "chain"])
def test_compiled_and_plain_kernels_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor, species, neighbors = prepare(STRUCTURES[name](), DescriptorSpec(cutoff=3.2, g2_eta=(0.1, 9.0)))
    weights = np.random.default_rng(0).normal(size=(2, len(species), descriptor.n_features))

    def everything() -> list[np.ndarray]:
        return [
            descriptor.features(species, neighbors),
            descriptor.contraction(species, neighbors, weights),
            descriptor.jacobian(species, neighbors),
        ]

    compiled = everything()
    for module in (radial, triplets, kernels, links, descriptor_module):
        for name, value in list(vars(module).items()):
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)
    for one, other in zip(compiled, everything(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("eta", [1e-3, 0.05, 0.4, 1.2, 80.0, 1e4])
def test_radial_functions_to_the_last_digits(eta: float) -> None:
    squares = np.append(np.linspace(0.01, 1.0, 200), 1.5)
    values, slopes = np.empty((1, len(squares))), np.empty((1, len(squares)))
    work = np.empty((3, len(squares)))
    radial.radial(squares, np.array([eta]), radial.series_of([eta]), work, values, slopes)
    r = np.sqrt(squares)
    wave = np.where(r < 1, 0.5 * (np.cos(np.pi * r) + 1), 0.0)
    slope = np.where(r < 1, -0.5 * np.pi * np.sin(np.pi * r) / r, 0.0)
    np.testing.assert_allclose(values[0], np.exp(-eta * squares) * wave, rtol=0, atol=2e-14)
    np.testing.assert_allclose(slopes[0], np.exp(-eta * squares) * (slope - 2 * eta * wave), rtol=0, atol=2e-12)


@pytest.mark.parametrize("name", ["slab", "three_metals", "small_cell"])
def test_batches_of_triplets_add_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found again in batches equals what is kept."""
    descriptor, species, neighbors = prepare(STRUCTURES[name]())
    weights = np.random.default_rng(0).normal(size=(2, len(species), descriptor.n_features))
    at_once = descriptor.surroundings(species, neighbors)
    expected = at_once.features, at_once.contraction(weights), descriptor.jacobian(species, neighbors)
    assert at_once.kept > 0
    monkeypatch.setattr(descriptor_module, "room_for", lambda pairs: int(np.diff(pairs.segments).sum(axis=1).max()))
    batches = descriptor.surroundings(species, neighbors)
    assert batches.kept == -1
    found = batches.features, batches.contraction(weights), descriptor.jacobian(species, neighbors)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11)


def test_surroundings_outlive_other_structures() -> None:
    """Scratch memory is shared: who comes back later gets the same bits."""
    descriptor, species, neighbors = prepare(slab())
    weights = np.random.default_rng(0).normal(size=(1, len(species), descriptor.n_features))
    surroundings = descriptor.surroundings(species, neighbors)
    at_once = surroundings.contraction(weights)
    prepare(cluster())[0].features(*prepare(cluster())[1:])
    np.testing.assert_array_equal(surroundings.contraction(weights), at_once)


def test_links_hold_the_jacobian_of_atoms_that_see_each_other() -> None:
    descriptor, species, neighbors = prepare(STRUCTURES["small_cell"]() * (3, 1, 1))
    found = descriptor.links(species, neighbors)
    assert (found.first != found.second).all()
    assert len(np.unique(np.column_stack([found.first, found.second]), axis=0)) == len(found.first)
    assert found.slopes.shape[1:] == (len(RICH.g2_eta) + 2 * 2 * 3 * 2, 3)
    jacobian = descriptor.jacobian(species, neighbors)
    for n in range(len(found.first)):
        i, j = found.first[n], found.second[n]
        np.testing.assert_array_equal(jacobian[i, descriptor.columns[species[j]], j], found.slopes[n])
