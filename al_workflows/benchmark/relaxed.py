"""What one counted relaxation leaves, ours or a peer's: a value that is stored and that the tables are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from al_workflows.benchmark.basin import Ground
from al_workflows.benchmark.parent import Counting, Outcome
from al_workflows.records import Record

#: an unphysical query has two atoms closer than this times the sum of their covalent radii,
CLOSE = 0.6
#: or a parent force above this and above the start's own, eV/Å
ABSURD = 20.0
#: eV: a run is not to end more than this above the reference from the same start
ABOVE = 0.005


@dataclass(frozen=True, eq=False)
class Relaxed(Record):
    """A relaxation of ``system`` from the start of ``seed`` by ``method``.

    ``energies`` (eV), ``fmax`` (eV/Å, largest force on a free atom) and ``closest`` (smallest distance in units of the
    sum of covalent radii) are by call: distinct geometries in the order of asking, the start and the verifying one
    included. ``rounds`` counts the times that single points were asked for at once, ``refused`` the geometries that a
    gate kept from the parent. ``end_energy`` (eV) is that of the end; ``ground`` what the end is judged by, None of a
    relaxation that has not converged. ``seconds`` is CPU time by step.
    """

    system: str
    seed: int
    method: str
    target: float
    outcome: Outcome
    remark: str
    energies: tuple[float, ...]
    fmax: tuple[float, ...]
    closest: tuple[float, ...]
    rounds: int
    refused: int
    end_energy: float | None
    ground: Ground | None
    seconds: dict[str, float]

    @property
    def converged(self) -> bool:
        """Whether the parent's forces are at most the target."""
        return self.outcome is Outcome.CONVERGED

    @property
    def calls(self) -> int:
        """Distinct geometries computed."""
        return len(self.energies)

    def calls_to(self, fmax: float) -> int | None:
        """Calls up to the first geometry with at most ``fmax`` (eV/Å), of this run with its own target."""
        return next((k for k, found in enumerate(self.fmax, start=1) if found <= fmax), None)

    @property
    def unphysical(self) -> int:
        """Geometries that were asked for and should not have been, those refused by a gate included."""
        limit = max(ABSURD, self.fmax[0]) if self.fmax else ABSURD
        asked = zip(self.closest, self.fmax, strict=True)
        return self.refused + sum(close < CLOSE or fmax > limit for close, fmax in asked)

    @property
    def largest_force(self) -> float | None:
        """Of all that was asked, the largest force on a free atom, eV/Å."""
        return max(self.fmax, default=None)


@dataclass(frozen=True, eq=False)
class Trial:
    """A relaxation as it comes from whoever has made it: the counted parent and what it does not know.

    ``end`` is the index of the final geometry among the counted ones, None if there is none; ``seconds`` is CPU time
    by step.
    """

    counted: Counting
    outcome: Outcome
    remark: str
    rounds: int
    end: int | None
    seconds: dict[str, float]
    refused: int = 0


def lowest(energies: Sequence[float]) -> int | None:
    """The index of the lowest energy; None if there is none."""
    return min(range(len(energies)), key=lambda k: energies[k]) if energies else None
