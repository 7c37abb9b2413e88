"""Hessians, modes, and what two single points say of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms, FixBondLength, FixCartesian, FixCom, FixedPlane, Hookean
from ase.optimize import BFGS
from ase.vibrations import Vibrations

from al_workflows.curvature import TOLERANCE, Modes, displaced, hessian, modes, next_mode, secant_correction
from al_workflows.errors import InputError
from al_workflows.free_directions import free_directions
from al_workflows.mode_check import (
    ModeCheck,
    PointKind,
    check_both_sides,
    check_mode,
    checks_beside,
    judge,
    mirrored,
)
from al_workflows.records import LabelStatus
from tests.builders import label, slab


class Quadratic(Calculator):  # type: ignore[misc]  # ase is untyped
    """E = ½ u·H·u of the displacements u [3N] from a reference."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, reference: Atoms, matrix: Any) -> None:
        super().__init__()
        self._reference, self._matrix = reference.positions.copy(), matrix

    def calculate(self, atoms: Any = None, properties: Any = (), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        shift = (self.atoms.positions - self._reference).ravel()
        pull = self._matrix @ shift
        self.results = {"energy": 0.5 * shift @ pull, "forces": -pull.reshape(-1, 3)}


def anchored(count: int = 4) -> Atoms:
    """Atoms of which the first is fixed, so that no rigid motion is free."""
    positions = np.random.default_rng(0).normal(size=(count, 3)) * 3
    return Atoms(f"Cu{count}", positions, cell=[20, 20, 20], constraint=FixAtoms([0]))


def symmetric(size: int, seed: int = 1) -> Any:
    matrix = np.random.default_rng(seed).normal(size=(size, size))
    return matrix + matrix.T


def labels_on(curve: Any, at: float = 0.2) -> tuple[Any, Any]:
    """Labels of two structures ``at`` (Å) apart along one direction, on an energy curve and its slope."""
    start = Atoms("CuO", [[0, 0, 0], [0, 0, 2.0]])
    direction = np.array([[0.6, 0, 0], [0, 0.8, 0]])
    found = []
    for place in (0.0, at):
        energy, slope = curve(place)
        atoms = start.copy()
        atoms.positions += place * direction
        found.append(label(atoms, energy=energy, forces=-slope * direction))
    return found[0], found[1]


# --- directions -------------------------------------------------------------------------------------------------


def test_directions_are_orthonormal_and_leave_fixed_atoms_alone() -> None:
    atoms = slab(seed=0)
    directions = free_directions(atoms)
    fixed = atoms.constraints[0].index
    assert directions.shape == (3 * (len(atoms) - len(fixed)), len(atoms), 3)
    flat = directions.reshape(len(directions), -1)
    assert flat @ flat.T == pytest.approx(np.eye(len(flat)))
    assert not directions[:, fixed].any()


@pytest.mark.parametrize(
    ("atoms", "count"),
    [
        (molecule("H2O"), 3),
        (molecule("CO2"), 4),
        (molecule("CO"), 1),
        (Atoms("H"), 0),
        (Atoms("H", cell=[2, 2, 2], pbc=True), 0),
        (Atoms("CuO", [[0, 0, 0], [1.0, 1.2, 0.8]], cell=[4, 4, 4], pbc=True), 3),
        (Atoms("CuO", [[0, 0, 0], [1.0, 1.2, 0.8]], cell=[4, 4, 4], pbc=(True, False, False)), 2),
    ],
)
def test_rigid_motions_are_no_directions(atoms: Atoms, count: int) -> None:
    assert len(free_directions(atoms)) == count


@pytest.mark.parametrize(
    ("constraint", "count"),
    [
        (FixCartesian([0], mask=(True, True, True)), 9),
        (FixCartesian([1], mask=(False, False, True)), 11 - 2),  # and translations along x and y
        ([FixAtoms([0]), FixedPlane(1, (1, 1, 0))], 8),
        (FixCom(), 12 - 3 - 3),
    ],
)
def test_other_straight_constraints_are_projected_out(constraint: Any, count: int) -> None:
    atoms = anchored()
    atoms.set_constraint(constraint)
    directions = free_directions(atoms)
    assert len(directions) == count
    for direction in directions:
        moved = atoms.copy()
        moved.set_positions(atoms.positions + 0.3 * direction)  # constraints act
        assert moved.positions == pytest.approx(atoms.positions + 0.3 * direction)


@pytest.mark.parametrize("constraint", [FixBondLength(0, 1), Hookean(0, 1, k=5.0, rt=0.1)])
def test_constraints_that_bend_the_motion_are_refused_by_name(constraint: Any) -> None:
    atoms = anchored()
    atoms.set_constraint(constraint)
    with pytest.raises(InputError, match=type(constraint).__name__.rstrip("s")):
        free_directions(atoms)


# --- Hessian and modes ------------------------------------------------------------------------------------------


def test_the_modes_of_a_quadratic_form_are_its_eigenvectors() -> None:
    atoms, matrix = anchored(), symmetric(12)
    found = modes(atoms, Quadratic(atoms, matrix))
    values, vectors = np.linalg.eigh(matrix[3:, 3:])
    assert found.curvatures == pytest.approx(values)
    assert found.negative() == (values < -TOLERANCE).sum() > 0
    for direction, vector in zip(found.directions, vectors.T, strict=True):
        assert abs(np.vdot(direction[1:], vector)) == pytest.approx(1)
        assert direction.max() == pytest.approx(np.abs(direction).max())
    assert found.lowest(2).curvatures == pytest.approx(values[:2])
    again = Modes.from_dict(found.to_dict())
    assert np.array_equal(again.directions, found.directions)


def test_a_constraint_takes_its_direction_out_of_the_hessian() -> None:
    atoms, matrix = anchored(), symmetric(12)
    normal = np.zeros(9)
    normal[:3] = [0.6, 0.8, 0]
    atoms.set_constraint([FixAtoms([0]), FixedPlane(1, (0.6, 0.8, 0))])
    held = np.eye(9) - np.outer(normal, normal)
    expected = np.linalg.eigvalsh(held @ matrix[3:, 3:] @ held)
    found = modes(atoms, Quadratic(atoms, matrix)).curvatures
    assert found == pytest.approx(np.delete(expected, np.abs(expected).argmin()))


def test_nothing_free_has_no_modes_and_no_number_gives_none() -> None:
    alone = modes(Atoms("H"), EMT())
    assert (len(alone.curvatures), alone.negative(), next_mode(alone, [])) == (0, 0, None)
    atoms = anchored()
    lost = modes(atoms, Quadratic(atoms, np.full((12, 12), np.nan)))
    assert np.isnan(lost.curvatures).all()


def test_the_hessian_of_emt_is_that_of_ase(tmp_path: Path) -> None:
    atoms = slab(1.5, seed=0)
    free = [atom.index for atom in atoms if atom.index not in atoms.constraints[0].index]
    copy = atoms.copy()
    copy.set_constraint()
    copy.calc = EMT()
    vibrations = Vibrations(copy, indices=free, delta=0.01, name=str(tmp_path / "vib"))
    vibrations.run()
    theirs = vibrations.get_vibrations().get_hessian_2d()
    assert hessian(atoms, EMT(), free_directions(atoms)) == pytest.approx(theirs, abs=1e-8)


def test_a_relaxed_molecule_is_a_minimum_although_it_may_turn() -> None:
    atoms = molecule("H2O")
    atoms.calc = EMT()
    BFGS(atoms, logfile=None).run(fmax=1e-3, steps=200)
    found = modes(atoms, EMT())
    assert len(found.curvatures) == 3
    assert found.negative() == 0
    assert found.curvatures.min() > 0.1


def on(calculator: Calculator, atoms: Atoms) -> Any:
    """The label that ``calculator`` gives."""
    copy = atoms.copy()
    copy.set_constraint()
    copy.calc = calculator
    return label(atoms, energy=float(copy.get_potential_energy()), forces=copy.get_forces())


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_secants_of_labels_beside_a_point_mend_the_models_hessian(count: int) -> None:
    atoms, truth, model = anchored(), symmetric(12), symmetric(12, seed=2)
    dft, ml = Quadratic(atoms, truth), Quadratic(atoms, model)
    directions = free_directions(atoms)
    shifts = np.random.default_rng(5).normal(size=(count, 4, 3))
    shifts[:, 0] = 0
    beside = []
    for shift in shifts:
        moved = atoms.copy()
        moved.positions += 0.1 * shift
        beside.append(on(dft, moved))
    correction = secant_correction(on(dft, atoms), beside, ml, directions)
    assert correction == pytest.approx(correction.T)
    assert np.linalg.matrix_rank(correction, tol=1e-6) == 2 * count
    mended = model[3:, 3:] + correction
    for shift in shifts:
        flat = shift[1:].ravel()
        assert mended @ flat == pytest.approx(truth[3:, 3:] @ flat)
    assert secant_correction(on(ml, atoms), beside[:0], ml, directions) == pytest.approx(0)


def test_a_model_that_fits_needs_no_correction_however_anharmonic() -> None:
    atoms = slab(1.5)
    directions = free_directions(atoms)
    moved = displaced(atoms, directions[-1], 0.3)
    assert secant_correction(label(atoms), [label(moved)], EMT(), directions) == pytest.approx(0, abs=1e-8)


# --- what DFT says of a mode ------------------------------------------------------------------------------------


def test_a_parabola_is_told_exactly_even_off_its_bottom() -> None:
    check = check_mode(*labels_on(lambda s: (1.0 + 0.03 * s - 0.35 * s**2, 0.03 - 0.7 * s)))
    assert (check.distance, check.slope) == pytest.approx((0.2, 0.03))
    assert (check.by_forces, check.by_energy, check.curvature) == pytest.approx((-0.7, -0.7, -0.7))
    assert check.energy_change == pytest.approx(0.03 * 0.2 - 0.35 * 0.04)
    assert check.negative()
    assert ModeCheck.from_dict(check.to_dict()) == check


@pytest.mark.parametrize(("k", "t"), [(0.2, -6.0), (-0.2, 6.0)])
def test_asymmetry_does_not_turn_a_minimum_into_a_saddle_nor_the_reverse(k: float, t: float) -> None:
    check = check_mode(*labels_on(lambda s: (k * s**2 / 2 + t * s**3 / 6, k * s + t * s**2 / 2)))
    assert check.by_forces * k < 0  # the parabola is wrong
    assert check.curvature == pytest.approx(k)
    assert check.negative() == (k < 0)


def test_a_double_well_is_a_saddle_and_the_fourth_derivative_errs_as_stated() -> None:
    depth, width = 0.1, 0.5  # eV, Å: E = depth ((s/width)² - 1)²

    def curve(s: float) -> tuple[float, float]:
        u = (s / width) ** 2 - 1
        return depth * u**2, 4 * depth * u * s / width**2

    k, q, d = -4 * depth / width**2, 24 * depth / width**4, 0.2
    check = check_mode(*labels_on(curve, at=d))
    assert check.curvature == pytest.approx(k - q * d**2 / 12)
    assert check.by_forces == pytest.approx(k + q * d**2 / 6)
    assert check.by_energy == pytest.approx(k + q * d**2 / 12)
    assert check.negative()


def test_both_sides_tell_the_curvature_of_any_quartic() -> None:
    k, t, q, d = 0.02, 3.0, 40.0, 0.2

    def curve(s: float) -> tuple[float, float]:
        return 0.01 * s + k * s**2 / 2 + t * s**3 / 6 + q * s**4 / 24, 0.01 + k * s + t * s**2 / 2 + q * s**3 / 6

    point, there = labels_on(curve, at=d)
    back = labels_on(curve, at=-d)[1]
    assert mirrored(point.atoms, there.atoms).positions == pytest.approx(back.atoms.positions)
    one = check_mode(point, there)
    assert one.curvature == pytest.approx(k - q * d**2 / 12)
    assert one.unsure()
    both = check_both_sides(point, there, back)
    assert (both.curvature, both.slope) == pytest.approx((k, 0.01))
    assert both.by_forces == pytest.approx(k + q * d**2 / 6)
    assert both.by_energy == pytest.approx(k + q * d**2 / 12)
    assert not both.unsure()
    assert both.energy_change == pytest.approx(min(curve(d)[0], curve(-d)[0]))
    other = labels_on(curve, at=0.1)[1]
    found = checks_beside(point, [there, other, back])
    assert [label for label, _ in found] == [there, other]
    assert [check for _, check in found] == [both, check_mode(point, other)]


def test_a_check_needs_two_accepted_labels_of_different_structures() -> None:
    point, moved = labels_on(lambda s: (s, 1.0))
    failed = label(moved.atoms, cycle=3, status=LabelStatus.SCF_NOT_CONVERGED)
    with pytest.raises(InputError, match=r"run/0003/00 is scf_not_converged"):
        check_mode(point, failed)
    with pytest.raises(InputError, match="displaced"):
        check_mode(point, point)


def test_displacements_are_measured_on_the_atom_that_moves_most() -> None:
    atoms = slab()
    direction = np.random.default_rng(0).normal(size=(len(atoms), 3))
    for amplitude in (0.15, -0.1):
        shift = displaced(atoms, direction, amplitude).positions - atoms.positions
        assert np.linalg.norm(shift, axis=1).max() == pytest.approx(abs(amplitude))
        assert np.vdot(shift, direction) * amplitude > 0
    with pytest.raises(InputError, match="direction"):
        displaced(atoms, np.zeros((len(atoms), 3)))


# --- which direction next, and the verdict ------------------------------------------------------------------------


def test_the_lowest_mode_is_asked_first_and_then_only_new_soft_ones() -> None:
    axes = np.eye(6).reshape(6, 2, 3)
    found = Modes(np.array([-1.0, -0.5, 0.08, 0.2, 1.0, 2.0]), axes)
    assert next_mode(found, []) == 0
    assert next_mode(Modes(np.abs(found.curvatures), axes), []) == 0  # DFT has the word on a minimum too
    assert next_mode(found, [3.0 * axes[0]]) == 1
    assert next_mode(found, [axes[0], axes[0] + 0.1 * axes[1]]) is None  # together they hold both
    assert next_mode(found, [axes[0] + 0.9 * axes[3]]) == 0
    assert next_mode(found, [axes[1], axes[0]]) is None
    soft = Modes(np.array([-1.0, 0.04, 0.3, 1.0, 1.0, 2.0]), axes)
    assert next_mode(soft, [axes[0]]) == 1  # the model may err by as much
    assert next_mode(Modes(np.full(6, np.nan), axes), [axes[0]]) is None


def test_the_judgement_says_what_dft_confirmed_and_what_is_the_models_word() -> None:
    up, down = (ModeCheck(0.2, 0.0, k, k, k, k * 0.02) for k in (0.5, -0.3))
    unknown = judge(2, True, [])
    assert (unknown.kind, unknown.order) == (PointKind.UNDECIDED, 2)
    saddle = judge(2, True, [up, down])
    assert (saddle.kind, saddle.order) == (PointKind.SADDLE, 2)
    assert "-0.30 eV/Å²" in saddle.reason
    assert "order 2 is the model's word" in saddle.reason
    assert judge(0, False, [down]).order == 1
    assert judge(1, True, [up]).kind is PointKind.UNDECIDED
    minimum = judge(1, False, [up, up])  # the model errs in a direction that DFT has judged
    assert (minimum.kind, minimum.order) == (PointKind.MINIMUM, 0)
    assert "2 directions is 0.50 eV/Å²" in minimum.reason
