"""What every prior has to be, whatever its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from pydantic import TypeAdapter
from scipy.spatial.transform import Rotation

from al_workflows.neighbors import find_neighbors
from al_workflows.potential.model import species_of
from al_workflows.potential.priors import Prior
from al_workflows.potential.priors.build import build_prior
from al_workflows.potential.priors.stored import dump_prior, load_prior
from al_workflows.spec import PriorSpec
from tests.potential.structures import STRUCTURES, cluster, numerical_forces, rattled, slab, three_metals

PLUGINS = Path(__file__).parent.parent / "plugin_package"
LENNARD_JONES = {
    "kind": "ase",
    "calculator": "ase.calculators.lj.LennardJones",
    "arguments": {"sigma": 1.4, "epsilon": 0.3, "rc": 5.0, "smooth": True},
}
KINDS: dict[str, dict[str, Any]] = {
    "morse": {"kind": "morse"},
    "repulsive": {"kind": "repulsive"},
    "ase": LENNARD_JONES,
    "plugin": {"kind": "springs", "reach": 2.6},
    "sum": {"kind": "sum", "terms": [{"kind": "morse", "cutoff": 5.5}, {"kind": "repulsive"}, LENNARD_JONES]},
    "sum of sums": {"kind": "sum", "terms": [{"kind": "sum", "terms": [{"kind": "none"}, LENNARD_JONES]}]},
}
#: kinds whose elements may be without parameters
UNKNOWN = {f"morse, {missing}": {"kind": "morse", "missing": missing} for missing in ("estimate", "repulsive")}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example plug-in is on the path with its metadata."""
    monkeypatch.syspath_prepend(str(PLUGINS))


def prior_of(settings: dict[str, Any], atoms: Atoms) -> Prior:
    elements = sorted(set(atoms.get_chemical_symbols()))
    prior = build_prior(elements, TypeAdapter(PriorSpec).validate_python(settings))
    assert prior is not None
    return prior


def of(prior: Prior, atoms: Atoms, beyond: float = 0.0) -> tuple[float, np.ndarray]:
    elements = tuple(sorted(set(atoms.get_chemical_symbols())))
    neighbors = find_neighbors(atoms, max(prior.cutoff, 3.0) + beyond)
    return prior.energy_and_forces(atoms, species_of(atoms, elements), neighbors)


def squeezed(atoms: Atoms) -> Atoms:
    """``atoms`` so dense that every repulsion is at work."""
    copy = atoms.copy()
    copy.positions *= 0.75
    copy.cell *= 0.75
    return copy


def without_parameters(atoms: Atoms) -> Atoms:
    """``atoms`` with ruthenium in the place of its most frequent element."""
    copy = atoms.copy()
    symbols = copy.get_chemical_symbols()
    copy.symbols[[symbol == max(symbols, key=symbols.count) for symbol in symbols]] = "Ru"
    return copy


CASES = [(kind, settings, lambda atoms: atoms) for kind, settings in KINDS.items()]
CASES += [(kind, settings, without_parameters) for kind, settings in UNKNOWN.items()]
every_kind = pytest.mark.parametrize(("settings", "changed"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])


@every_kind
@pytest.mark.parametrize("name", STRUCTURES)
def test_forces_are_the_gradient_and_add_up_to_zero(name: str, settings: dict[str, Any], changed: Any) -> None:
    atoms = changed(squeezed(STRUCTURES[name]()))
    prior = prior_of(settings, atoms)
    _, forces = of(prior, atoms)
    largest = np.abs(forces).max()
    assert largest > 0.05  # it is at work
    np.testing.assert_allclose(forces, numerical_forces(lambda moved: of(prior, moved)[0], atoms), atol=1e-6 * largest)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-11 * largest)


@every_kind
@pytest.mark.parametrize("make", [slab, cluster])
def test_it_turns_with_the_atoms(make: Any, settings: dict[str, Any], changed: Any) -> None:
    atoms = changed(squeezed(make()))
    prior = prior_of(settings, atoms)
    energy, forces = of(prior, atoms)
    rng = np.random.default_rng(3)
    turn, order = Rotation.random(random_state=3).as_matrix(), rng.permutation(len(atoms))
    moved = atoms[order]
    moved.positions = (moved.positions + rng.normal(0, 20, 3)) @ turn.T
    moved.cell = atoms.cell.array @ turn.T
    moved_energy, moved_forces = of(prior, moved)
    assert moved_energy == pytest.approx(energy, rel=1e-9)
    np.testing.assert_allclose(moved_forces, (forces @ turn.T)[order], atol=1e-9 * np.abs(forces).max())


@every_kind
def test_it_changes_nothing_and_remembers_nothing(settings: dict[str, Any], changed: Any) -> None:
    atoms = changed(squeezed(three_metals()))
    atoms.set_constraint(FixAtoms([0, 1]))
    before = atoms.copy()
    prior = prior_of(settings, atoms)
    energy, forces = of(prior, atoms)
    of(prior, rattled(atoms, 1, 0.2))
    again_energy, again_forces = of(prior, atoms)
    assert again_energy == energy
    np.testing.assert_array_equal(again_forces, forces)
    assert forces[:2].any()  # constraints are not its business
    assert atoms == before
    assert atoms.calc is None


@every_kind
def test_it_looks_no_farther_than_it_says(settings: dict[str, Any], changed: Any) -> None:
    atoms = changed(squeezed(slab()))
    prior = prior_of(settings, atoms)
    energy, forces = of(prior, atoms)
    wide_energy, wide_forces = of(prior, atoms, beyond=2.0)
    assert wide_energy == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(wide_forces, forces, atol=1e-11 * np.abs(forces).max())


@every_kind
def test_a_checkpoint_keeps_it(settings: dict[str, Any], changed: Any) -> None:
    atoms = changed(squeezed(three_metals()))
    prior = prior_of(settings, atoms)
    header, arrays = dump_prior(prior)
    again = load_prior(header, arrays)
    assert type(again) is type(prior)
    assert again is not None
    (energy, forces), (again_energy, again_forces) = of(prior, atoms), of(again, atoms)
    assert again_energy == energy
    np.testing.assert_array_equal(again_forces, forces)
    assert dump_prior(again)[0] == header


def test_none_is_none() -> None:
    assert build_prior(["Cu"], TypeAdapter(PriorSpec).validate_python({"kind": "none"})) is None
    assert dump_prior(None) == (None, {})
    assert load_prior(None, {}) is None
