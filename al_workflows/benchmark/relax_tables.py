"""The tables of the relaxation benchmark, made from judged relaxations alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from al_workflows.benchmark.basin import NEIGHBOURS, SAME_DISTANCES, SAME_ENERGY
from al_workflows.benchmark.judged import LOOSE, Judged, middle
from al_workflows.benchmark.peers import MAX_CALLS, MAX_SECONDS, REFERENCE
from al_workflows.benchmark.relaxed import ABOVE, ABSURD, CLOSE
from al_workflows.benchmark.tables import Column, Table
from al_workflows.curvature import TOLERANCE

SERIAL = "default"
#: ratios within a basin rest on at least this share of the seeds
ENOUGH = 0.5


@dataclass(frozen=True)
class CallsRow:
    """Calls of one method on one system over the seeds."""

    system: str
    method: str
    converged: str
    calls: Annotated[float | None, Column("median calls", 1)]
    worst: Annotated[float | None, Column("worst", 0)]
    loose: Annotated[float | None, Column(f"median to {LOOSE:g}", 1)]
    rounds: Annotated[float | None, Column("median rounds", 1)]
    unphysical: Annotated[int, Column("unphysical queries")]
    largest_force: Annotated[float | None, Column("largest fmax asked, eV/Å", 1)]
    by_seed: Annotated[tuple[float, ...], Column("calls by seed")]


@dataclass(frozen=True)
class RatioRow:
    """One variant beside the best peer on one system."""

    system: str
    variant: str
    calls: Annotated[float | None, Column("median calls", 1)]
    best_peer: Annotated[str, Column("best peer")]
    best_calls: Annotated[float, Column("its median", 1)]
    ratio: Annotated[float, Column("ratio", 2)]
    basin_peer: Annotated[str | None, Column("best within a basin")]
    pairs: Annotated[int | None, Column("pairs")]
    basin_ratio: Annotated[float | None, Column("ratio within a basin", 2)]


@dataclass(frozen=True)
class EndsRow:
    """Where one method ends on one system."""

    system: str
    method: str
    ends: Annotated[str, Column("ends by basin")]
    saddles: Annotated[int, Column("with negative modes")]
    same: Annotated[str, Column(f"in the basin of {REFERENCE}")]
    over: Annotated[float | None, Column(f"median E − E({REFERENCE}), meV", 1)]
    most_over: Annotated[float | None, Column("highest, meV", 1)]
    above: Annotated[int, Column(f"more than {1000 * ABOVE:g} meV above")]


@dataclass(frozen=True)
class SecondsRow:
    """CPU time of one method on one system, medians over the seeds."""

    system: str
    method: str
    total: Annotated[float, Column("all but the parent, s", 1)]
    steps: Annotated[dict[str, float], Column("by step, s", 2)]


@dataclass(frozen=True)
class BatchRow:
    """Rounds and calls of one size of batches on one system."""

    system: str
    variant: str
    rounds: Annotated[float | None, Column("median rounds", 1)]
    fewer: Annotated[float | None, Column("fewer than serial", 1)]
    calls: Annotated[float | None, Column("median calls", 1)]
    ratio: Annotated[float | None, Column("calls ÷ serial", 2)]


@dataclass(frozen=True)
class Noted:
    """A relaxation that is worth a look."""

    system: str
    seed: int
    method: str
    calls: int
    why: str


def tables(
    judged: Sequence[Judged], variants: Sequence[str], peers: Sequence[str], missing: Sequence[str] = ()
) -> list[Table]:
    """All tables; ``variants`` and ``peers`` name the methods in the order to show them, ``missing`` absent peers."""
    methods = [*variants, *peers]
    groups = list(_groups(judged, methods))
    batches = [name for name in variants if name == SERIAL or name.startswith("batch-")]
    absent = [f"Not installed: {', '.join(missing)}."] if missing else []
    found = [
        Table("Calls", [_calls(group) for group in groups], (*_CALLS_NOTES, *absent)),
        ratio_table(judged, variants, peers),
        Table("Ends", [_ends(group) for group in groups], _ENDS_NOTES),
        Table("Noted", [noted for one in judged if (noted := _noted(one, one.method in peers))]),
        Table("CPU time", [_seconds(group) for group in groups]),
    ]
    if len(batches) > 1:
        found.insert(2, Table("Batches", list(_batches(judged, batches)), _BATCH_NOTES))
    return [table for table in found if table.rows or table.title == "Noted"]


_CALLS_NOTES = (
    "Calls are distinct geometries given to the parent, the start and the verifying one included; ∞: not converged.",
    f"Peers are stopped at the first geometry that has the force asked for, at {MAX_CALLS} calls or {MAX_SECONDS:g} s "
    "of CPU time. Calls to the looser force are of the same relaxations.",
    "Rounds are counted from the first, which holds the start alone, to the verifying one.",
    f"Unphysical: two atoms closer than {CLOSE:g} times the sum of their covalent radii, or a parent fmax above the "
    f"larger of {ABSURD:g} eV/Å and the start's own. fmax is the largest force on a free atom.",
)
_ENDS_NOTES = (
    "Basins are lettered by energy within a system; *: a stationary point with negative modes of the parent's Hessian "
    f"(finite differences over the free coordinates, eigenvalues below −{TOLERANCE:g} eV/Å²).",
    "Two ends are of one basin if neither or both have negative modes, the energies of the bottoms that they "
    f"run down to on the parent (not counted) are within {1000 * SAME_ENERGY:g} meV, and every atom's distances to its "
    f"{NEIGHBOURS} nearest others agree to {SAME_DISTANCES:g} Å, atoms matched best. An end with negative modes is "
    "compared as it is.",
)
_BATCH_NOTES = ("Serial is the variant `default`: one single point a round.",)


def ratio_table(judged: Sequence[Judged], variants: Sequence[str], peers: Sequence[str]) -> Table:
    """Each variant's median calls over the best peer's by system, and their geometric means over the systems."""
    rows, notes = list[RatioRow](), list[str]()
    for variant in variants:
        found = [row for system in _systems(judged) if (row := _ratio(judged, system, variant, peers)) is not None]
        rows += found
        if found:
            within = [row.basin_ratio for row in found if row.basin_ratio is not None]
            notes.append(
                f"{variant}: geometric mean {_mean([row.ratio for row in found])} over {len(found)} systems, highest "
                f"{max(row.ratio for row in found):.2f}; within a basin {_mean(within)} over {len(within)}"
                + (f", highest {max(within):.2f}." if within else ".")
            )
    notes.append(
        "Within a basin: medians over the seeds from which both end in the same basin, for the peer with which the "
        f"ratio is highest of those that share at least {ENOUGH:.0%} of the seeds."
    )
    return Table("Against the best peer", rows, notes if rows else ())


def _mean(ratios: Sequence[float]) -> str:
    if not ratios:
        return "–"
    if not all(math.isfinite(ratio) for ratio in ratios):
        return "∞"
    return f"{math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}"


def _ratio(judged: Sequence[Judged], system: str, variant: str, peers: Sequence[str]) -> RatioRow | None:
    ours = _of(judged, system, variant)
    medians = {peer: median(one.counted for one in theirs) for peer in peers if (theirs := _of(judged, system, peer))}
    if not ours or not medians:
        return None
    best = min(medians, key=lambda peer: medians[peer])
    calls = float(median(one.counted for one in ours))
    ends = {peer: _pairs(ours, _of(judged, system, peer)) for peer in medians}
    within = {
        peer: float(median(one.calls for one, _ in pairs) / median(other.calls for _, other in pairs))
        for peer, pairs in ends.items()
        if len(pairs) >= max(1, ENOUGH * len(ours))
    }
    closest = max(within, key=lambda peer: within[peer]) if within else None
    return RatioRow(
        system,
        variant,
        calls,
        best,
        float(medians[best]),
        calls / medians[best],
        closest,
        len(ends[closest]) if closest is not None else None,
        within[closest] if closest is not None else None,
    )


def _pairs(ours: Sequence[Judged], theirs: Sequence[Judged]) -> list[tuple[Judged, Judged]]:
    """Ours and theirs from the same starts to the same basins."""
    by_seed = {one.seed: one for one in theirs if one.converged}
    return [
        (one, other)
        for one in ours
        if one.converged and (other := by_seed.get(one.seed)) is not None and one.basin == other.basin
    ]


def _calls(group: Sequence[Judged]) -> CallsRow:
    first = group[0]
    forces = [one.largest_force for one in group if one.largest_force is not None]
    return CallsRow(
        first.system,
        first.method,
        _share(one.converged for one in group),
        middle([one.counted for one in group]),
        max(one.counted for one in group),
        middle([one.counted_to_loose for one in group]),
        middle([one.rounds if one.converged else math.inf for one in group]),
        sum(one.unphysical for one in group),
        max(forces, default=None),
        tuple(one.counted for one in group),
    )


def _ends(group: Sequence[Judged]) -> EndsRow:
    first = group[0]
    over = [1000 * one.over_reference for one in group if one.over_reference is not None]
    ends = Counter(one.basin for one in group if one.basin is not None)
    return EndsRow(
        first.system,
        first.method,
        ", ".join(f"{basin} {number}" for basin, number in sorted(ends.items())),
        sum(bool(one.negative_modes) for one in group),
        _share(one.same_basin for one in group if one.same_basin is not None),
        middle(over),
        max(over, default=None),
        sum(one.above for one in group),
    )


def _seconds(group: Sequence[Judged]) -> SecondsRow:
    steps = list(dict.fromkeys(step for one in group for step in one.seconds))
    by_step = {step: float(median(one.seconds.get(step, 0.0) for one in group)) for step in steps}
    own = [sum(spent for step, spent in one.seconds.items() if step != "parent") for one in group]
    return SecondsRow(group[0].system, group[0].method, float(median(own)), by_step)


def _batches(judged: Sequence[Judged], variants: Sequence[str]) -> Iterator[BatchRow]:
    for system in _systems(judged):
        serial = _of(judged, system, SERIAL)
        rounds0, calls0 = middle([_rounds(one) for one in serial]), middle([one.counted for one in serial])
        for variant in variants:
            if group := _of(judged, system, variant):
                rounds, calls = float(median(map(_rounds, group))), float(median(one.counted for one in group))
                fewer = rounds0 - rounds if rounds0 is not None else None
                ratio = calls / calls0 if calls0 is not None else None
                yield BatchRow(system, variant, rounds, fewer, calls, ratio)


def _rounds(one: Judged) -> float:
    return one.rounds if one.converged else math.inf


def _noted(one: Judged, by_peer: bool) -> Noted | None:
    reasons = []
    if not one.converged:
        reasons.append(one.outcome.value + (f" ({one.remark})" if one.remark else ""))
    if one.above:
        reasons.append(f"ends {1000 * (one.over_reference or 0.0):.1f} meV above {REFERENCE}")
    if one.same_basin is False:
        over = 1000 * (one.over_reference or 0.0)
        reasons.append(f"another basin than {REFERENCE}'s: {one.basin}, {over:+.1f} meV")
    if one.negative_modes:
        reasons.append(f"{one.negative_modes} negative mode{'s' if one.negative_modes > 1 else ''} at the end")
    if one.unphysical and not by_peer:
        reasons.append(f"{one.unphysical} unphysical queries, {one.refused} of them refused")
    return Noted(one.system, one.seed, one.method, one.calls, "; ".join(reasons)) if reasons else None


def _share(answers: Iterable[bool | None]) -> str:
    known = list(answers)
    return f"{sum(map(bool, known))}/{len(known)}"


def _systems(judged: Iterable[Judged]) -> list[str]:
    return list(dict.fromkeys(one.system for one in judged))


def _of(judged: Iterable[Judged], system: str, method: str) -> list[Judged]:
    return [one for one in judged if (one.system, one.method) == (system, method)]


def _groups(judged: Sequence[Judged], methods: Sequence[str]) -> Iterator[list[Judged]]:
    for system in _systems(judged):
        for method in methods:
            if group := sorted(_of(judged, system, method), key=lambda one: one.seed):
                yield group
