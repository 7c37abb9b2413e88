"""What goes into a potential and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from ase import Atoms

from al_workflows.records import FloatArray, Record


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
    (eV/Å, [N], of the force as a vector) their standard deviation, zero for a single member.
    """

    energy: float
    forces: FloatArray
    energy_std: float
    force_std: FloatArray


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
