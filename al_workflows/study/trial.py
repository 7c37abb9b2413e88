"""What one trial of a study leaves, ours or a peer's: a value that is stored and that tables are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ase import Atoms

from al_workflows.dft.spec import DftSpec, EmtSpec
from al_workflows.records import Record

#: names of numbers: of the end, energies by DFT and by the last model (eV), and the largest DFT force (eV/Å)
ENERGY, MODEL_ENERGY, FMAX = "energy", "model_energy", "fmax"
#: the energy (eV) of the stationary point below the end, the end's structure MAE (Å) from it, and its negative modes
BOTTOM, TO_BOTTOM, NEGATIVE = "bottom_energy", "structure_mae_to_bottom", "negative_modes"
#: of a path, eV
BARRIER = "barrier"
#: names of curves: by call
ENERGIES, FORCES = "energies", "fmax"


@dataclass(frozen=True, eq=False)
class Trial(Record):
    """One ``arm`` of a study on ``system`` with ``seed``.

    ``outcome`` is CONVERGED, another verdict, or how a peer ended; ``remark`` why. ``calls`` are distinct geometries
    given to DFT, the first and the verifying one and those that failed (``failed`` of them) included. ``numbers`` and
    ``curves`` have the names of this module or of the study that asked for them; ``images`` are the end of a relaxation
    or those of a band. ``run`` is the directory of the run's records below the study's root, empty of a peer.
    ``seconds`` is CPU time.
    """

    system: str
    arm: str
    seed: int
    outcome: str
    remark: str
    calls: int
    failed: int
    numbers: dict[str, float]
    curves: dict[str, tuple[float, ...]]
    images: tuple[Atoms, ...]
    run: str
    seconds: float

    @property
    def converged(self) -> bool:
        """Whether the method has done what it was asked for."""
        return self.outcome == CONVERGED

    @property
    def end(self) -> Atoms | None:
        """The last structure of a relaxation."""
        return self.images[-1] if self.images else None


CONVERGED = "CONVERGED"


class Task(Protocol):
    """A trial to be made; it can be pickled."""

    @property
    def title(self) -> str:
        """Names it to a reader."""
        ...

    @property
    def name(self) -> str:
        """Its arm's."""
        ...

    def key(self) -> dict[str, Any]:
        """All that decides its numbers."""
        ...

    def run(self) -> Trial:
        """Make it."""
        ...


@dataclass(frozen=True)
class Setting:
    """Where a study keeps its things (``root``), its ``seeds``, who answers single points, and which ``arms`` of it
    are made (all if empty)."""

    root: Path
    seeds: Sequence[int]
    dft: DftSpec = field(default_factory=EmtSpec)
    arms: tuple[str, ...] = ()

    @property
    def quick(self) -> bool:
        """Whether single points cost nothing, so that more may be asked for than a run pays for."""
        return isinstance(self.dft, EmtSpec)
