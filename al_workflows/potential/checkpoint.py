"""Potentials as bytes: float64 arrays and a JSON header in the safetensors format. No pickle."""

from __future__ import annotations

import json

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from al_workflows.errors import InputError
from al_workflows.potential.descriptor import Descriptor
from al_workflows.potential.model import Potential, Reference
from al_workflows.potential.network import Layout
from al_workflows.potential.priors.stored import dump_prior, load_prior
from al_workflows.potential.scaling import Scaling
from al_workflows.potential.values import TrainingMetrics
from al_workflows.spec import DescriptorSpec

FORMAT = "al-workflows potential 2"


def dump(potential: Potential) -> bytes:
    """``potential`` as bytes, the same bytes each time."""
    prior_header, prior_arrays = dump_prior(potential.prior)
    header = {
        "format": FORMAT,
        "elements": potential.elements,
        "descriptor": potential.descriptor.spec.model_dump(mode="json"),
        "sizes": potential.layout.sizes,
        "prior": prior_header,
        "metrics": potential.metrics.to_dict(),
    }
    tensors = {
        # not safetensors' own metadata, whose order is not fixed
        "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        "parameters": potential.parameters,
        "center": potential.scaling.center,
        "width": potential.scaling.width,
        "energy": np.array([potential.reference.energy]),
        "composition": potential.reference.composition,
        "element_energies": potential.reference.element_energies,
        **prior_arrays,
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
        layout=Layout(len(elements), tuple(header["sizes"])),
        parameters=tensors["parameters"],
        prior=load_prior(header["prior"], tensors),
        reference=Reference(float(tensors["energy"][0]), tensors["composition"], tensors["element_energies"]),
        metrics=TrainingMetrics.from_dict(header["metrics"]),
    )
