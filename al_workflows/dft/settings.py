"""Questions about DFT settings that need no calculation: which backend, is it there, which numbers does it give."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from al_workflows.dft.backend import Backend
from al_workflows.dft.registry import make_backend
from al_workflows.spec import DftSpec, SinglePointSpec

_SHARED = frozenset(SinglePointSpec.model_fields)


def own_settings(dft: DftSpec) -> dict[str, Any]:
    """The settings that only this kind has, in the types of JSON: the fields of its backend."""
    return dft.model_dump(mode="json", exclude={*_SHARED, "kind"})


def limits(dft: SinglePointSpec) -> dict[str, Any]:
    """The settings that every kind has: when to give up and what to reject."""
    return dft.model_dump(mode="json", include=set(_SHARED))


def backend_for(dft: DftSpec) -> Backend:
    """The backend that ``dft`` describes."""
    return make_backend(dft.kind, own_settings(dft))


def check_available(dft: DftSpec, elements: Collection[str]) -> None:
    """Refuse, before anything is submitted, settings with which no single point could succeed here.

    Parameters
    ----------
    dft
        The settings.
    elements
        Chemical symbols of the structures to come.

    Raises
    ------
    InputError
        A setting is wrong, or the method does not know an element.
    EnvironmentProblem
        The code, or its data for an element, is not installed.
    """
    backend_for(dft).check(elements)


def dft_hash(dft: DftSpec) -> str:
    """SHA-256 (hexadecimal) of what the numbers depend on: kind, settings with their defaults, the code's version.

    Limits (time, attempts, gates) do not enter. Two spellings of one setting may give two hashes: rather a point
    computed twice than two kinds of numbers under one name.

    Raises
    ------
    EnvironmentProblem
        The code is not installed here, so that its version is not known.
    """
    backend = backend_for(dft)
    content = {"kind": dft.kind, "settings": backend.settings(), "code": backend.code()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
