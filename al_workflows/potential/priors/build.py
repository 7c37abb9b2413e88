"""From the run file's ``potential.prior`` to a prior, and on to one that has seen labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from al_workflows.plugins import PriorPlugin
from al_workflows.potential.priors import Prior
from al_workflows.potential.priors.ase_calculator import AsePrior
from al_workflows.potential.priors.dimers import element_parameters, estimate
from al_workflows.potential.priors.morse import MorsePrior
from al_workflows.potential.priors.morse_fit import MOST_LABELS, PriorSample, refit
from al_workflows.potential.priors.plugin import PluginPrior
from al_workflows.potential.priors.repulsive import RepulsivePrior
from al_workflows.potential.priors.sums import SumPrior
from al_workflows.spec import (
    AsePriorSpec,
    MorsePriorSpec,
    NoPriorSpec,
    PriorSpec,
    RepulsivePriorSpec,
    SumPriorSpec,
)


def build_prior(elements: Sequence[str], spec: PriorSpec) -> Prior | None:
    """The prior of ``spec`` for ``elements``, before any label is known; None where there is none.

    Raises
    ------
    InputError
        The prior lacks an element.
    """
    match spec:
        case MorsePriorSpec():
            return _morse(elements, spec)
        case RepulsivePriorSpec():
            return RepulsivePrior.from_elements(elements, spec.full_below, spec.zero_beyond)
        case AsePriorSpec():
            return AsePrior(spec)
        case SumPriorSpec():
            terms = [build_prior(elements, term) for term in spec.terms]
            return SumPrior(tuple(term for term in terms if term is not None))
        case NoPriorSpec():
            return None
        case PriorPlugin():
            return PluginPrior(spec)


def _morse(elements: Sequence[str], spec: MorsePriorSpec) -> Prior:
    curves = element_parameters(elements, spec)
    if spec.missing == "estimate":
        curves = [curve or estimate(element) for element, curve in zip(elements, curves, strict=True)]
    morse = MorsePrior.from_elements(curves, spec.taper_start, spec.cutoff, spec.refit)
    lacking = morse.curves[:, :, 0] == 0.0  # [species, species]
    if not lacking.any():
        return morse
    default = RepulsivePriorSpec()
    core = RepulsivePrior.from_elements(elements, default.full_below, default.zero_beyond)
    return SumPrior((morse, replace(core, curves=np.where(lacking[:, :, None], core.curves, 0.0))))


def refitted(prior: Prior | None, samples: Sequence[PriorSample]) -> Prior | None:
    """``prior`` with the Morse curves in it moved towards the labels ``samples``, if it allows that.

    In a sum, a Morse prior is fitted to what the other terms leave.
    """
    if isinstance(prior, MorsePrior) and prior.movable:
        return refit(prior, samples)
    if not isinstance(prior, SumPrior):
        return prior
    terms = list(prior.terms)
    for n, term in enumerate(terms):
        if _movable(term):
            others = SumPrior((*terms[:n], *terms[n + 1 :]))
            moved = refitted(term, [_less(sample, others) for sample in samples[-MOST_LABELS:]])
            terms[n] = moved or term
    return SumPrior(tuple(terms))


def _movable(prior: Prior) -> bool:
    if isinstance(prior, SumPrior):
        return any(_movable(term) for term in prior.terms)
    return isinstance(prior, MorsePrior) and prior.movable


def _less(sample: PriorSample, prior: Prior) -> PriorSample:
    """``sample`` without what ``prior`` explains."""
    energy, forces = prior.energy_and_forces(sample.atoms, sample.species, sample.neighbors)
    return replace(sample, energy=sample.energy - energy, forces=sample.forces - forces)
