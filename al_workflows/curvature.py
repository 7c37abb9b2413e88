"""How the energy curves at a stationary point: a calculator's Hessian and its modes.

Curvatures are eigenvalues of the Hessian without masses, eV/Å². Their signs are those of the squared vibrational
frequencies (Sylvester's law of inertia), so they count the order of a saddle as well; their sizes are not frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from scipy.linalg import orth

from al_workflows.errors import InputError
from al_workflows.free_directions import free_directions
from al_workflows.records import FloatArray, Label, Record

#: Å: how far each free direction is followed to either side for the Hessian
STEP = 0.01
#: Å: how far the atom that moves most is displaced for DFT to judge a mode: far enough for forces that are good to
#: 1 meV/Å to tell :data:`TOLERANCE`, near enough for the fourth derivative not to decide
#: (:class:`~al_workflows.mode_check.ModeCheck`)
AMPLITUDE = 0.15
#: eV/Å²: a curvature above minus this is not called negative: it may be noise, of DFT's forces or of the model's fit,
#: and over an amplitude it is worth half a meV
TOLERANCE = 0.05
#: eV/Å²: DFT is asked about what the model does not hold for higher than this: it may err by as much again
ASKED = 0.05
#: standard deviations of the ensemble within which a curvature is not known
CONFIDENCE = 2.0
#: a direction of which more than this lies in those that DFT has judged is none that DFT has to be asked about. So near
#: one: a hundredth of a stiff direction in a soft one hides its sign
SAME = 0.99


@dataclass(frozen=True, eq=False)
class Modes(Record):
    """The modes of a structure on a calculator, the lowest first.

    ``curvatures`` eV/Å², [n]; ``directions`` [n, N, 3] are orthonormal, without unit. n counts the free directions:
    what the constraints hold and rigid motions of the whole are left out. ``spread`` (eV/Å², [n]) is the ensemble's
    standard deviation of each curvature, None where there is no ensemble or nobody asked for it.
    """

    curvatures: FloatArray
    directions: FloatArray
    spread: FloatArray | None = None

    def negative(self, tolerance: float = TOLERANCE) -> int:
        """How many curvatures are below ``-tolerance`` (eV/Å²): the order of the saddle, 0 for a minimum."""
        return int((self.curvatures < -tolerance).sum())

    def lowest(self, count: int) -> Modes:
        """The ``count`` lowest modes, or all if there are fewer."""
        spread = None if self.spread is None else self.spread[:count]
        return Modes(self.curvatures[:count], self.directions[:count], spread)

    def at_least(self) -> FloatArray | None:
        """What each curvature is at least, if the ensemble is to be believed: two standard deviations below, [n]."""
        return None if self.spread is None else self.curvatures - CONFIDENCE * self.spread


def hessian(atoms: Atoms, calculator: Calculator, directions: FloatArray, step: float = STEP) -> FloatArray:
    """Second derivatives of the energy (eV/Å²) by central differences of the forces along ``directions``, [n, n].

    Parameters
    ----------
    atoms
        The structure; not changed, its own calculator not used.
    calculator
        Asked for the forces of 2 n structures.
    directions
        Orthonormal, [n, N, 3] (:func:`free_directions`).
    step
        Å.
    """
    probe = atoms.copy()
    probe.set_constraint()
    probe.calc = calculator
    rows = np.empty((len(directions), len(directions)))
    for k, direction in enumerate(directions):
        pull = np.zeros((len(atoms), 3))
        for sign in (1.0, -1.0):
            probe.positions[:] = atoms.positions + sign * step * direction
            pull += sign * probe.get_forces()
        rows[k] = -np.tensordot(directions, pull, axes=2) / (2 * step)
    return np.asarray((rows + rows.T) / 2)


def with_spread(found: Modes, atoms: Atoms, calculator: Calculator, step: float = STEP) -> Modes:
    """``found``, with the spread over the members of ``calculator`` if it has any; ``step`` in Å.

    As the members have it: what calibrates the spread of forces (:mod:`al_workflows.potential.calibration`) is told by
    forces, and says nothing of how they change.
    """
    member_forces = getattr(calculator, "member_forces", None)  # a PotentialCalculator's
    if member_forces is None or len(found.curvatures) == 0:
        return found
    curvatures = []
    for direction in found.directions:
        probe, pull = atoms.copy(), 0.0
        for sign in (1.0, -1.0):
            probe.positions[:] = atoms.positions + sign * step * direction
            pull = pull + sign * member_forces(probe)
        curvatures.append(-np.tensordot(pull, direction, axes=2) / (2 * step))  # [members]
    if len(curvatures[0]) < 2:
        return found
    return Modes(found.curvatures, found.directions, np.std(curvatures, axis=1, ddof=1))


def secant_correction(
    point: Label, moved: Sequence[Label], calculator: Calculator, directions: FloatArray
) -> FloatArray:
    """What a model's Hessian lacks to give DFT's forces beside a stationary point, [n, n] (eV/Å²).

    A model that has been trained on labels does not fit them exactly. What is left of its forces' error, per length of
    a displacement, is the error of its Hessian along that (of anharmonicity both differences hold the same). The
    smallest symmetric change that mends it is the multi-secant form of Powell's symmetric Broyden update.

    Parameters
    ----------
    point
        The accepted label of the stationary point.
    moved
        Accepted labels of structures displaced from it.
    calculator
        The model.
    directions
        Orthonormal, [n, N, 3] (:func:`free_directions`).
    """
    count = len(directions)
    at_point = _force_error(point, calculator)
    shifts = np.zeros((count, len(moved)))
    errors = np.zeros((count, len(moved)))
    for k, label in enumerate(moved):
        shifts[:, k] = np.tensordot(directions, label.atoms.positions - point.atoms.positions, axes=2)
        errors[:, k] = -np.tensordot(directions, _force_error(label, calculator) - at_point, axes=2)
    left, values, right = np.linalg.svd(shifts, full_matrices=False)
    new = values > 0.1 * values.max(initial=0.0)  # nearly parallel displacements say nothing of what is between them
    basis = left[:, new]  # [n, rank]
    rates = errors @ right[new].T / values[new]  # [n, rank], eV/Å²: along each of the basis
    inside = basis.T @ rates
    inside = (inside + inside.T) / 2
    outside = rates - basis @ (basis.T @ rates)
    return np.asarray(outside @ basis.T + basis @ outside.T + basis @ inside @ basis.T)


def modes(atoms: Atoms, calculator: Calculator, step: float = STEP, correction: FloatArray | None = None) -> Modes:
    """The modes of ``atoms`` on ``calculator``; ``step`` in Å.

    ``correction`` (eV/Å², [n, n] over :func:`free_directions`) is added to the Hessian. Each direction's sign is such
    that its largest component is positive. All is NaN where the calculator's forces are not finite.

    Raises
    ------
    InputError
        See :func:`free_directions`.
    """
    directions = free_directions(atoms)
    matrix = hessian(atoms, calculator, directions, step)
    if correction is not None:
        matrix = matrix + correction
    if not np.isfinite(matrix).all():
        return Modes(np.full(len(directions), np.nan), np.full_like(directions, np.nan))
    curvatures, vectors = np.linalg.eigh(matrix)
    found = np.tensordot(vectors.T, directions, axes=1)  # [n, N, 3]
    for direction in found:
        flat = direction.ravel()
        direction *= np.sign(flat[np.abs(flat).argmax()])
    return Modes(curvatures, found)


def next_mode(found: Modes, checked: Sequence[FloatArray], limit: float = ASKED, if_unsure: bool = False) -> int | None:
    """Which mode DFT is to be asked about; None when nothing is left to ask.

    The lowest one first, whatever its sign: with few labels on a symmetric path the modes across it are what the prior
    makes of them. Then those of a curvature below ``limit`` (eV/Å²) on the model, trained on the answers, in other
    directions than the ``checked`` ones ([N, 3] each, of any length).

    With ``if_unsure`` what counts is :meth:`Modes.at_least`, from the first on and in its order.
    """
    if len(found.curvatures) == 0:
        return None
    bounds = found.at_least() if if_unsure else None
    if bounds is None:
        bounds = found.curvatures
        if len(checked) == 0:
            return 0
    known = orth(np.array([direction.ravel() for direction in checked]).T) if checked else np.zeros((1, 0))
    for index in np.argsort(bounds, kind="stable").tolist():
        if not bounds[index] < limit:  # or NaN, which is sorted last
            break
        if not checked or np.linalg.norm(found.directions[index].ravel() @ known) < SAME:
            return int(index)
    return None


def displaced(atoms: Atoms, direction: FloatArray, amplitude: float = AMPLITUDE) -> Atoms:
    """``atoms`` moved along ``direction`` [N, 3] until the atom that moves most has moved by ``amplitude`` (Å).

    A negative amplitude moves to the other side.

    Raises
    ------
    InputError
        ``direction`` moves no atom.
    """
    largest = float(np.linalg.norm(direction, axis=1).max())
    if not largest > 0.0:
        raise InputError(f"`direction` moves atoms by {largest} but must move one; give a mode of the structure")
    moved = atoms.copy()
    moved.positions += direction * (amplitude / largest)
    return moved


def _force_error(label: Label, calculator: Calculator) -> FloatArray:
    """DFT's forces less the calculator's, eV/Å, [N, 3]."""
    atoms = label.atoms.copy()
    atoms.set_constraint()
    atoms.calc = calculator
    return np.asarray(energy_and_forces(label)[1] - atoms.get_forces())


def energy_and_forces(label: Label) -> tuple[float, FloatArray]:
    """Energy (eV) and forces (eV/Å, [N, 3]) of an accepted label."""
    if label.energy is None or label.forces is None:
        raise InputError(
            f"{label.key} is {label.status.value} but must be an accepted label to tell a curvature; compute it again"
        )
    return label.energy, label.forces
