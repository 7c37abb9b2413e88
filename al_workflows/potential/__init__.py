"""Machine-learned potentials: Gaussian processes and networks that learn what a prior leaves."""

from al_workflows.potential.calculator import PotentialCalculator
from al_workflows.potential.checkpoint import dump, load
from al_workflows.potential.model import Potential
from al_workflows.potential.priors.check import check_prior
from al_workflows.potential.training import train_potential
from al_workflows.potential.values import Image, Prediction, TrainingMetrics

__all__ = [
    "Image",
    "Potential",
    "PotentialCalculator",
    "Prediction",
    "TrainingMetrics",
    "check_prior",
    "dump",
    "load",
    "train_potential",
]
