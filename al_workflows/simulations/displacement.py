"""In place of a trajectory: a stationary point and one structure displaced from it, for DFT to tell the curvature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.curvature import (
    AMPLITUDE,
    ASKED,
    Modes,
    displaced,
    modes,
    next_mode,
    secant_correction,
    with_spread,
)
from al_workflows.free_directions import free_directions
from al_workflows.mode_check import checks_beside, mirrored
from al_workflows.records import FloatArray, Label, Pool, StopReason

#: displacements in units of :data:`~al_workflows.curvature.AMPLITUDE` after 0, 1, … for which DFT had no answer
SHARES = (1.0, -1.0, 0.5, -0.5)
#: eV/Å: a smaller DFT force along a mode does not say which way is down
LEVEL = 1e-3
#: eV/Å²: of a mode that is surely stiffer than this a model that has learned from other runs is believed
STIFF = 0.1
#: a saddle is left by so many displacements at most before the relaxation takes over
PUSHES = 3
#: names in :attr:`al_workflows.records.Pool.measures`
MODEL_CURVATURE, MODEL_NEGATIVE = "model_curvature_eV_per_A2", "model_negative_modes"
#: of the mode that DFT is asked about
ASKED_CURVATURE = "asked_curvature_eV_per_A2"


def asks_for_curvature(pool: Pool) -> bool:
    """Whether ``pool`` is not a trajectory but a stationary point, mostly with a structure displaced from it."""
    return pool.stop_reason in (StopReason.DISPLACED, StopReason.MODES_CHECKED)


class Displacement:
    """Displace a stationary point along the model's next mode that DFT is to be asked about.

    Downhill, where DFT's forces say which way that is: a structure beside a saddle is then the lower one.

    Parameters
    ----------
    point
        The stationary point.
    answered
        Accepted labels of structures displaced from it.
    tries
        How many displacements there have been, those without an answer included.
    surprised
        The model was wrong about the last one: its softest other mode is asked about, whatever it says of that.
    if_unsure
        Only modes of whose sign the ensemble is not sure are asked about.
    informed
        The model has learned from other runs as well, and with few labels here: its word is believed of stiff modes
        only, above :data:`STIFF`.
    """

    def __init__(
        self,
        point: Label,
        answered: Sequence[Label],
        tries: int,
        surprised: bool = False,
        if_unsure: bool = False,
        informed: bool = False,
    ) -> None:
        self._point = point
        self._answered = answered
        self._limit = np.inf if surprised else (STIFF if informed else 0.0) if if_unsure else ASKED
        self._if_unsure = if_unsure
        self._share = SHARES[(tries - len(answered)) % len(SHARES)]

    def run(self, calculator: Calculator) -> Pool:
        """The pool: the point, and the displaced structure if there is a mode left to ask about."""
        point = self._point.atoms
        found = modes_at(self._point, self._answered, calculator)
        if self._if_unsure:
            found = with_spread(found, point, calculator)
        if np.isnan(found.curvatures).any():
            detail = "the model predicts a number that is not finite"
            return _pool([point], calculator, StopReason.NOT_FINITE, detail, found.lowest(0))
        words = f"{found.negative()} of {len(found.curvatures)} modes negative"
        checked = [label.atoms.positions - point.positions for label in self._answered]
        index = next_mode(found, checked, self._limit, self._if_unsure)
        if index is None:
            return self._other_side(calculator, found, words)
        direction = found.directions[index]
        amplitude = AMPLITUDE * self._share * self._downhill(direction)
        rank = "softest mode" if not checked else "softest mode that DFT has not judged"
        detail = (
            f"{abs(amplitude):g} Å along the model's {rank} ({found.curvatures[index]:.2f} eV/Å²; {words}) from "
            f"{self._point.key.partition('/')[2]}: is that a minimum?"
        )
        pool = _pool([point, displaced(point, direction, amplitude)], calculator, StopReason.DISPLACED, detail, found)
        return replace(pool, measures=pool.measures | {ASKED_CURVATURE: float(found.curvatures[index])})

    def _other_side(self, calculator: Calculator, found: Modes, words: str) -> Pool:
        """The mirror image of the lowest displacement that does not tell by one side; the point alone without one."""
        point = self._point.atoms
        checks = checks_beside(self._point, self._answered)
        unsure = [(check.curvature, label) for label, check in checks if check.unsure()]
        if not unsure or self._if_unsure:
            detail = f"the model is sure of all other directions ({words})"
            return _pool([point], calculator, StopReason.MODES_CHECKED, detail, found)
        curvature, label = min(unsure, key=lambda pair: pair[0])
        detail = (
            f"to the other side of {self._point.key.partition('/')[2]} than {label.key.partition('/')[2]}: the "
            f"curvature on the one, {curvature:.2f} eV/Å², is near zero; is that a minimum?"
        )
        frames = [point, mirrored(point, label.atoms)]
        return _pool(frames, calculator, StopReason.DISPLACED, detail, found)

    def _downhill(self, direction: FloatArray) -> float:
        forces = self._point.forces
        return -1.0 if forces is not None and float(np.vdot(forces, direction)) < -LEVEL else 1.0


def modes_at(point: Label, answered: Sequence[Label], calculator: Calculator) -> Modes:
    """The model's modes at ``point``, mended by what DFT has said beside it."""
    directions = free_directions(point.atoms)
    return modes(point.atoms, calculator, correction=secant_correction(point, answered, calculator, directions))


def off_saddle(point: Label, answered: Sequence[Label], calculator: Calculator) -> list[Atoms]:
    """Both sides of a saddle along the lowest of :func:`modes_at`."""
    direction = modes_at(point, answered, calculator).directions[0]
    return [displaced(point.atoms, direction, sign * AMPLITUDE) for sign in (1.0, -1.0)]


def energy_on(calculator: Calculator, atoms: Atoms) -> float:
    """The calculator's energy of ``atoms``, eV."""
    copy = atoms.copy()
    copy.calc = calculator
    return float(copy.get_potential_energy())


def beside_saddle(saddle: Atoms, moved: Atoms, calculator: Calculator, fmax: float) -> Atoms:
    """Where a relaxation can start that is to leave ``saddle`` on the side of ``moved``, which DFT found lower.

    Beside a flat saddle forces are small enough for a relaxation to end before it began: then the start is farther on,
    as long as the calculator's energy falls, until its largest force is above ``fmax`` (eV/Å).
    """
    best = moved.copy()
    best.calc = calculator
    step, energy = moved.positions - saddle.positions, best.get_potential_energy()
    for _ in range(PUSHES - 1):
        if np.linalg.norm(best.get_forces(), axis=1).max() > fmax:
            break
        farther = best.copy()
        farther.positions += step
        farther.calc = calculator
        if not farther.get_potential_energy() < energy:
            break
        best, energy = farther, farther.get_potential_energy()
    best.calc = None
    return best


def _pool(frames: Sequence[Atoms], calculator: Calculator, reason: StopReason, detail: str, found: Modes) -> Pool:
    energies, forces, spreads = [], [], []
    for frame in frames:
        atoms = frame.copy()
        atoms.calc = calculator
        energies.append(float(atoms.get_potential_energy()))
        forces.append(atoms.get_forces(apply_constraint=False))
        spread = calculator.results.get("forces_uncertainty")  # [N]
        spreads.append(0.0 if spread is None else float(np.max(spread)))
    measures = {MODEL_NEGATIVE: float(found.negative())}
    if len(found.curvatures):
        measures[MODEL_CURVATURE] = float(found.curvatures[0])
    return Pool(
        template=frames[0].copy(),
        positions=np.array([frame.positions for frame in frames]),
        energies=np.array(energies),
        forces=np.array(forces),
        uncertainties=np.array(spreads),
        stop_reason=reason,
        stop_detail=detail,
        measures=measures,
    )
