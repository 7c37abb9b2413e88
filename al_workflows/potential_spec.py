"""What a run file says of its potential: descriptor, prior, what is fitted and how it is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, PositiveFloat, PositiveInt, Tag

from al_workflows.prior_spec import MorsePriorSpec, PriorSpec
from al_workflows.strict import Strict

#: eight widths from 0.05 to 80: the published four (to 5) leave C and O with 3-4 independent directions
DEFAULT_G2_ETA = tuple(float(f"{eta:.6g}") for eta in np.logspace(np.log10(0.05), np.log10(80.0), 8))


class DescriptorSpec(Strict):
    """Behler-Parrinello symmetry functions. ``eta`` is in units of 1/cutoff²; every G2 has R_s = 0."""

    cutoff: PositiveFloat = Field(6.0, le=20, description="cutoff radius, Å")
    g2_eta: tuple[PositiveFloat, ...] = Field(DEFAULT_G2_ETA, min_length=1)
    g4_eta: tuple[PositiveFloat, ...] = (0.005, 4.0)
    g4_zeta: tuple[Annotated[float, Field(ge=1)], ...] = (1.0, 4.0)
    g4_gamma: tuple[Literal[1, -1], ...] = (1, -1)


class FitSpec(Strict):
    """Least squares to the noise one needs, stopped at about half of it, anchored at the initial weights.

    ``levenberg_marquardt`` for few small images, ``lbfgs`` (with line search) beyond; ``auto`` chooses by size, and
    goes over to the defaults of ``minibatch`` where the data are much.
    """

    kind: Literal["auto", "levenberg_marquardt", "lbfgs"] = "auto"
    sigma_forces: PositiveFloat = Field(0.01, description="eV/Å")
    sigma_energy: PositiveFloat = Field(0.003, description="eV")
    max_iterations: PositiveInt | None = Field(
        None, description="of each network; null: 100 of levenberg_marquardt, 2000 of lbfgs, epochs of minibatch"
    )
    warm_start: bool = Field(False, description="start from the previous cycle's weights")


class MinibatchSpec(Strict):
    """The same least squares for much data: Adam over mini-batches under cosine annealing with restarts.

    All networks are trained at once, on a CUDA device where there is one. Memory is bounded whatever the data.
    """

    kind: Literal["minibatch"] = "minibatch"
    sigma_forces: PositiveFloat = Field(0.01, description="eV/Å")
    sigma_energy: PositiveFloat = Field(0.003, description="eV")
    epochs: PositiveInt | None = Field(None, description="at most; null: as many as make 10,000 steps, at least 20")
    batch_images: PositiveInt = Field(8, description="images a step, fewer where they are large")
    learning_rate: PositiveFloat = Field(0.03, description="at the start of each period; it falls to zero")
    restarts: int = Field(1, ge=0, le=10, description="each period is twice as long as the one before")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA where there is a device for it")
    precision: Literal["float64", "float32"] = "float64"
    memory: float = Field(
        2.0, ge=0, description="GB of batches to keep; what is beyond is computed anew in every epoch"
    )
    warm_start: bool = Field(False, description="start from the previous cycle's weights")


class PaperTrainingSpec(Strict):
    """Shuaibi et al. 2020: LBFGS without line search under cosine annealing with warm restarts."""

    kind: Literal["paper"] = "paper"
    learning_rate: PositiveFloat = 1e-2
    epochs: PositiveInt = 200
    force_coefficient: PositiveFloat = 0.04
    restart_period: PositiveInt | None = Field(10, description="epochs; null: the learning rate stays as it is")
    restart_factor: PositiveInt = 2


TrainingSpec = Annotated[FitSpec | MinibatchSpec | PaperTrainingSpec, Field(discriminator="kind")]


class NetworkPotentialSpec(Strict):
    """Per-element networks on symmetry functions, learning the difference between DFT and a prior."""

    kind: Literal["behler_parrinello"] = "behler_parrinello"
    descriptor: DescriptorSpec = DescriptorSpec()
    hidden: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field((20, 20), min_length=1, max_length=10)
    members: int = Field(3, ge=1, le=50, description="networks of the ensemble; 1 gives no uncertainty")
    prior: PriorSpec = MorsePriorSpec()
    training: TrainingSpec = FitSpec()
    bagging: bool = Field(
        False,
        description="each network learns from labels drawn with replacement, as in the paper; false: from all of them, "
        "at weights of its own",
    )


class GaussianProcessSpec(Strict):
    """A Gaussian process on symmetry functions, learning the difference between DFT and a prior: one wide layer of
    fixed random features per element, whose output weights are solved for."""

    kind: Literal["gaussian_process"] = "gaussian_process"
    descriptor: DescriptorSpec = DescriptorSpec()
    features: int = Field(500, ge=10, le=20000, description="random features per element")
    length_scale: PositiveFloat = Field(
        1.2, description="of the kernel, per square root of the number of scaled symmetry functions"
    )
    members: int = Field(8, ge=1, le=200, description="samples of the posterior; 1 gives the mean and no uncertainty")
    sigma_forces: PositiveFloat = Field(
        0.01,
        description="noise of the labels' forces that is expected, eV/Å; a fifth where they vanish; up to 2.2 times as "
        "much, and of energies, where the labels themselves say so",
    )
    sigma_energy: PositiveFloat = Field(
        0.003, description="noise of the labels' energies that is expected, eV; a fifth where the forces vanish"
    )
    prior: PriorSpec = MorsePriorSpec()


#: keys that only networks have: with one of them `kind` need not be said
_OF_NETWORKS = frozenset({"hidden", "training"})


def _potential_kind(value: Any) -> str | None:
    """``kind``; without it that of the keys given, and else the default."""
    if not isinstance(value, dict):
        kind: str | None = getattr(value, "kind", None)
        return kind
    return str(value.get("kind") or ("behler_parrinello" if value.keys() & _OF_NETWORKS else "gaussian_process"))


PotentialSpec = Annotated[
    Annotated[GaussianProcessSpec, Tag("gaussian_process")] | Annotated[NetworkPotentialSpec, Tag("behler_parrinello")],
    Discriminator(_potential_kind),
]
