"""Potentials as bytes: float64 arrays and a JSON header in the safetensors format. No pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from al_workflows.errors import InputError
from al_workflows.potential.descriptor import Descriptor
from al_workflows.potential.ensemble import NetworkEnsemble
from al_workflows.potential.gaussian_process.features import FourierFeatures
from al_workflows.potential.gaussian_process.model import GaussianProcess
from al_workflows.potential.model import Potential, Reference, Regressor
from al_workflows.potential.network import Layout
from al_workflows.potential.priors.stored import dump_prior, load_prior
from al_workflows.potential.scaling import Scaling
from al_workflows.potential.values import Calibration, TrainingMetrics
from al_workflows.records import FloatArray
from al_workflows.spec import DescriptorSpec

FORMAT = "al-workflows potential 2"


def dump(potential: Potential) -> bytes:
    """``potential`` as bytes, the same bytes each time."""
    prior_header, prior_arrays = dump_prior(potential.prior)
    regressor_header, regressor_arrays = _dump_regressor(potential.regressor)
    header = {
        "format": FORMAT,
        "elements": potential.elements,
        "descriptor": potential.descriptor.spec.model_dump(mode="json"),
        **regressor_header,
        "prior": prior_header,
        "metrics": potential.metrics.to_dict(),
        "calibration": potential.calibration.to_dict(),
    }
    tensors = {
        # not safetensors' own metadata, whose order is not fixed
        "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        "center": potential.scaling.center,
        "width": potential.scaling.width,
        "energy": np.array([potential.reference.energy]),
        "composition": potential.reference.composition,
        "element_energies": potential.reference.element_energies,
        **prior_arrays,
        **regressor_arrays,
    }
    return bytes(save_tensors({name: np.ascontiguousarray(array) for name, array in tensors.items()}))


def load(data: bytes) -> Potential:
    """Inverse of :func:`dump`."""
    try:
        tensors = load_tensors(data)
    except SafetensorError as error:
        raise InputError(f"these {len(data)} bytes are no saved potential ({error}); train it again") from error
    header = json.loads(tensors["header"].tobytes()) if "header" in tensors else {}
    if header.get("format") != FORMAT:
        raise InputError(f"a saved potential must say {FORMAT!r} but says {header.get('format')!r}; train it again")
    elements = tuple(header["elements"])
    return Potential(
        elements=elements,
        descriptor=Descriptor(DescriptorSpec.model_validate(header["descriptor"]), len(elements)),
        scaling=Scaling(tensors["center"], tensors["width"]),
        regressor=_load_regressor(header, tensors, len(elements)),
        prior=load_prior(header["prior"], tensors),
        reference=Reference(float(tensors["energy"][0]), tensors["composition"], tensors["element_energies"]),
        metrics=TrainingMetrics.from_dict(header["metrics"]),
        calibration=Calibration.from_dict(header.get("calibration", {})),  # older ones have none
    )


def _dump_regressor(regressor: Regressor) -> tuple[dict[str, Any], dict[str, FloatArray]]:
    match regressor:
        case NetworkEnsemble():
            return {"regressor": "networks", "sizes": regressor.layout.sizes}, {"parameters": regressor.parameters}
        case GaussianProcess():
            features = regressor.features
            arrays = {"frequencies": features.frequencies, "phases": features.phases}
            arrays |= {"weights": regressor.weights, "offsets": regressor.offsets}
            return {"regressor": "gaussian_process", "length": features.length}, arrays
    raise TypeError(
        f"a potential of {type(regressor).__name__} cannot be saved; only networks and Gaussian processes can"
    )


def _load_regressor(header: Mapping[str, Any], tensors: Mapping[str, FloatArray], n_species: int) -> Regressor:
    if header["regressor"] == "networks":
        return NetworkEnsemble(Layout(n_species, tuple(header["sizes"])), tensors["parameters"])
    features = FourierFeatures(tensors["frequencies"], tensors["phases"], float(header["length"]))
    return GaussianProcess(features, tensors["weights"], tensors["offsets"])
