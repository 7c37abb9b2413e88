"""Molecular dynamics on a calculator: temperatures, what is kept constant, and what ends a trajectory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixCartesianParametricRelations

from al_workflows.errors import InputError
from al_workflows.md_spec import NoseHooverSpec
from al_workflows.potential import Image, PotentialCalculator, train_potential
from al_workflows.preflight import prepare_structure
from al_workflows.records import Pool, StopReason
from al_workflows.simulations.dynamics import (
    ENERGY_DRIFT,
    FRAME_INTERVAL,
    STEPS_DONE,
    TEMPERATURE,
    Dynamics,
)
from al_workflows.simulations.thermostats import NoseHooverChain, integrator, set_in_motion
from al_workflows.spec import GaussianProcessSpec, MdSpec
from tests.builders import label, run_spec, slab

THERMOSTATS: list[dict[str, Any]] = [
    {"kind": "langevin", "friction": 0.05},
    {"kind": "berendsen", "tau": 20},
    {"kind": "nose_hoover", "tau": 20},
]


class Springs(Calculator):  # type: ignore[misc]  # ase is untyped
    """Every atom on a spring (eV/Å²) of its own: after ``good`` calls the energy is what ``then`` says."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012

    def __init__(self, start: Atoms, good: int = 10**9, then: float = np.nan, stiffness: Any = 5.0) -> None:
        super().__init__()
        self._rest, self._left, self._then, self._stiffness = start.positions.copy(), good, then, stiffness

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self._left -= 1
        stretch = self.atoms.positions - self._rest
        energy = 0.5 * float((self._stiffness * stretch**2).sum())
        forces = -self._stiffness * stretch
        if self._left < 0:
            energy, forces = self._then, forces * self._then
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}


def run(start: Atoms, calculator: Calculator, seed: int = 0, known: list[Atoms] | None = None, **changes: Any) -> Pool:
    spec = MdSpec(**{"steps": 60, "equilibration": 20, "stride": 5, "start_from": "start", **changes})
    return Dynamics(spec, min_distance=0.6).run(start, calculator, known or [start], np.random.default_rng(seed))


@pytest.mark.parametrize("thermostat", THERMOSTATS, ids=lambda one: one["kind"])
def test_thermostats_hold_the_temperature_of_what_is_free(thermostat: dict[str, Any]) -> None:
    """With half of the atoms fixed, ASE's own Nosé-Hoover chain comes to a fraction of it."""
    pool = run(slab(1.0), EMT(), steps=1000, equilibration=200, stride=100, temperature=400, thermostat=thermostat)
    assert pool.stop_reason is StopReason.MAX_STEPS
    assert pool.measures[TEMPERATURE] == pytest.approx(400, rel=0.15)
    assert pool.measures[STEPS_DONE] == 1000


def test_a_nose_hoover_chain_keeps_its_own_energy_under_constraints() -> None:
    rng = np.random.default_rng(0)
    atoms = set_in_motion(slab(1.0), 600, rng)
    atoms.calc = EMT()
    dynamics = integrator(atoms, NoseHooverSpec(tau=20), 1.0, 300, rng)
    assert isinstance(dynamics, NoseHooverChain)
    dynamics.run(1)
    before = dynamics.get_conserved_energy()
    dynamics.run(300)
    assert dynamics.get_conserved_energy() == pytest.approx(before, abs=2e-3)
    assert atoms.get_total_energy() != pytest.approx(before, abs=2e-2)


def test_fluctuations_are_canonical_but_for_berendsens() -> None:
    start = Atoms("Cu20", np.random.default_rng(0).uniform(0, 30, (20, 3)))
    stiffness = np.linspace(2, 20, 60).reshape(20, 3)  # not of one frequency, which no chain thermalises
    spread = {}
    for thermostat in THERMOSTATS:
        rng = np.random.default_rng(1)
        atoms = set_in_motion(start, 300, rng)
        atoms.calc = Springs(start, stiffness=stiffness)
        spec = MdSpec(thermostat=thermostat).thermostat
        dynamics = integrator(atoms, spec, 2.0, 300, rng)
        found = [atoms.get_temperature() for _ in dynamics.irun(3000)][500:]
        spread[thermostat["kind"]] = np.std(found) / 300
        assert np.mean(found) == pytest.approx(300, rel=0.06)
    canonical = np.sqrt(2 / atoms.get_number_of_degrees_of_freedom())
    assert spread["langevin"] == pytest.approx(canonical, rel=0.2)
    assert spread["berendsen"] < 0.6 * canonical


def test_nve_keeps_the_energy() -> None:
    start = slab(1.0)
    pool = run(start, EMT(), steps=400, equilibration=100, thermostat={"kind": "nve"})
    assert abs(pool.measures[ENERGY_DRIFT]) < 1e-3 * len(start)
    assert 100 < pool.measures[TEMPERATURE] < 500


def test_frames_velocities_and_what_is_fixed() -> None:
    start = slab(1.0)
    pool, again, other = run(start, EMT()), run(start, EMT()), run(start, EMT(), seed=1)
    assert len(pool) == 60 // 5 + 1
    assert pool.measures[FRAME_INTERVAL] == 5.0
    assert (pool.positions == again.positions).all()
    assert np.abs(pool.positions - other.positions).max() > 0.02
    fixed = start.constraints[0].index
    assert (pool.positions[:, fixed] == start.positions[fixed]).all()
    assert pool.template.constraints[0].index.tolist() == fixed.tolist()
    assert "momenta" not in pool.template.arrays
    assert start.calc is None
    assert pool.frame(3).get_positions() == pytest.approx(pool.positions[3])
    copy = pool.frame(3)
    copy.calc = EMT()
    assert pool.energies[3] == pytest.approx(copy.get_potential_energy())


def test_it_begins_at_a_label_that_is_not_too_high() -> None:
    start, near, high = slab(1.0), slab(1.0, seed=3), slab(0.75)
    found = set()
    for seed in range(12):
        pool = run(start, EMT(), seed, [start, near, high], start_from="label", equilibration=0, steps=5)
        found |= {n for n, atoms in enumerate((start, near, high)) if np.allclose(pool.positions[0], atoms.positions)}
    assert found == {0, 1}


def test_numbers_that_are_none_end_it_and_the_frames_before_are_kept() -> None:
    start = slab(1.0)
    pool = run(start, Springs(start, good=60))
    assert pool.stop_reason is StopReason.NOT_FINITE
    assert 1 <= len(pool) < 13
    assert np.isfinite(pool.positions).all()
    assert np.isfinite(pool.energies).all()


def test_an_explosion_ends_it() -> None:
    start = slab(1.0)
    pool = run(start, Springs(start, good=60, then=-1e6))
    assert pool.stop_reason in (StopReason.TOO_HOT, StopReason.EXPLODED)
    assert len(pool) >= 1


def test_heat_ends_it() -> None:
    pool = run(slab(2.2), EMT(), temperature=20, max_temperature_ratio=2.0, equilibration=0, steps=400)
    assert pool.stop_reason is StopReason.TOO_HOT
    assert "limit 40 K" in pool.stop_detail
    assert 0 < pool.measures[STEPS_DONE] < 400
    assert len(pool) >= 1
    pool = run(slab(2.2), EMT(), temperature=2, max_temperature_ratio=1.5, equilibration=400)
    assert "limit 15 K" in pool.stop_detail  # five times as much while it is equilibrated
    assert pool.measures[STEPS_DONE] == 0  # the equilibration's frames are there all the same
    assert len(pool) >= 1


def test_a_strained_start_is_cooled_by_its_equilibration() -> None:
    """Half an eV of heat for five free atoms, but 300 K when the trajectory begins."""
    pool = run(slab(2.2), EMT(), steps=200, equilibration=500, thermostat={"kind": "langevin", "friction": 0.05})
    assert pool.stop_reason is StopReason.MAX_STEPS
    assert pool.measures[TEMPERATURE] < 500


class Away(Springs):
    """Pushes the last atom up or down with a constant force, eV/Å."""

    def __init__(self, start: Atoms, push: float) -> None:
        super().__init__(start)
        self._push = push

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results["forces"][-1] = [0, 0, self._push]


@pytest.mark.parametrize(("push", "reason"), [(3.0, StopReason.DETACHED), (-3.0, StopReason.TOO_CLOSE)])
def test_desorption_and_collision_end_it(push: float, reason: StopReason) -> None:
    start = slab(2.0)
    pool = run(start, Away(start, push), steps=500, equilibration=0, max_temperature_ratio=1e6)
    assert pool.stop_reason is reason
    assert 1 <= len(pool) < 101
    assert 0 < pool.measures[STEPS_DONE] < 500


def trained(count: int = 1, members: int = 8) -> PotentialCalculator:
    images = [slab(1.0 + 0.1 * n, seed=n) for n in range(count)]
    found = [label(atoms) for atoms in images]
    data = [Image(one.atoms, one.energy, one.forces) for one in found if one.energy and one.forces is not None]
    return PotentialCalculator(train_potential(data, GaussianProcessSpec(members=members), seed=0))


def test_disagreement_ends_it_off_the_labels() -> None:
    start = slab(1.0, seed=0)
    pool = run(start, trained(), max_uncertainty=0.05, steps=400, equilibration=0)
    assert pool.stop_reason is StopReason.UNCERTAIN
    assert pool.uncertainties[-1] > 0.05
    assert (pool.uncertainties[:-1] <= 0.05).any()
    assert run(start, trained(), max_uncertainty=None).stop_reason is StopReason.MAX_STEPS


def test_the_mean_moves_and_the_members_are_asked_at_frames() -> None:
    calculator, atoms = trained(4), slab(1.2, seed=9)
    mean = calculator.of_mean()
    assert mean.potential.regressor.n_members == 1
    for one in (calculator, mean):
        one.calculate(atoms)
    assert mean.results["forces"] == pytest.approx(calculator.results["forces"], abs=1e-10)
    assert mean.results["energy"] == pytest.approx(calculator.results["energy"], abs=1e-9)
    assert (run(slab(1.0, seed=0), calculator, max_uncertainty=None).uncertainties > 0).all()


def test_velocities_of_what_nothing_holds_have_no_drift() -> None:
    free = slab(1.0)
    free.set_constraint()
    moving = set_in_motion(free, 300, np.random.default_rng(0))
    assert np.abs(moving.get_momenta().sum(axis=0)).max() < 1e-10
    assert moving.get_number_of_degrees_of_freedom() == 3 * len(free) - 3
    assert 2 * moving.get_kinetic_energy() / units.kB / 300 == pytest.approx(3 * len(free) - 3, rel=0.5)


def test_structures_without_a_temperature_are_refused() -> None:
    spec = run_spec(simulation={"kind": "md"})
    alone = Atoms("Cu", cell=[9, 9, 9])
    with pytest.raises(InputError, match="there are 0 degrees of freedom"):
        prepare_structure(spec, alone)
    assert prepare_structure(spec, slab(1.0)).run.startswith("test-")
    relation = FixCartesianParametricRelations([0], np.eye(3), np.zeros(3))
    odd = slab(1.0)
    odd.set_constraint([relation])
    with pytest.raises(InputError, match="FixCartesianParametricRelations"):
        prepare_structure(spec, odd)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"simulation": {"kind": "md", "temperature": 0}}, "temperature"),
        ({"simulation": {"kind": "md", "timestep": -1}}, "timestep"),
        ({"simulation": {"kind": "md", "thermostat": {"kind": "andersen"}}}, "andersen"),
        ({"simulation": {"kind": "md", "thermostat": {"kind": "nve", "tau": 3}}}, "thermostat.tau"),
        ({"simulation": {"kind": "md", "stride": 50, "steps": 20}}, "stride 50"),
        ({"simulation": {"kind": "md", "validation_frames": 500}}, "validation_frames 500"),
        ({"simulation": {"kind": "md", "validation_frames": 2}}, "3 or more"),
        ({"simulation": {"kind": "md", "validation_frames": 150}}, "max_dft_calls"),
        ({"simulation": {"kind": "md", "accuracy": {"force_mae": 0}}}, "accuracy.force_mae"),
        ({"simulation": {"kind": "md", "accuracy": {"elements": {"Xy": 0.1}}}}, "Xy"),
        ({"simulation": {"kind": "md"}, "query": {"kind": "final"}}, "1 frames a cycle"),
        ({"simulation": {"kind": "md"}, "query": {"kind": "random", "batch": 2}}, "3 or more"),
        ({"simulation": {"kind": "md"}, "query": {"kind": "parallel"}}, "simulation.kind: relaxation"),
        ({"simulation": {"kind": "md"}, "potential": {"members": 1}}, "potential.members"),
        ({"query": {"kind": "mixed", "random_frames": -1}}, "query.random_frames"),
        (
            {"query": {"kind": "mixed", "random_frames": 0, "uncertain_frames": 0, "farthest_frames": 0}},
            "one frame at least",
        ),
    ],
    ids=str,
)
def test_bad_values_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        run_spec(**changes)
    assert "\n" not in str(caught.value)


def test_dynamics_ask_by_a_query_of_their_own() -> None:
    assert run_spec(simulation={"kind": "md"}).query.kind == "mixed"
    assert run_spec(simulation={"kind": "md"}, query={"kind": "random", "batch": 50}).query.kind == "random"
    assert run_spec().query.kind == "final"
    assert run_spec(simulation={"kind": "md", "accuracy": None}, query={"kind": "final"}).query.kind == "final"
