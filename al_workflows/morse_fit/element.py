"""One element: its single points, then its curve or the reason why there is none."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from al_workflows.dft.single_point import single_point
from al_workflows.morse_fit.curve import JUMP, CurveFit, fit_width, jumps, minimum
from al_workflows.morse_fit.points import (
    Multiplicities,
    dimer_distance,
    dimer_slope,
    first_points,
    more_points,
    multiplicities,
)
from al_workflows.morse_fit.spec import MorseFitSpec
from al_workflows.records import FloatArray, Label, Request
from al_workflows.spec import DftSpec

#: computes a point in a directory, as :func:`al_workflows.dft.single_point.single_point` does
Labeller = Callable[[Request, DftSpec, Path], Label]
#: dimers that a curve must rest on
FEWEST = 4


class Outcome(enum.StrEnum):
    """How an element's fit ended."""

    FITTED = "fitted"
    NOT_BOUND = "not bound at these settings"
    NO_MINIMUM = "no minimum found"
    DFT_FAILED = "DFT failed"


@dataclass(frozen=True, eq=False)
class ElementFit:
    """``curve`` is None unless ``outcome`` is ``FITTED``; ``cause`` is one line that says why.

    ``distances`` (Å) and ``energies`` (eV, relative to two lone atoms), [points], are the dimers that DFT answered;
    ``energies`` is empty where the lone atom failed. ``remarks`` are lines on what makes a curve doubtful.
    """

    element: str
    outcome: Outcome
    cause: str
    spins: Multiplicities
    curve: CurveFit | None
    atom_energy: float | None
    distances: FloatArray
    energies: FloatArray
    labels: tuple[Label, ...]
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Wall time of all single points, s."""
        return sum(label.seconds for label in self.labels)


def fit_element(element: str, spec: MorseFitSpec, root: Path, label: Labeller = single_point) -> ElementFit:
    """Compute what the fit of ``element`` needs, below ``root``, and fit it.

    Points that have finished there are not computed again.
    """
    labels = [label(point.request, point.dft, point.directory(root)) for point in first_points(element, spec)]
    labels += [label(point.request, point.dft, point.directory(root)) for point in more_points(element, spec, labels)]
    return conclude(element, spec, labels)


def conclude(element: str, spec: MorseFitSpec, labels: Sequence[Label]) -> ElementFit:
    """The curve that the labels of an element give."""
    accepted = [label for label in labels if label.ok and label.energy is not None]
    failed = [label for label in labels if not label.ok]
    atom = next((label.energy for label in accepted if len(label.atoms) == 1), None)
    dimers = sorted((label for label in accepted if len(label.atoms) == 2), key=dimer_distance)
    distances = np.array([dimer_distance(label) for label in dimers])
    total = np.array([label.energy for label in dimers], dtype=float)
    slopes = np.array([dimer_slope(label) for label in dimers])

    def answer(outcome: Outcome, cause: str, curve: CurveFit | None = None) -> ElementFit:
        relative = total - 2.0 * atom if atom is not None else np.array([])
        remarks = [f"left out: {_failures(failed)}"] if failed and curve else []
        remarks += _jumps(distances, jumps(distances, total, slopes, curve.parameters)) if curve else []
        spins = multiplicities(element, spec)
        return ElementFit(
            element, outcome, cause, spins, curve, atom, distances, relative, tuple(labels), tuple(remarks)
        )

    if atom is None or len(dimers) < FEWEST:
        return answer(Outcome.DFT_FAILED, f"{_failures(failed)} ({failed[0].directory})")
    lowest = minimum(distances, total, slopes)
    if lowest is None:
        side = "falling" if slopes[-1] < 0 else "rising"
        return answer(
            Outcome.NO_MINIMUM,
            f"{element}2 has no minimum between {distances[0]:.3f} and {distances[-1]:.3f} Å (the energy is {side} at "
            f"the end); give `elements: {{{element}: {{r_e: …}}}}` in the file of --dft, or another multiplicity",
        )
    well_depth = -(lowest.energy - 2.0 * atom)
    if well_depth <= 0:
        return answer(
            Outcome.NOT_BOUND,
            f"{element}2 at {lowest.r_e:.3f} Å is {-well_depth:.3f} eV above two atoms but must be below; check the "
            "multiplicities, spin polarisation and `box` in the file of --dft",
        )
    return answer(Outcome.FITTED, "", fit_width(distances, total - 2.0 * atom, well_depth, lowest.r_e))


def _jumps(distances: FloatArray, found: FloatArray) -> list[str]:
    return [
        f"from {distances[n]:.3f} to {distances[n + 1]:.3f} Å the energy changes by {found[n]:+.2f} eV against the "
        "forces: two electronic states"
        for n in np.flatnonzero(np.abs(found) > JUMP)
    ]


def _failures(failed: Sequence[Label]) -> str:
    first = failed[0]
    number = "1 single point" if len(failed) == 1 else f"{len(failed)} single points, the first one"
    return f"DFT failed in {number} ({first.request.reason}) with {first.status.value}: {first.cause}"
