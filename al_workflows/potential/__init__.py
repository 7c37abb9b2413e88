"""Machine-learned potentials: Behler-Parrinello ensembles that learn what a Morse prior leaves."""

from al_workflows.potential.calculator import PotentialCalculator
from al_workflows.potential.checkpoint import dump, load
from al_workflows.potential.model import Potential
from al_workflows.potential.priors.dimers import check_elements
from al_workflows.potential.training import train_potential
from al_workflows.potential.values import Image, Prediction, TrainingMetrics

__all__ = [
    "Image",
    "Potential",
    "PotentialCalculator",
    "Prediction",
    "TrainingMetrics",
    "check_elements",
    "dump",
    "load",
    "train_potential",
]
