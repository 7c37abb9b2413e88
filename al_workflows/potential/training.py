"""Training of a potential of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from al_workflows.potential.calibration import calibrated_by
from al_workflows.potential.gaussian_process import train_gaussian_process
from al_workflows.potential.model import Potential
from al_workflows.potential.network_training import train_networks
from al_workflows.potential.values import Image
from al_workflows.spec import GaussianProcessSpec, NetworkPotentialSpec, PotentialSpec
from al_workflows.step_checkpoint import NOWHERE, Checkpoint


def train_potential(
    images: Sequence[Image],
    spec: PotentialSpec,
    *,
    seed: int | Sequence[int],
    previous: Potential | None = None,
    checkpoint: Checkpoint = NOWHERE,
    lender: Potential | None = None,
) -> Potential:
    """A potential of the kind that ``spec`` names, trained on ``images``; the same for the same ``seed``.

    ``previous`` is the last cycle's, trained on the first of ``images``: what it said of the others calibrates the
    uncertainty (:mod:`al_workflows.potential.calibration`), and what a kind can make of it, it may start from.
    ``checkpoint`` is where a training of networks goes on after a kill, to the same potential. ``lender``, another
    run's, gives no more than the weights that a warm start begins with where there is no ``previous``.

    Raises
    ------
    TrainingError
        There is no image, or one that cannot be learned from.
    InputError
        The prior lacks an element.
    """
    match spec:
        case GaussianProcessSpec():
            potential = train_gaussian_process(images, spec, seed=seed)
        case NetworkPotentialSpec():
            potential = train_networks(images, spec, seed=seed, previous=previous or lender, checkpoint=checkpoint)
    return replace(potential, calibration=calibrated_by(images, spec, previous))
