"""Relaxations of the same starts seen side by side: whose basin, how far above the reference, what was asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

from al_workflows.benchmark.basin import basins
from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.peers import REFERENCE
from al_workflows.benchmark.relaxed import ABOVE, Relaxed

#: the looser force that calls are counted to as well, eV/Å
LOOSE = 0.05


@dataclass(frozen=True)
class Judged:
    """A relaxation as the tables see it.

    ``calls`` are all that were made, whether it converged or not. ``basin`` is a letter of the system's basins, from A
    upwards with the energy, None of a relaxation without an end; ``same_basin`` says whether it is that of the
    reference from the same start, ``over_reference`` how far its end is above the reference's, eV (None where there is
    no such comparison).
    """

    system: str
    seed: int
    method: str
    outcome: Outcome
    remark: str
    calls: int
    calls_to_loose: int | None
    rounds: int
    end_energy: float | None
    over_reference: float | None
    basin: str | None
    same_basin: bool | None
    negative_modes: int | None
    unphysical: int
    refused: int
    largest_force: float | None
    seconds: dict[str, float]
    energies: tuple[float, ...] = ()
    fmax: tuple[float, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the parent's forces are at most the target."""
        return self.outcome is Outcome.CONVERGED

    @property
    def counted(self) -> float:
        """Calls, infinite for a relaxation that has not converged."""
        return self.calls if self.converged else inf

    @property
    def counted_to_loose(self) -> float:
        """Calls to ``LOOSE``, infinite where it was not reached."""
        return inf if self.calls_to_loose is None else self.calls_to_loose

    @property
    def above(self) -> bool:
        """Whether the end is farther above the reference than it may be."""
        return self.over_reference is not None and self.over_reference > ABOVE


def judge(relaxed: Sequence[Relaxed]) -> list[Judged]:
    """All of them, in their order."""
    letters = _letters(relaxed)
    reference = {(one.system, one.seed): k for k, one in enumerate(relaxed) if one.method == REFERENCE}
    return [_judged(relaxed, letters, k, reference.get((one.system, one.seed))) for k, one in enumerate(relaxed)]


def _judged(relaxed: Sequence[Relaxed], letters: Sequence[str | None], k: int, reference: int | None) -> Judged:
    one, over, same = relaxed[k], None, None
    if reference is not None and one.converged and relaxed[reference].converged:
        over = (one.end_energy or 0.0) - (relaxed[reference].end_energy or 0.0)
        same = letters[k] == letters[reference]
    return Judged(
        system=one.system,
        seed=one.seed,
        method=one.method,
        outcome=one.outcome,
        remark=one.remark,
        calls=one.calls,
        calls_to_loose=one.calls_to(LOOSE),
        rounds=one.rounds,
        end_energy=one.end_energy,
        over_reference=over,
        basin=letters[k],
        same_basin=same,
        negative_modes=one.ground.negative_modes if one.ground is not None else None,
        unphysical=one.unphysical,
        refused=one.refused,
        largest_force=one.largest_force,
        seconds=one.seconds,
        energies=one.energies,
        fmax=one.fmax,
    )


def _letters(relaxed: Sequence[Relaxed]) -> list[str | None]:
    """The basin of each, lettered within its system; an asterisk marks a stationary point that is no minimum."""
    letters: list[str | None] = [None] * len(relaxed)
    members: dict[str, list[int]] = defaultdict(list)
    for k, one in enumerate(relaxed):
        if one.ground is not None:
            members[one.system].append(k)
    for ks in members.values():
        grounds = [ground for k in ks if (ground := relaxed[k].ground) is not None]
        for k, number, ground in zip(ks, basins(grounds), grounds, strict=True):
            letters[k] = _letter(number) + ("*" if ground.negative_modes else "")
    return letters


def _letter(number: int) -> str:
    """A, B, … Z, A1, B1, …"""
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")


def middle(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return float(median(values)) if values else None
