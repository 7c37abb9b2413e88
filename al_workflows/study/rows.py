"""The row that most tables of the studies have: calls and errors of an arm, beside what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Annotated, Any

from al_workflows.analysis.metrics import structure_mae
from al_workflows.benchmark.tables import Column
from al_workflows.study.published import Published
from al_workflows.study.trial import BOTTOM, ENERGY, MODEL_ENERGY, NEGATIVE, TO_BOTTOM, Trial

#: an end belongs to the reference's stationary point if it is not farther from it, eV and Å
SAME_ENERGY, SAME_STRUCTURE = 0.1, 0.1


@dataclass(frozen=True)
class ArmRow:
    """How often one arm has converged over its seeds, and with how many calls."""

    arm: str
    converged: str
    calls: Annotated[float | None, Column("median calls", 1)]
    worst: Annotated[int | None, Column("worst")]
    by_seed: Annotated[tuple[str, ...], Column("calls by seed")]
    failed: Annotated[int, Column("failed DFT")]


@dataclass(frozen=True)
class RelaxationRow(ArmRow):
    """One arm's relaxations over its seeds."""

    energy: Annotated[float | None, Column("energy MAE, eV", 4)]
    model: Annotated[float | None, Column("of the model, eV", 4)]
    structure: Annotated[float | None, Column("structure MAE, Å", 4)]
    lower: Annotated[float | None, Column("E − E(reference), eV", 3)]
    saddles: Annotated[str, Column("on a saddle")]


@dataclass(frozen=True)
class PublishedRow(RelaxationRow):
    """The same beside what was published."""

    published_calls: Annotated[float | None, Column("published: calls", 1)]
    published_energy: Annotated[float | None, Column("published: energy MAE, eV", 4)]
    published_structure: Annotated[float | None, Column("published: structure MAE, Å", 4)]
    published_remark: Annotated[str, Column("published: remark")]


NOTES = (
    "Calls are distinct geometries given to DFT, the start and the verifying one and those that failed included; the "
    "published ones leave out the start. Medians are of converged runs; a count in brackets is of one that has not.",
    "The reference is BFGS from the same start in steps of at most 0.05 Å, converged tightly (0.005 eV/Å on EMT). "
    "Errors are of the end: DFT's energy there, the model's energy there, and the mean over the atoms of the L1 "
    f"displacement, against the reference if the end is within {SAME_ENERGY:g} eV and {SAME_STRUCTURE:g} Å of it, else "
    "against where the end itself runs down to. They are means over all runs that have an end, converged or not.",
    "E − E(reference) is a median; on a saddle: ends with negative modes of the parent's Hessian (EMT only).",
)


def counted(arm: str, trials: Sequence[Trial], done: Sequence[Trial]) -> dict[str, Any]:
    """The columns of :class:`ArmRow`; ``done`` are those of ``trials`` that have an answer."""
    return {
        "arm": arm,
        "converged": f"{len(done)}/{len(trials)}",
        "calls": float(median(trial.calls for trial in done)) if done else None,
        "worst": max((trial.calls for trial in done), default=None),
        "by_seed": tuple(str(trial.calls) if trial in done else f"({trial.calls})" for trial in trials),
        "failed": sum(trial.failed for trial in trials),
    }


def row(arm: str, trials: Sequence[Trial], references: Sequence[Trial]) -> RelaxationRow:
    """The row of ``trials``, all of one arm; ``references`` are where BFGS ends, of each seed or one of all."""
    done = [trial for trial in trials if trial.converged]
    true = {trial.seed: _of_seed(references, trial.seed) for trial in trials}
    errors = [errors_of(trial, true[trial.seed]) for trial in trials if trial.images]
    over = [trial.numbers[ENERGY] - true[trial.seed].numbers[ENERGY] for trial in trials if ENERGY in trial.numbers]
    looked_at = [trial.numbers[NEGATIVE] for trial in trials if NEGATIVE in trial.numbers]
    return RelaxationRow(
        **counted(arm, trials, done),
        energy=_mean([one[ENERGY] for one in errors if ENERGY in one]),
        model=_mean([one[MODEL_ENERGY] for one in errors if MODEL_ENERGY in one]),
        structure=_mean([one[TO_BOTTOM] for one in errors if TO_BOTTOM in one]),
        lower=float(median(over)) if over else None,
        saddles=f"{sum(negative > 0 for negative in looked_at)}/{len(looked_at)}" if looked_at else "–",
    )


def published_row(
    arm: str, trials: Sequence[Trial], references: Sequence[Trial], published: Published | None
) -> PublishedRow:
    """As :func:`row`, beside what was ``published`` of the like."""
    word = published or Published()
    return PublishedRow(
        **asdict(row(arm, trials, references)),
        published_calls=word.calls,
        published_energy=word.energy,
        published_structure=word.structure,
        published_remark=word.remark or "–",
    )


def errors_of(trial: Trial, reference: Trial) -> Mapping[str, float]:
    """Absolute errors of a trial's end, eV and Å, by the names of :mod:`.trial`; empty where there is no true value."""
    assert trial.end is not None, "only of a trial with an end"
    assert reference.end is not None, "a reference has an end"
    numbers, true = trial.numbers, reference.numbers[ENERGY]
    apart = structure_mae(trial.end, reference.end)
    if abs(numbers.get(ENERGY, numbers.get(MODEL_ENERGY, true)) - true) > SAME_ENERGY or apart > SAME_STRUCTURE:
        if BOTTOM not in numbers:
            return {}
        true, apart = numbers[BOTTOM], numbers[TO_BOTTOM]
    found = {TO_BOTTOM: apart}
    for name in (ENERGY, MODEL_ENERGY):
        if name in numbers:
            found[name] = abs(numbers[name] - true)
    return found


def _of_seed(references: Sequence[Trial], seed: int) -> Trial:
    return next((trial for trial in references if trial.seed == seed), references[0])


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None


def by_arm(trials: Sequence[Trial], leave_out: Sequence[str] = ("reference",)) -> dict[str, list[Trial]]:
    """Trials by arm, in their order."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.arm not in leave_out:
            found.setdefault(trial.arm, []).append(trial)
    return found
