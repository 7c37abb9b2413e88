"""The values that the steps hand to each other: frozen, comparable to their own dictionary form, free of behaviour.

Every record has ``to_dict`` and ``from_dict``. The dictionaries hold only what JSON and BSON know (strings, numbers,
booleans, lists, dictionaries, None), and floats survive the round trip bit for bit, so that a run that goes through
a database gives the numbers of one that does not.
"""

from __future__ import annotations

import dataclasses
import enum
import io
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from ase import Atoms

FloatArray = npt.NDArray[np.float64]


# --- dictionaries -----------------------------------------------------------------------------------------------


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
    """Base of the frozen dataclasses below: conversion to and from plain dictionaries by their type hints."""

    def to_dict(self) -> dict[str, Any]:
        """This record in the types of JSON."""
        fields = dataclasses.fields(typing.cast(Any, self))
        return {f.name: _plain(getattr(self, f.name)) for f in fields}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`; keys that this record does not know (database ids) are left out."""
        hints = typing.get_type_hints(cls)
        fields = dataclasses.fields(typing.cast(Any, cls))
        return cls(**{f.name: _restored(data[f.name], hints[f.name]) for f in fields if f.name in data})


# --- single points ----------------------------------------------------------------------------------------------


class LabelStatus(enum.StrEnum):
    """How a DFT single point ended. Everything but ``OK`` is a DFT failure: a result, not an exception."""

    OK = "ok"
    SCF_NOT_CONVERGED = "scf_not_converged"
    GEOMETRY_REJECTED = "geometry_rejected"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    UNREADABLE = "unreadable"


def request_key(run: str, cycle: int, index: int) -> str:
    """The name of a single point: ``<run>/<cycle>/<index>``, the cycle with four digits so that names sort."""
    return f"{run}/{cycle:04d}/{index:02d}"


@dataclass(frozen=True, eq=False)
class Request(Record):
    """One structure that DFT is asked for, and why.

    ``key`` is ``<run>/<cycle>/<index>`` (:func:`request_key`); ``pool_index`` the frame of the cycle's pool (None for
    a start). ``predicted_energy`` (eV), ``predicted_forces`` (eV/Å, [N, 3]) and ``uncertainty`` (eV/Å, the largest
    force standard deviation of an atom) are the asking model's, None where no model existed yet.
    """

    key: str
    atoms: Atoms
    strategy: str
    reason: str
    pool_index: int | None = None
    predicted_energy: float | None = None
    predicted_forces: npt.NDArray[np.float64] | None = None
    uncertainty: float | None = None


@dataclass(frozen=True, eq=False)
class Label(Record):
    """The answer to a :class:`Request`.

    ``energy`` (eV) and ``forces`` (eV/Å, [N, 3], constraints *not* applied) are None unless ``status`` is ``OK``;
    ``cause`` is one line that says what went wrong, or, of an accepted label, what it took to make SCF converge (mostly
    nothing); ``directory`` holds the calculation's files; ``attempts`` counts the times the code was started (0: the
    structure was rejected before DFT, or the label is that of the same structure and settings in another run, named in
    ``reused_from``); ``seconds`` is their wall time.
    """

    request: Request
    status: LabelStatus
    energy: float | None
    forces: npt.NDArray[np.float64] | None
    cause: str
    directory: str
    seconds: float
    attempts: int
    code: str
    dft_hash: str
    reused_from: str | None = None

    @property
    def key(self) -> str:
        """``<run>/<cycle>/<index>``."""
        return self.request.key

    @property
    def cycle(self) -> int:
        """The cycle that asked."""
        return int(self.key.rsplit("/", 2)[1])

    @property
    def index(self) -> int:
        """Its place among the cycle's single points."""
        return int(self.key.rpartition("/")[2])

    @property
    def atoms(self) -> Atoms:
        """The structure that was computed."""
        return self.request.atoms

    @property
    def ok(self) -> bool:
        """Whether energy and forces are there and were accepted."""
        return self.status is LabelStatus.OK


# --- one cycle --------------------------------------------------------------------------------------------------


class StopReason(enum.StrEnum):
    """Why an ML simulation ended; the frames before the end are a pool in every case."""

    CONVERGED = "converged"
    MAX_STEPS = "max_steps"
    TRUST_RADIUS = "trust_radius"
    UNCERTAIN = "uncertain"
    TOO_CLOSE = "too_close"
    DETACHED = "detached"
    NOT_FINITE = "not_finite"
    EXPLODED = "exploded"
    DISPLACED = "displaced"
    MODES_CHECKED = "modes_checked"


@dataclass(frozen=True, eq=False)
class Pool(Record):
    """The frames of one ML simulation, in order, all of one composition.

    ``positions`` Å, [F, N, 3]; ``energies`` eV, [F]; ``forces`` eV/Å, [F, N, 3] (constraints not applied);
    ``uncertainties`` eV/Å, [F]: the largest force standard deviation of an atom, zero for a single network.
    ``template`` is the simulation's start and gives species, cell, periodicity and constraints. ``measures`` are other
    numbers that the simulation found; their keys carry the unit.
    """

    template: Atoms
    positions: npt.NDArray[np.float64]
    energies: npt.NDArray[np.float64]
    forces: npt.NDArray[np.float64]
    uncertainties: npt.NDArray[np.float64]
    stop_reason: StopReason
    stop_detail: str
    measures: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.energies)

    def frame(self, index: int) -> Atoms:
        """Frame ``index`` as a structure of its own (negative counts from the end)."""
        atoms = self.template.copy()
        atoms.positions[:] = self.positions[index]
        return atoms

    def followed_by(self, other: Self) -> Self:
        """The frames of both; why it ended is the other's."""
        return dataclasses.replace(
            other,
            template=self.template,
            positions=np.concatenate([self.positions, other.positions]),
            energies=np.concatenate([self.energies, other.energies]),
            forces=np.concatenate([self.forces, other.forces]),
            uncertainties=np.concatenate([self.uncertainties, other.uncertainties]),
        )

    def to_bytes(self) -> bytes:
        """Compressed arrays without pickle. (extxyz keeps 8 decimals: too few to give the same run again.)"""
        import json

        header = {
            "template": atoms_to_dict(self.template),
            "stop_reason": self.stop_reason.value,
            "stop_detail": self.stop_detail,
            "measures": self.measures,
        }
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
            positions=self.positions,
            energies=self.energies,
            forces=self.forces,
            uncertainties=self.uncertainties,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Inverse of :meth:`to_bytes`."""
        import json

        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            return cls(
                template=atoms_from_dict(header["template"]),
                positions=arrays["positions"],
                energies=arrays["energies"],
                forces=arrays["forces"],
                uncertainties=arrays["uncertainties"],
                stop_reason=StopReason(header["stop_reason"]),
                stop_detail=header["stop_detail"],
                measures=header.get("measures", {}),
            )


@dataclass(frozen=True)
class Rejection(Record):
    """A frame that a query wanted and did not ask for, and why."""

    pool_index: int
    reason: str


@dataclass(frozen=True, eq=False)
class Selection(Record):
    """What a query asks of DFT; may be empty."""

    requests: tuple[Request, ...]
    rejected: tuple[Rejection, ...] = ()


class VerdictKind(enum.StrEnum):
    """What the check says of a run after a cycle. ``CONVERGED`` rests on DFT numbers alone."""

    CONTINUE = "CONTINUE"
    CONVERGED = "CONVERGED"
    BUDGET_SPENT = "BUDGET_SPENT"
    STALLED = "STALLED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Verdict(Record):
    """The check's answer.

    ``criterion`` names who decided, ``reason`` is a sentence with its numbers, ``evidence`` holds those numbers
    (their keys carry the unit), ``label_key`` the label that answers the run's question, if any does.
    """

    kind: VerdictKind
    criterion: str
    reason: str
    evidence: dict[str, float] = field(default_factory=dict)
    label_key: str | None = None


@dataclass(frozen=True)
class Cycle(Record):
    """What a finished cycle leaves in a run's history.

    ``fmax`` (eV/Å) is the smallest, over the cycle's labels, of the largest DFT force on a free atom; None where no
    single point of the cycle succeeded. ``energy`` (eV) is that label's. ``dft_calls`` counts the geometries computed
    in this cycle; ``trust_radius`` (Å) is what the simulation kept to; ``seconds`` is wall time by step.
    """

    index: int
    verdict: Verdict
    dft_calls: int
    fmax: float | None
    energy: float | None
    trust_radius: float | None
    seconds: dict[str, float]
