"""Table I: twenty single points of random queries, in more or less frequent batches."""

from __future__ import annotations

from collections.abc import Sequence

from al_workflows.benchmark.tables import Table
from al_workflows.study.arms import fmax, ours, paper, random_queries
from al_workflows.study.direct import reference, the_one
from al_workflows.study.learned import learned
from al_workflows.study.published import TABLE_1
from al_workflows.study.rows import NOTES, by_arm, published_row
from al_workflows.study.study import Findings, Study, note
from al_workflows.study.systems import CARBON
from al_workflows.study.trial import Setting, Task, Trial

#: eV/Å to which the model relaxes: no run is to end before it has made its calls
MODEL_FMAX = 0.01
_BATCHES = {f"{cycles}x{batch}": (cycles, batch) for cycles, batch in TABLE_1}
ARMS = [
    paper(name, f"{cycles} cycles of {batch} random frames", fmax(MODEL_FMAX), random_queries(cycles, batch))
    for name, (cycles, batch) in _BATCHES.items()
] + [
    ours(
        f"default-{name}",
        f"as a run file without further keys, but {cycles} cycles of {batch} random frames",
        fmax(MODEL_FMAX),
        random_queries(cycles, batch),
    )
    for name, (cycles, batch) in _BATCHES.items()
]


def plan(setting: Setting) -> Sequence[Task]:
    """The reference, and every arm with every seed from the paper's own start."""
    made = learned([CARBON], ARMS, setting.seeds, {"kind": "relaxation"}, setting.dft, setting.root)
    return [*reference(CARBON, [0], setting.dft, setting.root), *made]


def conclude(setting: Setting, trials: Sequence[Trial]) -> Findings:
    """The table."""
    true = the_one(trials, "reference")
    rows = [
        published_row(name, found, [true], TABLE_1.get(_BATCHES.get(name, (0, 0))))
        for name, found in by_arm(trials).items()
    ]
    notes = (
        "Each run makes 20 calls after the start's; then the model of all labels relaxes the start once more, and "
        "DFT's word there is counted by nobody. A run in which a random frame has forces below "
        f"{MODEL_FMAX:g} eV/Å ends with that as its answer, and is called converged.",
        *NOTES,
        *note(setting),
    )
    about = {f"arm `{arm.name}`": arm.about for arm in ARMS}
    return Findings([Table("Table I", rows, notes)], settings=about)


TABLE1 = Study("table1", "table I", "batches of random queries, C on Cu(100)", plan, conclude)
