"""What a band of images tells: its length, its saddle, the minima on the way, and whether it hangs together."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from al_workflows.curvature import modes
from al_workflows.free_directions import can_have_modes
from al_workflows.records import FloatArray

#: names in :attr:`al_workflows.records.Pool.measures`
SADDLE_MODES = "model_saddle_negative_modes"
#: the same of the end that was looked at, if DFT has found it relaxed
INITIAL_MODES, FINAL_MODES = "model_initial_negative_modes", "model_final_negative_modes"
#: how many minima lie between the ends
MINIMA = "model_minima_between"
#: eV: a dip on the way that is less deep is no minimum, and a top that is less high no barrier
RIPPLE = 0.005
#: of the mean distance of neighbours along the band: nearer ones have collapsed
COLLAPSED = 0.05
#: cosine of the angle between two steps of a band, below which it doubles back
BACKWARDS = -0.5


def straight_line(initial: Atoms, final: Atoms, between: int) -> list[Atoms]:
    """Both ends and ``between`` images on the straight line between them."""
    images = [initial.copy() for _ in range(between + 2)]
    for share, image in zip(np.linspace(0.0, 1.0, between + 2), images, strict=True):
        image.positions[:] = initial.positions + share * (final.positions - initial.positions)
    return images


def path_lengths(positions: FloatArray) -> FloatArray:
    """Distance along the band up to each image, Å, [F]: sums of norms over all atoms; ``positions`` [F, N, 3]."""
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=(1, 2))
    return np.concatenate([[0.0], np.cumsum(steps)])


def saddle_index(energies: FloatArray) -> int:
    """The highest image between the ends; ``energies`` eV, [F], F at least 3."""
    return 1 + int(np.argmax(energies[1:-1]))


def minima_between(energies: FloatArray, ripple: float = RIPPLE) -> list[int]:
    """Images between the ends in a dip deeper than ``ripple`` (eV) below the tops on both sides, the lowest of each."""
    found: list[int] = []
    for k in range(1, len(energies) - 1):
        if not (energies[k] <= energies[k - 1] and energies[k] < energies[k + 1]):
            continue
        depth = min(energies[:k].max(), energies[k + 1 :].max()) - energies[k]
        if depth > ripple:
            found.append(k)
    return found


def tangle(positions: FloatArray) -> str | None:
    """How a band fails to lead from one end to the other; None if it does. ``positions`` Å, [F, N, 3]."""
    steps = np.diff(positions, axis=0).reshape(len(positions) - 1, -1)  # [F − 1, 3N]
    lengths = np.linalg.norm(steps, axis=1)
    nearest = int(lengths.argmin())
    if lengths[nearest] < COLLAPSED * lengths.mean():
        return f"images {nearest} and {nearest + 1} have collapsed into one ({lengths[nearest]:.3f} Å apart)"
    cosines = (steps[1:] * steps[:-1]).sum(axis=1) / (lengths[1:] * lengths[:-1])
    for k in np.flatnonzero(cosines < BACKWARDS).tolist():
        return f"the band doubles back at image {k + 1}: images have crossed"
    return None


def negative_modes(atoms: Atoms, calculator: Calculator) -> int | None:
    """How many modes of ``atoms`` are negative on ``calculator``; None where modes cannot be told."""
    return modes(atoms, calculator).negative() if can_have_modes(atoms) else None


def has_barrier(energies: FloatArray) -> bool:
    """Whether something between the ends is higher than both, by more than a ripple; ``energies`` eV, [F]."""
    return bool(energies[saddle_index(energies)] > max(energies[0], energies[-1]) + RIPPLE)
