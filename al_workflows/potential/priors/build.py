"""From the run file's ``potential.prior`` to a prior."""

from __future__ import annotations

from collections.abc import Sequence

from al_workflows.plugins import PriorPlugin
from al_workflows.potential.priors import Prior
from al_workflows.potential.priors.dimers import element_parameters
from al_workflows.potential.priors.morse import MorsePrior
from al_workflows.potential.priors.morse_fit import PriorSample, refit
from al_workflows.potential.priors.plugin import PluginPrior
from al_workflows.spec import MorsePriorSpec, PotentialSpec


def build_prior(elements: Sequence[str], spec: PotentialSpec) -> Prior | None:
    """The prior of ``spec`` for ``elements``, before any label is known; None where there is none.

    Raises
    ------
    InputError
        The prior lacks an element.
    """
    if isinstance(spec.prior, PriorPlugin):
        return PluginPrior(spec.prior)
    if not isinstance(spec.prior, MorsePriorSpec):
        return None
    curves = element_parameters(elements, spec.prior)
    return MorsePrior.from_elements(curves, spec.prior.taper_start, spec.prior.cutoff)


def refitted(prior: Prior | None, spec: PotentialSpec, samples: Sequence[PriorSample]) -> Prior | None:
    """``prior`` moved towards the labels ``samples`` where ``spec`` asks for it."""
    if isinstance(prior, MorsePrior) and isinstance(spec.prior, MorsePriorSpec) and spec.prior.refit:
        return refit(prior, samples)
    return prior
