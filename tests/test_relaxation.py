"""Relaxations on a calculator: where they end, and what keeps them from going wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from al_workflows.geometry import displacements, largest_displacement
from al_workflows.records import Pool, StopReason
from al_workflows.simulations.guards import Guards
from al_workflows.simulations.relaxation import Relaxation
from al_workflows.simulations.saddles import both_sides
from al_workflows.simulations.trust_region import TrustRegion, freedom
from al_workflows.spec import RelaxationSpec
from al_workflows.structures import max_force
from al_workflows.trust import kicked, trust_radius
from tests.builders import cycle, slab

RNG = np.random.default_rng(0)


class Spring(Calculator):  # type: ignore[misc]  # ase is untyped
    """A spring (eV/Å²) from the last atom to a point ``way`` (Å) off its start; NaN after ``good`` calls."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012

    def __init__(self, start: Atoms, way: list[float], stiffness: float = 1.0, good: int = 10**6) -> None:
        super().__init__()
        self._goal, self._stiffness, self._left = start.positions[-1] + way, stiffness, good

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self._left -= 1
        stretch = self.atoms.positions[-1] - self._goal
        forces = np.zeros((len(self.atoms), 3))
        forces[-1] = -self._stiffness * stretch
        energy = 0.5 * self._stiffness * float(stretch @ stretch) if self._left >= 0 else np.nan
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}


def relax(start: Atoms, calculator: Calculator, trust: float | None = None, **changes: Any) -> Pool:
    spec = RelaxationSpec(**{"fmax": 0.05, **changes})
    return Relaxation(spec, min_distance=0.6, trust_radius=trust).run(start, calculator, [start], RNG)


def test_it_ends_in_a_minimum_of_the_model() -> None:
    start = slab(2.0, seed=1)
    pool = relax(start, EMT())
    assert pool.stop_reason is StopReason.CONVERGED
    assert (pool.positions[0] == start.positions).all()
    assert max_force(start, pool.forces[-1]) <= 0.05 * 0.5  # the model is relaxed further than DFT is asked to be
    assert (np.diff(pool.energies) < 1e-2).all()
    assert pool.energies[-1] < pool.energies[0] - 0.1
    fixed = start.constraints[0].index
    assert (pool.positions[:, fixed] == start.positions[fixed]).all()
    assert np.abs(pool.forces[0][fixed]).max() > 1e-3  # raw forces, also on fixed atoms
    assert (pool.uncertainties == 0).all()  # EMT is no ensemble


def test_the_start_is_left_as_it_was() -> None:
    start = slab(2.0, seed=1)
    before = start.copy()
    relax(start, EMT())
    assert start == before
    assert start.calc is None


@pytest.mark.parametrize("optimizer", ["BFGS", "FIRE", "LBFGS", "MDMin"])
def test_any_optimizer_of_ase(optimizer: str) -> None:
    pool = relax(slab(1.8), EMT(), optimizer=optimizer)
    assert pool.stop_reason is StopReason.CONVERGED


def test_it_stops_exactly_at_the_trust_radius() -> None:
    start = slab(2.6)
    limit = 0.1 * freedom(start)[-1]
    pool = relax(start, EMT(), trust=0.1)
    assert pool.stop_reason is StopReason.TRUST_RADIUS
    assert largest_displacement(pool.frame(-1), start) == pytest.approx(limit, abs=1e-5)
    assert all(largest_displacement(pool.frame(index), start) <= limit for index in range(len(pool)))


def test_the_trust_radius_is_measured_from_the_nearest_label() -> None:
    start, beyond = slab(2.6), slab(2.2)
    spec = RelaxationSpec(fmax=0.05)
    pool = Relaxation(spec, 0.6, trust_radius=0.1).run(start, EMT(), [start, beyond], RNG)
    assert pool.stop_reason is StopReason.TRUST_RADIUS
    shares = [(displacements(pool.frame(-1), label) / freedom(start)).max() for label in (start, beyond)]
    assert min(shares) == pytest.approx(0.1, abs=1e-5)
    assert shares[0] > 0.12


def test_an_atom_with_room_around_it_is_freer() -> None:
    bound, away = freedom(slab(1.0)), freedom(slab(2.6))
    assert bound.max() == pytest.approx(1.0, abs=0.35)
    assert 1.0 < away[-1] <= 1.5**3
    assert freedom(slab(5.0))[-1] == 1.5**3
    np.testing.assert_allclose(away[:-1], freedom(slab(5.0))[:-1], atol=0.1)


def test_a_wrapped_atom_has_not_moved() -> None:
    start = slab(2.6)
    wrapped = start.copy()
    wrapped.positions[-1] += start.cell[0]
    assert not TrustRegion(start, [start], 0.1).cut(wrapped, start.positions)


def on_top() -> Atoms:
    """O on an atom of Cu(100): a saddle of EMT by symmetry."""
    atoms = fcc100("Cu", (2, 2, 2), vacuum=6.0)
    add_adsorbate(atoms, "O", 1.8, "ontop")
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms(mask=atoms.get_tags() == 2))
    return atoms


def test_it_leaves_a_saddle_of_the_model() -> None:
    start = on_top()
    staying = Relaxation(RelaxationSpec(fmax=0.05, leave_saddles=False), 0.6, None).run(start, EMT(), [start], RNG)
    leaving = Relaxation(RelaxationSpec(fmax=0.05), 0.6, None).run(start, EMT(), [staying.frame(-1)], RNG)
    assert staying.stop_reason is leaving.stop_reason is StopReason.CONVERGED
    assert leaving.energies[-1] < staying.energies[-1] - 0.1
    np.testing.assert_array_equal(leaving.positions[: len(staying)], staying.positions)


def test_both_sides_of_a_minimum_are_none() -> None:
    atoms = relax(slab(1.0), EMT()).frame(-1)
    assert both_sides(atoms, EMT()) == []


def test_it_goes_from_the_start_as_well() -> None:
    """What begins in a higher basin ends in the one of the first label, where that is lower on the model."""
    low, high = slab(1.0), on_top()
    spec = RelaxationSpec(fmax=0.05, leave_saddles=False)
    pool = Relaxation(spec, 0.6, None).run(high, EMT(), [low, high], RNG)
    alone = Relaxation(spec.model_copy(update={"also_from_start": False}), 0.6, None)
    assert pool.energies[-1] < alone.run(high, EMT(), [low, high], RNG).energies[-1] - 0.1


def test_too_many_steps() -> None:
    pool = relax(slab(2.5), EMT(), max_steps=3)
    assert pool.stop_reason is StopReason.MAX_STEPS
    assert len(pool) == 4


def test_colliding_atoms_end_it_before_they_collide() -> None:
    pool = relax(slab(2.0), Spring(slab(2.0), [0, 0, -4]))
    assert pool.stop_reason is StopReason.TOO_CLOSE
    assert "covalent" in pool.stop_detail
    assert Guards(slab(2.0), 0.6).problem(pool.frame(-1), 0.0, np.zeros((9, 3))) is None


def test_a_lost_adsorbate_ends_it() -> None:
    pool = relax(slab(2.0), Spring(slab(2.0), [0, 0, 9]), max_steps=200)
    assert pool.stop_reason is StopReason.DETACHED
    assert pool.frame(-1).positions[-1, 2] - slab(2.0).positions[-1, 2] < 5.0


def test_a_start_in_two_pieces_is_not_lost() -> None:
    start = Atoms("H4", positions=[[0, 0, 0], [0.8, 0, 0], [9, 0, 0], [9.8, 0, 0]])
    assert Guards(start, 0.6).problem(start, 0.0, np.zeros((4, 3))) is None
    start.positions[0, 0] = -8.0
    found = Guards(Atoms("H4", positions=[[0, 0, 0], [0.8, 0, 0], [9, 0, 0], [9.8, 0, 0]]), 0.6).problem(
        start, 0.0, np.zeros((4, 3))
    )
    assert found is not None
    assert found[0] is StopReason.DETACHED


def test_a_number_that_is_none_ends_it() -> None:
    pool = relax(slab(2.0), Spring(slab(2.0), [0, 0, 3], good=4))
    assert pool.stop_reason is StopReason.NOT_FINITE
    assert len(pool) == 4
    assert np.isfinite(pool.energies).all()


def test_absurd_forces_end_it() -> None:
    pool = relax(slab(2.0), Spring(slab(2.0), [0, 0, 1], stiffness=1e4))
    assert pool.stop_reason is StopReason.EXPLODED
    assert len(pool) == 0


def test_a_relaxed_start_is_a_pool_of_one() -> None:
    start = slab()
    start.set_constraint(FixAtoms(range(len(start) - 1)))
    pool = relax(start, Spring(start, [0, 0, 0]))
    assert pool.stop_reason is StopReason.CONVERGED
    assert len(pool) == 1


def test_the_trust_radius_gives_way_after_cycles_without_a_label() -> None:
    spec = RelaxationSpec(trust_radius=0.8)
    assert trust_radius(spec, [cycle(0), cycle(1)]) == 0.8
    fruitless = [cycle(0), *(cycle(index, fmax=None) for index in range(1, 5))]
    radii = [trust_radius(spec, fruitless[: index + 1]) for index in range(5)]
    assert radii == pytest.approx([0.8, 0.4, 1.2, 0.2, 1.6])
    assert trust_radius(spec, [*fruitless, cycle(5)]) == 0.8
    assert trust_radius(RelaxationSpec(trust_radius=None), fruitless) is None


class Doubtful(Spring):
    """A spring that knows the less the farther it has gone."""

    def calculate(self, *arguments: Any, **keywords: Any) -> None:
        super().calculate(*arguments, **keywords)
        way = np.linalg.norm(self.atoms.positions - slab(2.0).positions, axis=1)
        self.results["forces_uncertainty"] = 10 * way


def test_it_stops_where_the_ensemble_disagrees() -> None:
    start = slab(2.0)
    pool = relax(start, Doubtful(start, [0, 0, 2]), max_uncertainty=3.0)
    assert pool.stop_reason is StopReason.UNCERTAIN
    assert pool.uncertainties[-1] > 3.0 >= pool.uncertainties[:-1].max()
    assert relax(start, Doubtful(start, [0, 0, 2]), max_uncertainty=None).stop_reason is StopReason.CONVERGED
    beside = relax(start, Doubtful(start, [0, 0, 2]), max_uncertainty=1.0)
    assert largest_displacement(beside.frame(-1), start) > 0.15


def test_a_run_without_progress_is_tighter_and_then_kicked() -> None:
    spec = RelaxationSpec(trust_radius=0.8)
    history = [cycle(0, 1.0, 0.0), cycle(1, 0.5, -1.0)] + [cycle(n, 0.7, -0.9) for n in range(2, 10)]
    assert [trust_radius(spec, history[:n]) for n in (5, 6, 10)] == [0.8, 0.4, 0.4]
    assert trust_radius(spec, [*history, cycle(10, 0.4, -0.9)]) == 0.8
    start = slab(1.6)
    assert kicked(start, history[:9], np.random.default_rng(0)) is start
    moved = kicked(start, history, np.random.default_rng(0))
    apart = displacements(moved, start)
    fixed = start.constraints[0].index
    assert not apart[fixed].any()
    assert 0.02 < np.delete(apart, fixed).mean() < 0.2
    assert moved == kicked(start, history, np.random.default_rng(0))
