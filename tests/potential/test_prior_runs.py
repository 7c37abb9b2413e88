"""Priors at work: in training, in the refit, in a checkpoint, and in whole runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.data import covalent_radii

from al_workflows import offline
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import TrainingError
from al_workflows.neighbors import find_neighbors
from al_workflows.potential import Image, Potential, dump, load, train_potential
from al_workflows.potential.model import species_of
from al_workflows.potential.priors import Prior
from al_workflows.potential.priors.build import build_prior, refitted
from al_workflows.potential.priors.dimers import element_parameters, estimate
from al_workflows.potential.priors.morse import MorsePrior
from al_workflows.potential.priors.morse_fit import PriorSample
from al_workflows.potential.priors.repulsive import RepulsivePrior
from al_workflows.potential.priors.sums import SumPrior
from al_workflows.records import Label, Request, VerdictKind
from al_workflows.spec import MorsePriorSpec, NetworkPotentialSpec
from tests.builders import run_spec
from tests.builders import slab as oxygen_on_copper
from tests.potential.structures import made_up, quick, rattled, slab

LENNARD_JONES = {
    "kind": "ase",
    "calculator": "ase.calculators.lj.LennardJones",
    "arguments": {"sigma": 1.8, "epsilon": 0.2, "rc": 6.0, "smooth": True},
}
SUM = {"kind": "sum", "terms": [{"kind": "repulsive"}, {"kind": "morse"}, LENNARD_JONES]}
MISSING = ["estimate", "repulsive"]


def spec_of(prior: dict[str, Any]) -> Any:
    return NetworkPotentialSpec.model_validate({"prior": prior}).prior


def samples_of(prior: Prior, count: int) -> list[PriorSample]:
    samples = []
    for n in range(count):
        atoms = rattled(slab(), n, 0.15)
        species, neighbors = species_of(atoms, ("C", "Cu")), find_neighbors(atoms, 6.0)
        samples.append(PriorSample(atoms, species, neighbors, *prior.energy_and_forces(atoms, species, neighbors)))
    return samples


def test_in_a_sum_morse_is_fitted_to_what_the_others_leave() -> None:
    dimers = MorsePrior.from_elements(element_parameters(["C", "Cu"], MorsePriorSpec()), 5.0, 6.0)
    curves = dimers.curves.copy()
    curves[1, 1] = 0.4, 2.75, 1.5
    truth = MorsePrior(curves, 5.0, 6.0)
    built = build_prior(["C", "Cu"], spec_of({"kind": "sum", "terms": [SUM, {"kind": "none"}]}))
    assert isinstance(built, SumPrior)
    (inner,) = built.terms
    assert isinstance(inner, SumPrior)
    repulsion, morse, other = inner.terms
    labels = samples_of(SumPrior((repulsion, truth, other)), 6)
    found = refitted(built, labels)
    alone = refitted(morse, samples_of(truth, 6))
    assert isinstance(found, SumPrior)
    assert isinstance(found.terms[0], SumPrior)
    assert isinstance(alone, MorsePrior)
    moved = found.terms[0].terms[1]
    assert isinstance(moved, MorsePrior)
    np.testing.assert_allclose(moved.curves, alone.curves, rtol=1e-5)
    assert np.abs(moved.curves[1, 1] - dimers.curves[1, 1]).max() > 0.1
    assert (found.terms[0].terms[0], found.terms[0].terms[2]) == (repulsion, other)


def test_what_may_not_move_stays() -> None:
    built = build_prior(
        ["C", "Cu"], spec_of({"kind": "sum", "terms": [{"kind": "morse", "refit": False}, SUM["terms"][0]]})
    )
    assert isinstance(built, SumPrior)
    found = refitted(built, samples_of(built, 2))
    assert isinstance(found, SumPrior)
    assert found.terms == built.terms
    assert refitted(built.terms[0], samples_of(built, 2)) is built.terms[0]
    assert refitted(None, []) is None


def test_pairs_without_parameters_repel_and_only_the_others_are_refitted() -> None:
    spec = spec_of({"kind": "morse", "missing": "repulsive"})
    built = build_prior(["Cu", "O", "Rh", "Ru"], spec)
    assert isinstance(built, SumPrior)
    morse, core = built.terms
    assert isinstance(morse, MorsePrior)
    assert isinstance(core, RepulsivePrior)
    np.testing.assert_array_equal(morse.curves[:, :, 0] > 0, np.pad(np.ones((2, 2)), (0, 2)))
    np.testing.assert_array_equal(core.curves[:, :, 0] > 0, 1 - np.pad(np.ones((2, 2)), (0, 2)))
    atoms = rattled(ruthenium(), 3)
    species, near = species_of(atoms, ("Cu", "O", "Rh", "Ru")), find_neighbors(atoms, 6.0)
    label = made_up(atoms)
    moved = refitted(built, [PriorSample(atoms, species, near, label.energy, label.forces)])
    assert isinstance(moved, SumPrior)
    assert isinstance(moved.terms[0], MorsePrior)
    changed = np.abs(moved.terms[0].curves - morse.curves).max(axis=-1) > 1e-6
    assert changed[0, 1]
    assert not changed[2:].any()
    only = build_prior(["Ru"], spec)
    assert isinstance(only, SumPrior)
    assert refitted(only.terms[0], [PriorSample(atoms, species, near, 0.0, label.forces)]) is only.terms[0]


def test_an_estimate_touches_at_the_covalent_radii() -> None:
    curve = estimate("Ru")
    assert curve.r_e == pytest.approx(2 * covalent_radii[44])
    built = build_prior(["Ru"], spec_of({"kind": "morse", "missing": "estimate"}))
    assert isinstance(built, MorsePrior)
    np.testing.assert_allclose(built.curves[0, 0], [curve.well_depth, curve.r_e, curve.a])


def ruthenium() -> Atoms:
    """O on a rhodium-ruthenium alloy with a copper atom."""
    atoms = fcc111("Ru", (2, 2, 2), a=3.8, vacuum=6.0)
    atoms.symbols[[1, 6]], atoms.symbols[3] = "Rh", "Cu"
    add_adsorbate(atoms, "O", 1.3, "fcc")
    return atoms


def in_its_place(atoms: Atoms, distance: float) -> Atoms:
    """``atoms`` with the last one ``distance`` (Å) above a ruthenium atom of the surface."""
    copy = atoms.copy()
    copy.positions[-1] = copy.positions[5] + [0, 0, distance]
    return copy


@pytest.mark.parametrize("missing", MISSING)
def test_unknown_elements_train_predict_and_stay_apart(missing: str) -> None:
    atoms = ruthenium()
    images = []
    for n in range(3):
        image = rattled(atoms, n)
        image.calc = LennardJones(sigma=2.3, epsilon=0.3, rc=6.0)
        images.append(Image(image, image.get_potential_energy(), image.get_forces()))
    prior = {"kind": "morse", "missing": missing}
    potential = train_potential(images, quick(prior=prior), seed=0)
    prediction = potential.predict(rattled(atoms, 9))
    assert np.isfinite(prediction.energy)
    assert np.isfinite(prediction.forces).all()
    distances = (1.3, 1.1, 0.9, 0.7)
    close = [potential.predict(in_its_place(atoms, distance)) for distance in distances]
    assert (np.diff([one.energy for one in close]) > 1.0).all()
    assert all(one.forces[-1, 2] > 5.0 for one in close[1:])
    assert same(load(dump(potential)), potential, rattled(atoms, 9))


@pytest.mark.parametrize("prior", [LENNARD_JONES, SUM, {"kind": "repulsive"}], ids=lambda prior: prior["kind"])
def test_trained_potentials_survive_the_checkpoint(prior: dict[str, Any]) -> None:
    atoms = slab()
    potential = train_potential([made_up(atoms), made_up(rattled(atoms, 2), 1)], quick(prior=prior), seed=1)
    again = load(dump(potential))
    assert same(again, potential, rattled(atoms, 3))
    assert dump(again) == dump(potential)
    twice = train_potential([made_up(atoms), made_up(rattled(atoms, 2), 1)], quick(prior=prior), seed=1)
    assert dump(twice) == dump(potential)


def same(one: Potential, other: Potential, atoms: Atoms) -> bool:
    first, second = one.predict(atoms), other.predict(atoms)
    return first.energy == second.energy and np.array_equal(first.forces, second.forces)


def test_a_prior_without_numbers_is_refused() -> None:
    prior = {"kind": "ase", "calculator": "tests.calculators.Constant", "arguments": {"energy": float("nan")}}
    with pytest.raises(TrainingError, match=r"prior gives NaN.*Cu.*another prior"):
        train_potential([made_up(slab())], quick(prior=prior), seed=0)


def by_emt(request: Request, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), directory=directory)


@pytest.mark.parametrize("prior", [LENNARD_JONES, SUM, {"kind": "repulsive"}], ids=lambda prior: prior["kind"])
def test_a_run_converges(prior: dict[str, Any], tmp_path: Path) -> None:
    start = oxygen_on_copper(2.4, seed=0)
    result = offline.run(run_spec(potential={"prior": prior}), start, tmp_path, labeller=by_emt)
    assert result.verdict.kind is VerdictKind.CONVERGED
    assert result.dft_calls < 15
