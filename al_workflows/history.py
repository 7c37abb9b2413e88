"""All that is known of a run, finished or under way: what a report or an export is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ase import Atoms

from al_workflows.records import Cycle, Label, Pool, Rejection, Verdict, VerdictKind
from al_workflows.results import answer_among
from al_workflows.simulations.displacement import asks_for_curvature
from al_workflows.spec import RunSpec


@dataclass(frozen=True)
class Span:
    """A Firework's time: times are s since 1970, None where it has not come to that.

    ``waited_from`` is when it might have run; ``cycle`` is None of what belongs to no cycle; ``state`` is FireWorks'.
    """

    fw_id: int
    step: str
    cycle: int | None
    worker: str
    waited_from: float | None
    started: float | None
    ended: float | None
    state: str


@dataclass(frozen=True, eq=False)
class RunHistory:
    """A run's records in order, from a database or a directory.

    ``cycles`` are those that were checked; ``labels`` may go on beyond them. ``pools`` and ``rejected`` (frames that a
    query passed over) are by cycle and may be empty. ``state`` is the verdict's kind or what the run is doing,
    ``remark`` a sentence beside it; ``created`` is UTC in words; ``versions`` are those of the run's start, and empty
    where they were not kept; ``final`` is where a path ends, None for any other simulation. ``reference`` are frames of
    other dynamics, or the images of another band with their energies, e.g. by DFT, to show beside the run's.
    ``borrowed`` are the keys of other runs' labels that the run has learned from. ``spans`` are its Fireworks' times,
    of a run in a database, and ``read_at`` when that was read (s since 1970).
    """

    run: str
    spec: RunSpec
    start: Atoms
    cycles: tuple[Cycle, ...] = ()
    labels: tuple[Label, ...] = ()
    pools: Mapping[int, Pool] = field(default_factory=dict)
    rejected: Mapping[int, tuple[Rejection, ...]] = field(default_factory=dict)
    state: str = "UNFINISHED"
    remark: str = ""
    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    final: Atoms | None = None
    reference: tuple[Atoms, ...] = ()
    borrowed: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    read_at: float | None = None

    @property
    def verdict(self) -> Verdict | None:
        """The last check's answer, once it is not to go on."""
        last = self.cycles[-1].verdict if self.cycles else None
        return None if last is None or last.kind is VerdictKind.CONTINUE else last

    @property
    def answer(self) -> Label | None:
        """The label that answers the run's question, else the one nearest to it so far."""
        return answer_among(self.labels, self.verdict)

    @property
    def dft_calls(self) -> int:
        """Distinct geometries computed, the first and the last included."""
        return sum(label.attempts > 0 for label in self.labels)

    @property
    def relaxations(self) -> Mapping[int, Pool]:
        """The pools that are relaxations with a frame at least, in the order of their cycles."""
        return self._simulations("relaxation")

    @property
    def bands(self) -> Mapping[int, Pool]:
        """The pools that are bands of a path with their ends, in the order of their cycles."""
        return self._simulations("neb")

    def _simulations(self, kind: str) -> Mapping[int, Pool]:
        if self.spec.simulation.kind != kind:
            return {}
        pools = sorted(self.pools.items())
        return {cycle: pool for cycle, pool in pools if len(pool) and not asks_for_curvature(pool)}

    @property
    def target(self) -> float | None:
        """The DFT force below which a relaxation is converged, eV/Å; None for another kind of run."""
        fmax = getattr(self.spec.simulation, "fmax", None)
        return None if fmax is None else float(fmax)
