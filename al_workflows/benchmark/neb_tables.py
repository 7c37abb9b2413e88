"""The tables of the barrier benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from al_workflows.benchmark.neb import MAX_CALLS, PATH_VARIANTS, PathRun
from al_workflows.benchmark.neb_peers import PATH_PEERS, TRUTH
from al_workflows.benchmark.parent import Outcome
from al_workflows.benchmark.relaxed import ABSURD
from al_workflows.benchmark.tables import Column, Document, Table

#: eV: a barrier that is farther from the truth is wrong
WRONG = 0.005


@dataclass(frozen=True)
class PathRow:
    """Barriers of one method on one system over the seeds."""

    system: str
    method: str
    converged: str
    calls: Annotated[float | None, Column("median calls", 1)]
    worst: Annotated[int | None, Column("worst")]
    by_seed: Annotated[tuple[str, ...], Column("calls by seed")]
    error: Annotated[float | None, Column("median error, meV", 2)]
    worst_error: Annotated[float | None, Column("worst error, meV", 2)]
    wrong: Annotated[int, Column("wrong barriers")]
    unphysical: Annotated[int, Column("unphysical queries")]
    cycles: Annotated[float | None, Column("median cycles", 1)]
    seconds: Annotated[float, Column("median CPU s", 1)]


@dataclass(frozen=True)
class RemarkRow:
    """A run that found no barrier, and why."""

    system: str
    seed: int
    method: str
    outcome: str
    remark: str


def rows(runs: Sequence[PathRun]) -> list[PathRow]:
    """A row for each system and method, in the order in which they come."""
    groups: dict[tuple[str, str], list[PathRun]] = {}
    for run in runs:
        groups.setdefault((run.system, run.method), []).append(run)
    return [_row(system, method, group) for (system, method), group in groups.items()]


def _row(system: str, method: str, group: Sequence[PathRun]) -> PathRow:
    done = [run for run in group if run.outcome is Outcome.CONVERGED]
    errors = [1000 * abs(run.error) for run in done if run.error is not None]
    cycles = [run.cycles for run in done if run.cycles]
    return PathRow(
        system=system,
        method=method,
        converged=f"{len(done)}/{len(group)}",
        calls=float(median(run.calls for run in done)) if done else None,
        worst=max((run.calls for run in done), default=None),
        by_seed=tuple(str(run.calls) if run.outcome is Outcome.CONVERGED else "–" for run in group),
        error=median(errors) if errors else None,
        worst_error=max(errors, default=None),
        wrong=sum(error > 1000 * WRONG for error in errors),
        unphysical=sum(run.unphysical for run in group),
        cycles=float(median(cycles)) if cycles else None,
        seconds=median(run.seconds for run in group),
    )


def document(runs: Sequence[PathRun], command: str) -> Document:
    """All tables; ``command`` is what the user typed."""
    settings = {
        "parent": "EMT",
        "truth": f"CI-NEB, {TRUTH.images} images, to {TRUTH.band_fmax:g} eV/Å, ends to {TRUTH.end_fmax:g}, from the "
        "same ends",
    }
    methods = dict.fromkeys(run.method for run in runs)
    settings |= {f"variant `{name}`": PATH_VARIANTS[name].about for name in methods if name in PATH_VARIANTS}
    peers = [PATH_PEERS[name] for name in methods if name in PATH_PEERS]
    settings |= {
        f"peer {peer.name}": f"{peer.images} images to {peer.band_fmax:g} eV/Å, ends to {peer.end_fmax:g}"
        for peer in peers
    }
    failed = [
        RemarkRow(run.system, run.seed, run.method, run.outcome.value, run.remark)
        for run in runs
        if run.outcome is not Outcome.CONVERGED
    ]
    notes = [
        "Calls are distinct geometries, those for both ends included; medians are of converged runs.",
        f"Errors are absolute, against the truth; a barrier is wrong that is off by more than {1000 * WRONG:g} meV. "
        f"Ours may ask for {MAX_CALLS} single points.",
        f"An unphysical query was refused by the geometry gate, or has a force above {ABSURD:g} eV/Å.",
    ]
    tables = [Table("Barriers", rows(runs), notes), Table("Runs without a barrier", failed)]
    return Document("Barriers: calls of the parent potential", command, settings, tables, {"runs": runs})
