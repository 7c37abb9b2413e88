"""Everybody from the same six rattled starts: relaxations of C on Cu(100), and barriers of O on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated

from al_workflows.benchmark.peers import PEERS
from al_workflows.benchmark.tables import Column, Table
from al_workflows.study.arms import ours
from al_workflows.study.direct import TRUE_BAND, bands, direct, missing, reference
from al_workflows.study.learned import learned
from al_workflows.study.rows import NOTES, ArmRow, by_arm, counted, row
from al_workflows.study.study import Findings, Study, note
from al_workflows.study.systems import HOP, RATTLED
from al_workflows.study.trial import BARRIER, Setting, Task, Trial

TARGET = 0.03
ARMS = [
    ours("ours", "as a run file without further keys"),
    ours("ours-force-only", "small forces are enough", {"simulation": {"confirm_minimum": "never"}}),
]
BAND_ARMS = [ours("ours", "as a run file without further keys")]


@dataclass(frozen=True)
class BarrierRow(ArmRow):
    """Barriers of one method over its seeds."""

    error: Annotated[float | None, Column("median |barrier error|, meV", 2)]
    worst_error: Annotated[float | None, Column("worst, meV", 2)]
    published: Annotated[float | None, Column("published calls", 1)] = None


def plan(setting: Setting) -> Sequence[Task]:
    """References, peers and ours on both systems with every seed."""
    common = (setting.dft, setting.root)
    return [
        *reference(RATTLED, setting.seeds, *common),
        *direct([HOP], [TRUE_BAND], setting.seeds, TARGET, *common),
        *direct([RATTLED], list(PEERS.values()), setting.seeds, TARGET, *common),
        *direct([HOP], bands(), setting.seeds, TARGET, *common),
        *learned([RATTLED], ARMS, setting.seeds, {"kind": "relaxation", "fmax": TARGET}, *common),
        *learned([HOP], BAND_ARMS, setting.seeds, {"kind": "neb"}, *common),
    ]


def conclude(setting: Setting, trials: Sequence[Trial]) -> Findings:
    """A table of relaxations and one of barriers."""
    relaxed = [trial for trial in trials if trial.system == RATTLED.name]
    hops = [trial for trial in trials if trial.system == HOP.name]
    notes = (
        "From rattled starts a method that stops at small forces may stop on a saddle off which the reference, which "
        "is converged more tightly, has fallen.",
        *(f"Not installed: {name}." for name in missing()),
        *note(setting),
    )
    true = [trial for trial in relaxed if trial.arm == "reference"]
    rows = [row(name, some, true) for name, some in by_arm(relaxed).items()]
    tables = [Table(f"Relaxations to {TARGET:g} eV/Å", rows, (*NOTES, *notes))]
    found = [barrier_row(name, some, hops) for name, some in by_arm(hops, ("reference", TRUE_BAND.name)).items()]
    tables.append(Table("Barriers", found, (*BARRIER_NOTES, *note(setting))))
    return Findings(tables, settings={f"`{arm.name}`": arm.about for arm in ARMS})


BARRIER_NOTES = (
    "Calls include those for both ends, which are not relaxed beforehand; a count in brackets is of a run without a "
    "barrier. Errors are against ASE's climbing band from the same ends, converged to "
    f"{TRUE_BAND.band_fmax:g} eV/Å, its ends to {TRUE_BAND.end_fmax:g} eV/Å.",
)


def barrier_row(name: str, trials: Sequence[Trial], hops: Sequence[Trial], calls: float | None = None) -> BarrierRow:
    """The row of ``trials``, all of one arm; the true bands are among ``hops``; ``calls`` were published."""
    done = [trial for trial in trials if trial.converged and BARRIER in trial.numbers]
    true = {trial.seed: trial.numbers[BARRIER] for trial in hops if trial.arm == TRUE_BAND.name}
    errors = [1000 * abs(trial.numbers[BARRIER] - true[trial.seed]) for trial in done]
    return BarrierRow(
        **counted(name, trials, done),
        error=float(median(errors)) if errors else None,
        worst_error=max(errors, default=None),
        published=calls,
    )


PEERS_STUDY = Study(
    "peers",
    "beyond the paper",
    "optimizers and bands from the same rattled starts",
    plan,
    conclude,
    elements=("Cu", "C", "O"),
    held=("reference", TRUE_BAND.name),
)
