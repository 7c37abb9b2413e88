"""The backends by their ``kind``; light, because the process that computes imports it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from al_workflows.dft.ase_calculator import AseBackend
from al_workflows.dft.backend import Backend
from al_workflows.dft.emt import EmtBackend
from al_workflows.dft.espresso import EspressoBackend
from al_workflows.dft.gpaw import GpawBackend
from al_workflows.dft.vasp import VaspBackend

#: ``kind`` of the settings → backend; its fields are the settings that ``SinglePointSpec`` does not have
BACKENDS: Mapping[str, Callable[..., Backend]] = MappingProxyType(
    {"emt": EmtBackend, "gpaw": GpawBackend, "espresso": EspressoBackend, "vasp": VaspBackend, "ase": AseBackend}
)


def make_backend(kind: str, settings: dict[str, Any]) -> Backend:
    """The backend of that ``kind`` with its own settings; one of another package where none of ours has the name.

    Raises
    ------
    ValueError
        Neither we nor an installed package have it.
    """
    if kind in BACKENDS:
        return BACKENDS[kind](**settings)
    from al_workflows import plugins

    plugin = plugins.find("dft", kind)
    backend: Backend = plugin(plugin.Settings.model_validate({"kind": kind, **settings}))
    return backend
