"""By what factor the members' spread is too small: what the last potential said of the labels that came after it.

A label that is new to a training was predicted by the potential before. With z² = |ΔF|² / σ² of an atom, σ the spread
as the members have it, a frame's z² is the mean over its free atoms, and after n frames the factor is::

    f = f₀ √[(n₀ + Σ min(z² / f₀², M²)) / (n₀ + n)],  and at least 1

f₀ is what a kind of potential begins with, and counts as n₀ frames. M bounds what a single frame can do: where a prior
fails altogether, as for molecules that are pressed together, z may be in the hundreds and tells nothing of elsewhere.
σ is never made smaller, for the labels of a run are near its path, where the spread is too wide before it is elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from al_workflows.potential.model import Potential
from al_workflows.potential.values import Calibration, Image
from al_workflows.spec import GaussianProcessSpec, PotentialSpec
from al_workflows.structures import free_atoms

#: f₀ of networks and of the Gaussian process, chosen on the systems that the defaults were chosen on
OF_NETWORKS, OF_PROCESS = 3.5, 1.0
#: (eV/Å)²: members that agree better than this agree
LEAST_VARIANCE = 1e-16


def calibrated_by(images: Sequence[Image], spec: PotentialSpec, previous: Potential | None) -> Calibration:
    """The calibration of a potential of ``spec`` that is trained on ``images``, of which ``previous`` saw the first.

    Begun anew where ``previous`` is of another kind or there is none.
    """
    fresh = Calibration(OF_PROCESS if isinstance(spec, GaussianProcessSpec) else OF_NETWORKS)
    if previous is None or previous.calibration.start != fresh.start:
        return fresh
    unseen = [square_of(previous, image) for image in images[previous.metrics.n_images :]]
    return previous.calibration.after([square for square in unseen if square is not None])


def square_of(potential: Potential, image: Image) -> float | None:
    """Mean of |ΔF|² / σ² over the free atoms of ``image``, with σ as the members of ``potential`` have it.

    None where there is nothing to compare: one member, no free atom, or an element that ``potential`` does not know.
    """
    free = free_atoms(image.atoms)
    if potential.regressor.n_members == 1 or not free.any() or not potential.knows(image.atoms):
        return None
    _, forces = potential.members(image.atoms)  # [members, N, 3]
    forces = forces[:, free]
    errors = ((forces.mean(axis=0) - image.forces[free]) ** 2).sum(axis=-1)
    variances = forces.var(axis=0, ddof=1).sum(axis=-1)
    return float(np.mean(errors / np.maximum(variances, LEAST_VARIANCE)))
