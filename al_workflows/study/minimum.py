"""Is it a minimum? From the paper's symmetric start, and from a minimum, with each word of ``confirm_minimum``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from al_workflows.benchmark.peers import PEERS
from al_workflows.benchmark.tables import Column, Table
from al_workflows.study.arms import ours
from al_workflows.study.direct import direct, missing, reference, the_one
from al_workflows.study.learned import learned
from al_workflows.study.study import Findings, Study, note
from al_workflows.study.systems import CARBON, HOLLOW
from al_workflows.study.trial import ENERGY, FMAX, NEGATIVE, Setting, Task, Trial

TARGET = 0.03
ARMS = [
    ours(word, f"confirm_minimum: {word}", {"simulation": {"confirm_minimum": word}})
    for word in ("never", "if_unsure", "always")
]


@dataclass(frozen=True)
class MinimumRow:
    """One method from one start."""

    start: str
    method: str
    seed: int
    outcome: str
    calls: int
    over: Annotated[float | None, Column("E − E(hollow), eV", 3)]
    fmax: Annotated[float | None, Column("fmax, eV/Å", 4)]
    negative: Annotated[float | None, Column("negative modes", 0)]
    remark: str


def plan(setting: Setting) -> Sequence[Task]:
    """Ours and all peers from both starts; the reference is the hollow's minimum."""
    simulation = {"kind": "relaxation", "fmax": TARGET}
    return [
        *reference(HOLLOW, [0], setting.dft, setting.root),
        *direct([CARBON, HOLLOW], list(PEERS.values()), [0], TARGET, setting.dft, setting.root),
        *learned([CARBON, HOLLOW], ARMS, setting.seeds, simulation, setting.dft, setting.root),
    ]


def conclude(setting: Setting, trials: Sequence[Trial]) -> Findings:
    """A row for each trial."""
    hollow = the_one(trials, "reference").numbers[ENERGY]
    rows = [
        MinimumRow(
            start="C above an atom (symmetric)" if trial.system == CARBON.name else "C in the hollow (a minimum)",
            method=trial.arm,
            seed=trial.seed,
            outcome=trial.outcome,
            calls=trial.calls,
            over=trial.numbers[ENERGY] - hollow if ENERGY in trial.numbers else None,
            fmax=trial.numbers.get(FMAX),
            negative=trial.numbers.get(NEGATIVE),
            remark=trial.remark or "–",
        )
        for trial in trials
        if trial.arm != "reference"
    ]
    notes = (
        "Ours are the rows never, if_unsure (the default) and always: the words of `simulation.confirm_minimum`.",
        "Calls count the start; negative modes are of the parent's Hessian at the end (EMT only).",
        *(f"Not installed: {name}." for name in missing()),
        *note(setting),
    )
    return Findings([Table("Is it a minimum?", rows, notes)])


MINIMUM = Study("minimum", "beyond the paper", "a symmetric start and a minimum, C on Cu(100)", plan, conclude)
