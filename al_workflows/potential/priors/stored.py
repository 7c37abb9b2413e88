"""Priors as what a checkpoint keeps: plain values for its header, and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from al_workflows.plugins import PriorPlugin
from al_workflows.potential.priors import Prior
from al_workflows.potential.priors.morse import MorsePrior
from al_workflows.potential.priors.plugin import PluginPrior
from al_workflows.records import FloatArray


def dump_prior(prior: Prior | None) -> tuple[dict[str, Any], dict[str, FloatArray]]:
    """The header's entries and the arrays from which :func:`load_prior` makes ``prior`` again."""
    header = {
        "taper": [prior.taper_start, prior.cutoff] if isinstance(prior, MorsePrior) else None,
        "prior_plugin": prior.header() if isinstance(prior, PluginPrior) else None,
    }
    return header, {"curves": prior.curves} if isinstance(prior, MorsePrior) else {}


def load_prior(header: Mapping[str, Any], arrays: Mapping[str, FloatArray]) -> Prior | None:
    """Inverse of :func:`dump_prior`."""
    if header["taper"]:
        return MorsePrior(arrays["curves"], *header["taper"])
    if header["prior_plugin"]:
        return PluginPrior(PriorPlugin.model_validate(header["prior_plugin"]))
    return None
