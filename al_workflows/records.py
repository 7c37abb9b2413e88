"""The values that the steps hand to each other: frozen, comparable to their own dictionary form, free of behaviour.

Every record has ``to_dict`` and ``from_dict`` (:mod:`al_workflows.dictionaries`).
"""

from __future__ import annotations

import dataclasses
import enum
import io
from dataclasses import dataclass, field
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from ase import Atoms

from al_workflows.dictionaries import FloatArray as FloatArray
from al_workflows.dictionaries import Record as Record
from al_workflows.dictionaries import atoms_from_dict as atoms_from_dict
from al_workflows.dictionaries import atoms_to_dict as atoms_to_dict
from al_workflows.errors import InputError
from al_workflows.motion import Motion as Motion

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
    a start, and for a structure that no simulation has visited). ``predicted_energy`` (eV), ``predicted_forces``
    (eV/Å, [N, 3]) and ``uncertainty`` (eV/Å, the largest force standard deviation of an atom) are the asking model's,
    None where no model existed yet.
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
    TOO_HOT = "too_hot"
    DISPLACED = "displaced"
    MODES_CHECKED = "modes_checked"
    ENDS_MERGED = "ends_merged"
    NO_BARRIER = "no_barrier"
    SADDLE_AT_END = "saddle_at_end"
    BAND_TANGLED = "band_tangled"


@dataclass(frozen=True, eq=False)
class Pool(Record):
    """The frames of one ML simulation, in order, all of one composition.

    ``positions`` Å, [F, N, 3]; ``energies`` eV, [F]; ``forces`` eV/Å, [F, N, 3] (constraints not applied);
    ``uncertainties`` eV/Å, [F]: the largest force standard deviation of an atom, zero for a single network.
    ``template`` is the simulation's start and gives species, cell, periodicity and constraints. ``measures`` are other
    numbers that the simulation found; their keys carry the unit. Of an online simulation ``began`` says why it began
    elsewhere than where the last one stopped, and ``motion`` is what dynamics need to go on.
    """

    template: Atoms
    positions: npt.NDArray[np.float64]
    energies: npt.NDArray[np.float64]
    forces: npt.NDArray[np.float64]
    uncertainties: npt.NDArray[np.float64]
    stop_reason: StopReason
    stop_detail: str
    measures: dict[str, float] = field(default_factory=dict)
    began: str = ""
    motion: Motion | None = None

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

        header: dict[str, Any] = {
            "template": atoms_to_dict(self.template),
            "stop_reason": self.stop_reason.value,
            "stop_detail": self.stop_detail,
            "measures": self.measures,
            "began": self.began,
        }
        arrays: dict[str, npt.NDArray[Any]] = {}
        if self.motion is not None:
            header["motion"], arrays = self.motion.packed()
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
            positions=self.positions,
            energies=self.energies,
            forces=self.forces,
            uncertainties=self.uncertainties,
            **arrays,  # type: ignore[arg-type]  # numpy's stub takes them for its own options
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Inverse of :meth:`to_bytes`.

        Raises
        ------
        InputError
            The bytes are something else, as a pickle, which is never loaded.
        """
        import json

        if not data.startswith(b"PK"):  # numpy would take them for a pickle
            raise InputError(
                f"these {len(data)} bytes are no saved pool but must be an .npz archive; simulate it again"
            )
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (ValueError, BadZipFile) as error:
            raise InputError(f"these {len(data)} bytes are no saved pool ({error}); simulate it again") from error
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
            began=header.get("began", ""),
            motion=Motion.unpacked(header["motion"], arrays) if "motion" in header else None,
        )


@dataclass(frozen=True)
class Rejection(Record):
    """A structure that a query wanted and did not ask for, and why; ``pool_index`` None: not a frame of the pool."""

    pool_index: int | None
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
