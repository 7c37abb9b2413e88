"""Figure S3: the paper's network trained with and without its scheduler of the learning rate."""

from __future__ import annotations

from collections.abc import Sequence

from al_workflows.benchmark.tables import Table
from al_workflows.study.arms import NO_SCHEDULER, fmax, paper, random_queries
from al_workflows.study.curves import learning_curve
from al_workflows.study.direct import reference, the_one
from al_workflows.study.figure3 import PRIOR
from al_workflows.study.learned import learned
from al_workflows.study.rows import NOTES, by_arm, row
from al_workflows.study.study import Findings, Study, note
from al_workflows.study.systems import CARBON
from al_workflows.study.table1 import MODEL_FMAX
from al_workflows.study.trial import Setting, Task, Trial

_RANDOM = (fmax(MODEL_FMAX), random_queries(10, 2))
ARMS = [
    paper(PRIOR, "cosine annealing with warm restarts, 10 cycles of 2 random frames", *_RANDOM),
    paper("10x2-no-scheduler", "the learning rate stays as it is", *_RANDOM, NO_SCHEDULER),
]


def plan(setting: Setting) -> Sequence[Task]:
    """The reference, and both arms with every seed."""
    made = learned([CARBON], ARMS, setting.seeds, {"kind": "relaxation"}, setting.dft, setting.root)
    return [*reference(CARBON, [0], setting.dft, setting.root), *made]


def conclude(setting: Setting, trials: Sequence[Trial]) -> Findings:
    """The table and the learning curves."""
    true, arms = the_one(trials, "reference"), by_arm(trials)
    rows = [row(name, some, [true]) for name, some in arms.items()]
    caption = "Thin: each seed; thick: the median over the seeds."
    figures = {
        "figureS3-energy": (learning_curve(setting, arms, true, False), f"Errors of the energy. {caption}"),
        "figureS3-structure": (learning_curve(setting, arms, true, True), f"Errors of the structure. {caption}"),
    }
    about = {f"arm `{arm.name}`": arm.about for arm in ARMS}
    return Findings([Table("With and without scheduler", rows, (*NOTES, *note(setting)))], figures, about)


FIGURE_S3 = Study("figureS3", "figure S3", "training with and without the scheduler", plan, conclude)
