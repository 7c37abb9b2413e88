"""What goes into a potential and what comes out of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ase import Atoms

from al_workflows.records import FloatArray, Record

#: the factor that a calibration starts from counts as so many frames
START_COUNTS = 2.0
#: a frame's errors count as no more than this many times what was expected of them
MOST_Z = 4.0


@dataclass(frozen=True, eq=False)
class Image:
    """A training sample: ``energy`` eV, ``forces`` eV/Å [N, 3] without constraints applied."""

    atoms: Atoms
    energy: float
    forces: FloatArray


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a potential says of one structure.

    ``energy`` eV and ``forces`` eV/Å [N, 3] are the mean of the members; ``energy_std`` (eV) and ``force_std``
    (eV/Å, [N], of the force as a vector) their standard deviation, times the potential's :class:`Calibration`; zero
    for a single member.
    """

    energy: float
    forces: FloatArray
    energy_std: float
    force_std: FloatArray


@dataclass(frozen=True)
class Calibration(Record):
    """What the spread of the members is multiplied by (:mod:`al_workflows.potential.calibration`).

    ``start`` is the factor before any label has been predicted, ``squares`` the sum of z² over ``frames`` frames, in
    units of ``start`` squared and bounded.
    """

    start: float = 1.0
    squares: float = 0.0
    frames: int = 0

    @property
    def factor(self) -> float:
        """Factor on standard deviations of energy and forces, 1 or more."""
        return max(1.0, self.start * math.sqrt((START_COUNTS + self.squares) / (START_COUNTS + self.frames)))

    def after(self, squares: Sequence[float]) -> Calibration:
        """The calibration with more frames, each by its mean of z²."""
        bounded = [min(square / self.start**2, MOST_Z**2) for square in squares]
        return replace(self, squares=self.squares + sum(bounded), frames=self.frames + len(bounded))


@dataclass(frozen=True)
class TrainingMetrics(Record):
    """How a training went; errors are those of the ensemble's mean on the labels it was trained on.

    ``iterations`` is the largest of the members; ``reached`` whether every member came down to the residual that was
    asked for; ``energy_mae`` eV; ``force_*`` eV/Å, over components but for ``force_max_error``, the largest error of
    a force as a vector; ``prior_force_rmse`` what the prior alone leaves.
    """

    n_images: int
    n_members: int
    trainer: str
    iterations: int
    reached: bool
    energy_mae: float
    force_mae: float
    force_rmse: float
    force_max_error: float
    prior_force_rmse: float
