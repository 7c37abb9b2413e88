"""Termination criteria: what a run's labels say about going on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from al_workflows.records import Cycle, Label, Pool, Selection, Verdict
from al_workflows.structures import max_force


@dataclass(frozen=True)
class Progress:
    """All that a criterion may look at: the cycle that has just been labelled, and what came before it.

    ``labels`` are this cycle's and ``earlier`` those of the cycles before, both in the order of asking; ``pool`` is
    None in cycle 0, which holds the start alone.
    """

    index: int
    selection: Selection
    labels: tuple[Label, ...]
    pool: Pool | None
    earlier: tuple[Label, ...]
    history: tuple[Cycle, ...]

    @property
    def dft_calls(self) -> int:
        """Distinct geometries computed so far, failed ones included, those rejected before DFT not."""
        return sum(label.attempts > 0 for label in self.earlier + self.labels)

    @cached_property
    def best(self) -> tuple[float, Label] | None:
        """This cycle's label with the smallest largest DFT force on a free atom (eV/Å), and that force."""
        found = [(max_force(label.atoms, label.forces), label) for label in self.labels if label.forces is not None]
        return min(found, key=lambda pair: pair[0], default=None)


class Criterion(Protocol):
    """What every criterion offers."""

    def judge(self, progress: Progress) -> Verdict | None:
        """A verdict that ends the run, one of ``CONTINUE`` to go on for a reason, or None to go on."""
        ...
