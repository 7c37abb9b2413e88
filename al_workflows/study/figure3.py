"""Figure 3: relaxations and barriers as they are learned, cycle by cycle, with and without prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from al_workflows.analysis.figures_band import band_energies
from al_workflows.analysis.figures_run import relaxation_energies
from al_workflows.analysis.style import LIGHT, legend, new_axes
from al_workflows.benchmark.tables import Table
from al_workflows.study import published
from al_workflows.study.arms import BAND_NETWORKS, NO_PRIOR, Arm, fmax, ours, paper, paper_band, random_queries
from al_workflows.study.curves import barrier_curve, learning_curve, with_energies
from al_workflows.study.direct import TRUE_BAND, bands, direct, reference, the_one
from al_workflows.study.learned import learned
from al_workflows.study.peers import BARRIER_NOTES, BarrierRow, barrier_row
from al_workflows.study.published import Published
from al_workflows.study.rows import NOTES, by_arm, row
from al_workflows.study.study import Findings, Study, history_of, note
from al_workflows.study.systems import CARBON, HOP
from al_workflows.study.table1 import MODEL_FMAX
from al_workflows.study.trial import BARRIER, Setting, Task, Trial

_RANDOM = (fmax(MODEL_FMAX), random_queries(10, 2))
PRIOR, WITHOUT, OURS, OURS_WITHOUT = "10x2", "10x2-no-prior", "default-10x2", "default-10x2-no-prior"
ARMS = [
    paper(PRIOR, "the paper's network, 10 cycles of 2 random frames", *_RANDOM),
    paper(WITHOUT, "the same without prior", *_RANDOM, NO_PRIOR),
    ours(OURS, "as a run file without further keys, but 10 cycles of 2 random frames", *_RANDOM),
    ours(OURS_WITHOUT, "the same without prior", *_RANDOM, NO_PRIOR),
]
_THREE = {"query": {"kind": "random", "batch": 3}}
_ENDS = {"query": {"kind": "saddle_ends"}}
_UNSURE = {"query": {"kind": "uncertainty", "batch": 3}}
BAND_ARMS: dict[str, tuple[Arm, Published | None]] = {
    arm.name: (arm, word)
    for arm, word in [
        (paper_band("random", "the paper's network, three random images", _THREE), published.BAND_RANDOM),
        (
            paper_band("uncertainty", "five of them, the three least certain images", BAND_NETWORKS),
            published.BAND_UNCERTAINTY,
        ),
        (paper_band("saddle-ends", "the paper's network, saddle and both ends", _ENDS), published.BAND_SADDLE_ENDS),
        (ours("default", "as a run file without further keys"), None),
        (ours("default-random", "the same with three random images", _THREE), None),
        (ours("default-uncertainty", "the same with the three least certain images", _UNSURE), None),
        (ours("default-saddle-ends", "the same with saddle and both ends", _ENDS), None),
    ]
}
_BANDS = {"CI-NEB-BFGS": published.BAND_DFT}


def plan(setting: Setting) -> Sequence[Task]:
    """References, plain bands, and every arm with every seed."""
    common, arms = (setting.dft, setting.root), [arm for arm, _ in BAND_ARMS.values()]
    return [
        *reference(CARBON, [0], *common),
        *direct([HOP], [TRUE_BAND, *bands()], setting.seeds, 0.05, *common),
        *learned([CARBON], ARMS, setting.seeds, {"kind": "relaxation"}, *common),
        *learned([HOP], arms, setting.seeds, {"kind": "neb"}, *common),
    ]


def conclude(setting: Setting, trials: Sequence[Trial]) -> Findings:
    """Two tables and the six figures."""
    true = the_one(trials, "reference")
    relaxed = by_arm([trial for trial in trials if trial.system == CARBON.name])
    hops = [trial for trial in trials if trial.system == HOP.name]
    rows = [row(name, some, [true]) for name, some in relaxed.items()]
    words = _BANDS | {name: word for name, (_, word) in BAND_ARMS.items() if word is not None}
    bars = [
        barrier_row(name, some, hops, words[name].calls if name in words else None)
        for name, some in by_arm(hops, ("reference", TRUE_BAND.name)).items()
    ]
    tables = [
        Table("Relaxations", rows, (*NOTES, *note(setting))),
        Table("Barriers", bars, (*BARRIER_NOTES, *note(setting))),
    ]
    learning = {name: some for name, some in relaxed.items() if name in (PRIOR, OURS)}
    unlearning = {name: some for name, some in relaxed.items() if name in (WITHOUT, OURS_WITHOUT)}
    truths = {trial.seed: trial.numbers[BARRIER] for trial in hops if trial.arm == TRUE_BAND.name}
    strategies = {name: some for name, some in by_arm(hops).items() if name in BAND_ARMS}
    curves = "Thin: each seed; thick: the median over the seeds."
    figures: dict[str, tuple[Figure | None, str]] = {
        "figure3a": (
            _relaxations(setting, relaxed),
            f"Energy along the relaxation on each cycle's model. {_first(relaxed)}",
        ),
        "figure3b-energy": (_curve(setting, learning, true, False), f"With prior: errors of the energy. {curves}"),
        "figure3b-structure": (_curve(setting, learning, true, True), f"With prior: errors of the structure. {curves}"),
        "figure3c-energy": (_curve(setting, unlearning, true, False), f"Without prior: errors of the energy. {curves}"),
        "figure3c-structure": (_curve(setting, unlearning, true, True), f"Without prior, of the structure. {curves}"),
        "figure3d": (
            _band(setting, hops),
            f"Energy along the band by cycle, beside the true band. {_first(strategies)}",
        ),
        "figure3e": (barrier_curve(setting, strategies, truths), "Errors of each cycle's barrier."),
        "figure3f": (_calls(bars), "DFT calls by strategy: ours full, published hollow."),
    }
    about = {f"arm `{arm.name}`": arm.about for arm in (*ARMS, *(arm for arm, _ in BAND_ARMS.values()))}
    return Findings(tables, figures, about)


def _first(arms: Mapping[str, Sequence[Trial]]) -> str:
    """Whose run a figure of one run shows."""
    return f"Arm `{next(iter(arms))}`, seed {next(iter(arms.values()))[0].seed}." if arms else ""


def _curve(setting: Setting, arms: Mapping[str, Sequence[Trial]], true: Trial, structures: bool) -> Figure | None:
    return learning_curve(setting, arms, true, structures) if arms else None


def _relaxations(setting: Setting, arms: Mapping[str, Sequence[Trial]]) -> Figure | None:
    history = history_of(setting, next(iter(arms.values()))[0]) if arms else None
    return None if history is None else relaxation_energies(history, LIGHT)


def _band(setting: Setting, hops: Sequence[Trial]) -> Figure | None:
    for trial in hops:
        history = history_of(setting, trial)
        if history is not None:
            true = the_one(hops, TRUE_BAND.name, trial.seed)
            return band_energies(replace(history, reference=with_energies(true)), LIGHT)
    return None


def _calls(rows: Sequence[BarrierRow]) -> Figure | None:
    shown = [one for one in rows if one.calls is not None or one.published is not None]
    if not shown:
        return None
    figure, axes = new_axes(LIGHT, "DFT calls, those of both ends included", "")
    for place, one in enumerate(reversed(shown)):
        if one.published is not None:
            axes.plot([one.published], [place], "D", mfc="none", mec=LIGHT.red, mew=1.4, ms=7)
        if one.calls is not None:
            axes.barh([place], [one.calls], 0.6, color=LIGHT.blue, alpha=0.85)
            axes.text(one.calls / 1.06, place, f"{one.calls:g}", va="center", ha="right", fontsize=8, color=LIGHT.paper)
    axes.plot([], [], "D", mfc="none", mec=LIGHT.red, mew=1.4, label="published")
    axes.set_yticks(range(len(shown)), [one.arm for one in reversed(shown)], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(left=4)
    legend(axes, LIGHT)
    return figure


FIGURE3 = Study(
    "figure3",
    "figure 3",
    "learning curves of relaxations and barriers, with and without prior",
    plan,
    conclude,
    elements=("Cu", "C", "O"),
    held=("reference", TRUE_BAND.name),
)
