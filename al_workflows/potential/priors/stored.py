"""Priors as what a checkpoint keeps: plain values for its header, and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from al_workflows.plugins import PriorPlugin
from al_workflows.potential.priors import Prior
from al_workflows.potential.priors.ase_calculator import AsePrior
from al_workflows.potential.priors.morse import MorsePrior
from al_workflows.potential.priors.plugin import PluginPrior
from al_workflows.potential.priors.repulsive import RepulsivePrior
from al_workflows.potential.priors.sums import SumPrior
from al_workflows.records import FloatArray
from al_workflows.spec import AsePriorSpec

Header = dict[str, Any]
Arrays = dict[str, FloatArray]


def dump_prior(prior: Prior | None, name: str = "prior") -> tuple[Header | None, Arrays]:
    """The header's entry and the arrays from which :func:`load_prior` makes ``prior`` again.

    ``name`` begins the names of the arrays.
    """
    match prior:
        case None:
            return None, {}
        case MorsePrior(curves, start, cutoff, movable):
            found = {"kind": "morse", "taper_start": start, "cutoff": cutoff, "movable": movable}
            return found, {name: curves}
        case RepulsivePrior(curves):
            return {"kind": "repulsive"}, {name: curves}
        case AsePrior(spec):
            return {"kind": "ase", "spec": spec.model_dump(mode="json")}, {}
        case PluginPrior(spec):
            return {"kind": "plugin", "spec": spec.own()}, {}
        case SumPrior(terms):
            parts = [dump_prior(term, f"{name}.{n}") for n, term in enumerate(terms)]
            arrays = {key: array for _, found in parts for key, array in found.items()}
            return {"kind": "sum", "terms": [header for header, _ in parts]}, arrays
    raise TypeError(f"a {type(prior).__name__} is not known here; add how it is kept")


def load_prior(header: Header | None, arrays: Mapping[str, FloatArray], name: str = "prior") -> Prior | None:
    """Inverse of :func:`dump_prior`."""
    if header is None:
        return None
    match header["kind"]:
        case "morse":
            return MorsePrior(arrays[name], header["taper_start"], header["cutoff"], header["movable"])
        case "repulsive":
            return RepulsivePrior(arrays[name])
        case "ase":
            return AsePrior(AsePriorSpec.model_validate(header["spec"]))
        case "plugin":
            return PluginPrior(PriorPlugin.model_validate(header["spec"]))
        case "sum":
            terms = [load_prior(term, arrays, f"{name}.{n}") for n, term in enumerate(header["terms"])]
            return SumPrior(tuple(term for term in terms if term is not None))
    raise ValueError(f"a prior of the kind {header['kind']!r} is not known here; add how it is read")
