"""Potentials as a relaxation's labels come, one more each time, with ensembles of several sizes at the price of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from al_workflows.errors import InputError
from al_workflows.potential import Image, Potential, train_potential
from al_workflows.potential.calibration import calibrated_by
from al_workflows.potential.ensemble import NetworkEnsemble
from al_workflows.potential.gaussian_process.model import GaussianProcess
from al_workflows.potential.model import Regressor
from al_workflows.spec import GaussianProcessSpec, NetworkPotentialSpec, PotentialSpec

Kind = Literal["gaussian_process", "behler_parrinello"]
KINDS: tuple[Kind, ...] = ("gaussian_process", "behler_parrinello")


def kinds_of(names: Sequence[str]) -> list[Kind]:
    """The kinds of potential of those names.

    Raises
    ------
    InputError
        A name is not known.
    """
    for name in names:
        if name not in KINDS:
            raise InputError(f"potential '{name}' is not known; give some of {', '.join(KINDS)}")
    return [kind for kind in KINDS if kind in names]


def grown(
    kind: Kind, images: Sequence[Image], members: Sequence[int], seed: int
) -> Iterator[tuple[int, dict[int, Potential]]]:
    """Potentials of ``kind`` by their number of members, on the first image, on the first two, and so on.

    Defaults otherwise; each is trained and calibrated as in a run's cycle.
    """
    spec: PotentialSpec = GaussianProcessSpec(members=max(members))
    if kind == "behler_parrinello":
        spec = NetworkPotentialSpec(members=max(members))
    found: dict[int, Potential] = {}
    for count in range(1, len(images) + 1):
        largest = train_potential(images[:count], spec, seed=(seed, count), previous=found.get(max(members)))
        found = {size: _smaller(largest, size, images[:count], spec, found.get(size)) for size in members}
        yield count, found


def _smaller(
    potential: Potential, members: int, images: Sequence[Image], spec: PotentialSpec, previous: Potential | None
) -> Potential:
    regressor = first_members(potential.regressor, members)
    return replace(potential, regressor=regressor, calibration=calibrated_by(images, spec, previous))


def first_members(regressor: Regressor, members: int) -> Regressor:
    """An ensemble of the first ``members``; samples of a Gaussian process are moved so that the mean stays.

    A network's seed does not know how many follow it, so that this is what is trained where fewer are asked for.
    """
    match regressor:
        case NetworkEnsemble(_, parameters):
            return replace(regressor, parameters=parameters[:members])
        case GaussianProcess(_, weights, offsets):
            weights = weights[:members] + (weights.mean(axis=0) - weights[:members].mean(axis=0))
            offsets = offsets[:members] + (offsets.mean(axis=0) - offsets[:members].mean(axis=0))
            return replace(regressor, weights=weights, offsets=offsets)
    raise TypeError(f"the potential has a {type(regressor).__name__} but must have networks or a Gaussian process")
