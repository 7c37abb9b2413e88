"""How good a run's models were: at the structures they relaxed to, and at the frames that DFT was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from al_workflows.band import saddle_index
from al_workflows.geometry import largest_displacement
from al_workflows.history import RunHistory
from al_workflows.path_result import HEIGHT
from al_workflows.records import FloatArray, Label
from al_workflows.uncertainty_errors import largest_difference

#: Å: a label this close to a relaxed structure is of that structure
SAME = 1e-3


def structure_mae(atoms: Atoms, reference: Atoms) -> float:
    """Mean over all atoms of the L1 displacement from ``reference``, minimum image, Å (Shuaibi et al. 2020)."""
    delta = atoms.positions - reference.positions  # [N, 3]
    if atoms.pbc.any():
        delta = find_mic(delta, atoms.cell, atoms.pbc)[0]
    return float(np.abs(delta).sum(axis=1).mean())


@dataclass(frozen=True)
class RelaxedError:
    """A cycle's relaxed structure against the run's answer.

    ``images`` is the number of training images. ``model`` (eV) is the model's energy there minus the answer's DFT
    energy; ``dft`` (eV) DFT's energy there minus the answer's, None where DFT was not asked; ``structure`` is
    :func:`structure_mae` (Å).
    """

    cycle: int
    images: int
    model: float
    dft: float | None
    structure: float


def relaxed_errors(history: RunHistory, truth: tuple[Atoms, float] | None = None) -> list[RelaxedError]:
    """The error of each cycle's relaxed structure, the last frame of its pool; none without an answer.

    ``truth``, a structure with its DFT energy (eV), may stand in the place of the run's own answer.
    """
    if truth is None:
        answer = history.answer
        if answer is None or answer.energy is None:
            return []
        truth = answer.atoms, answer.energy
    true, energy = truth
    errors = []
    for cycle, pool in history.relaxations.items():
        relaxed = pool.frame(-1)
        there = [
            label.energy
            for label in history.labels
            if label.energy is not None and largest_displacement(relaxed, label.atoms) < SAME
        ]
        errors.append(
            RelaxedError(
                cycle=cycle,
                images=sum(label.ok and label.cycle < cycle for label in history.labels),
                model=float(pool.energies[-1]) - energy,
                dft=there[0] - energy if there else None,
                structure=structure_mae(relaxed, true),
            )
        )
    return errors


@dataclass(frozen=True)
class BarrierError:
    """The barrier of a cycle's band on the model less the run's DFT barrier (``error``, eV), by training ``images``."""

    cycle: int
    images: int
    error: float


def barrier_errors(history: RunHistory, truth: float | None = None) -> list[BarrierError]:
    """The error of each cycle's barrier, its band's highest image above the initial end; none without an answer.

    ``truth`` (eV) may stand in the place of the run's own answer.
    """
    answer = truth
    if answer is None and history.verdict is not None:
        answer = history.verdict.evidence.get(HEIGHT)
    if answer is None:
        return []
    return [
        BarrierError(
            cycle=cycle,
            images=sum(label.ok and label.cycle < cycle for label in history.labels),
            error=float(band.energies[saddle_index(band.energies)] - band.energies[0]) - answer,
        )
        for cycle, band in history.bands.items()
    ]


@dataclass(frozen=True, eq=False)
class Prediction:
    """A model's answer before DFT's.

    Energies eV; forces eV/Å, [N, 3], constraints not applied; ``uncertainty`` (eV/Å) is the largest force standard
    deviation of an atom, zero for a single network.
    """

    cycle: int
    model_energy: float
    dft_energy: float
    model_forces: FloatArray
    dft_forces: FloatArray
    uncertainty: float

    @property
    def force_error(self) -> float:
        """The largest error of the force on an atom, eV/Å: what ``uncertainty`` should tell."""
        return largest_difference(self.model_forces, self.dft_forces)


def predictions(labels: tuple[Label, ...]) -> list[Prediction]:
    """What the models said of the frames that DFT then answered; the start, before any model, is not among them."""
    found = []
    for label in labels:
        request = label.request
        if label.energy is None or label.forces is None:
            continue
        if request.predicted_energy is None or request.predicted_forces is None:
            continue
        found.append(
            Prediction(
                cycle=label.cycle,
                model_energy=request.predicted_energy,
                dft_energy=label.energy,
                model_forces=request.predicted_forces,
                dft_forces=label.forces,
                uncertainty=request.uncertainty or 0.0,
            )
        )
    return found
