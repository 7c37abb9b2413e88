"""Errors of a model's forces and energies on frames that DFT answered after the model had predicted them.

Components on free atoms count, in all and by element. Atoms of one frame are wrong together, so what is uncertain about
a mean error is told by whole frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from scipy.special import ndtr, stdtrit

from al_workflows.records import FloatArray, Label
from al_workflows.structures import free_atoms

#: resampled sets of frames
RESAMPLES = 4000
#: the group of all free atoms, beside those of the elements
ALL = "all"
_ENERGY, _STEPS = "energy_mae_eV", "md_steps_done"


@dataclass(frozen=True, eq=False)
class ForceErrors:
    """Mean absolute errors of each frame, empty where none was predicted.

    ``forces`` by group (:data:`ALL`, or an element), eV/Å, [frames]; ``energies`` of whole frames, eV, [frames].
    """

    forces: Mapping[str, FloatArray]
    energies: FloatArray

    def __len__(self) -> int:
        return len(self.energies)

    @classmethod
    def of(cls, labels: Sequence[Label]) -> ForceErrors:
        """Of those of ``labels`` that were predicted and answered; all are of one composition."""
        found = [
            (frame_errors(label.atoms, label.request.predicted_forces - label.forces), error)
            for label in labels
            if label.forces is not None
            and label.request.predicted_forces is not None
            and (error := _energy_error(label)) is not None
        ]
        groups = found[0][0].keys() if found else ()
        forces = {group: np.array([frame[group] for frame, _ in found]) for group in groups}
        return cls(forces, np.array([error for _, error in found]))

    def mean(self) -> dict[str, float]:
        """Force errors by group, eV/Å."""
        return {group: float(errors.mean()) for group, errors in self.forces.items()}

    def bound(self, confidence: float) -> dict[str, float]:
        """What they are below at that ``confidence``, by group, eV/Å."""
        return {group: upper_bound(errors, confidence) for group, errors in self.forces.items()}


def frame_errors(atoms: Atoms, difference: FloatArray) -> dict[str, float]:
    """Mean absolute components of ``difference`` [N, 3] on the free atoms of ``atoms``, in all and by element."""
    copy, left, free = atoms.copy(), np.array(difference, dtype=float), free_atoms(atoms)
    for constraint in copy.constraints:
        constraint.adjust_forces(copy, left)
    found = {ALL: float(np.abs(left[free]).mean())}
    for element in sorted(set(atoms.symbols[free])):
        found[element] = float(np.abs(left[free & (atoms.symbols == element)]).mean())
    return found


def upper_bound(values: FloatArray, confidence: float) -> float:
    """The mean of ``values`` [frames] is below this at that ``confidence``: a one-sided percentile of the bootstrap.

    The percentile is widened for few frames as Student's t is (Hesterberg, Am. Stat. 69, 371 (2015), "expanded
    percentile"); of one frame nothing is known, and the bound is infinite.
    """
    count = len(values)
    if count < 2:
        return float("inf")
    drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))  # the same for the same number of frames
    share = float(ndtr(np.sqrt(count / (count - 1)) * stdtrit(count - 1, confidence)))
    return float(np.quantile(values[drawn].mean(axis=1), share))


def evidence(errors: ForceErrors, confidence: float) -> dict[str, float]:
    """The numbers of ``errors`` as a verdict keeps them; :func:`from_evidence` finds them again."""
    bounds = errors.bound(confidence)
    found = {"frames": float(len(errors)), _ENERGY: float(errors.energies.mean())}
    for group, mean in errors.mean().items():
        found |= {_key(group): mean, _key(group, "bound"): bounds[group]}
    return found


def from_evidence(found: Mapping[str, float]) -> dict[str, Any]:
    """What ``result.json`` says of a verdict with :func:`evidence`; empty for another."""
    if _ENERGY not in found:
        return {}
    begin, end = _key("|").split("|")
    means = {
        key.removeprefix(begin).removesuffix(end): value
        for key, value in found.items()
        if key.startswith(begin) and key.endswith(end) and "bound" not in key
    }
    return {
        "force_mae_eV_per_A": means,
        _ENERGY: found[_ENERGY],
        _STEPS: int(found.get(_STEPS, 0)),
    }


def _key(group: str, what: str = "mae") -> str:
    return f"force_{what}_{group}_eV_per_A"


def _energy_error(label: Label) -> float | None:
    predicted = label.request.predicted_energy
    return None if predicted is None or label.energy is None else abs(predicted - label.energy)
