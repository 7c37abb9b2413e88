"""Records, and the structures in them, as dictionaries of what JSON and BSON know, and back.

Floats survive the round trip bit for bit, so that a run that goes through a database gives the numbers of one that
does not.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from ase import Atoms

FloatArray = npt.NDArray[np.float64]
#: the types of a class's fields; found once, as that takes longer than all else that `from_dict` does
_hints = functools.cache(typing.get_type_hints)


def atoms_to_dict(atoms: Atoms) -> dict[str, Any]:
    """Everything of a structure that a single point or a simulation depends on; no calculator, no results."""
    out: dict[str, Any] = {
        "numbers": atoms.numbers.tolist(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
        "constraints": [_plain(constraint.todict()) for constraint in atoms.constraints],
    }
    if atoms.has("tags"):
        out["tags"] = atoms.get_tags().tolist()
    if atoms.has("initial_magmoms"):
        out["magmoms"] = atoms.get_initial_magnetic_moments().tolist()
    if atoms.has("initial_charges"):
        out["charges"] = atoms.get_initial_charges().tolist()
    return out


def atoms_from_dict(data: dict[str, Any]) -> Atoms:
    """Inverse of :func:`atoms_to_dict`."""
    constraints = []
    if data["constraints"]:
        from ase.constraints import dict2constraint  # brings scipy.integrate: half of a short process's start

        constraints = [dict2constraint(constraint) for constraint in data["constraints"]]
    return Atoms(
        numbers=data["numbers"],
        positions=np.array(data["positions"], dtype=float).reshape(-1, 3),
        cell=data["cell"],
        pbc=data["pbc"],
        tags=data.get("tags"),
        magmoms=data.get("magmoms"),
        charges=data.get("charges"),
        constraint=constraints,
    )


def _plain(value: Any) -> Any:
    """``value`` with numpy arrays and scalars, tuples, enums, records and structures made plain."""
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, Atoms):
        return atoms_to_dict(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _restored(value: Any, hint: Any) -> Any:
    """``value`` (plain) as the type that ``hint`` names."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (hint,) = (argument for argument in arguments if argument is not type(None))
        return _restored(value, hint)
    if origin is tuple:
        return tuple(_restored(item, arguments[0]) for item in value)
    if origin is dict:
        return {key: _restored(item, arguments[1]) for key, item in value.items()}
    if origin is np.ndarray:
        return np.array(value, dtype=float)
    if hint is Atoms:
        return atoms_from_dict(value)
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_dict(value)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    return value


class Record:
    """Base of the frozen dataclasses that are kept: conversion to and from plain dictionaries by their type hints."""

    def to_dict(self) -> dict[str, Any]:
        """This record in the types of JSON."""
        fields = dataclasses.fields(typing.cast(Any, self))
        return {f.name: _plain(getattr(self, f.name)) for f in fields}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`; keys that this record does not know (database ids) are left out."""
        hints = _hints(typing.cast(Any, cls))
        fields = dataclasses.fields(typing.cast(Any, cls))
        return cls(**{f.name: _restored(data[f.name], hints[f.name]) for f in fields if f.name in data})
