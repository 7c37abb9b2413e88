"""Tables and the figure of the sharing benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from al_workflows.analysis.style import LIGHT
from al_workflows.benchmark.sharing import ARMS, FMAX, N_SITES, CampaignTrial
from al_workflows.benchmark.tables import Column, Document, Table
from al_workflows.records import VerdictKind

#: eV: two ends whose energies differ by less are in one basin
SAME = 0.010
#: members that a point of the curve is the mean of
WINDOW = 8
ALONE = "alone"


@dataclass(frozen=True)
class CallsRow:
    """DFT calls of one campaign by one arm."""

    seed: int
    arm: str
    members: int
    calls: Annotated[int, Column("DFT calls")]
    share: Annotated[float, Column("of those alone", 2)]
    first: Annotated[int, Column("first quarter")]
    last: Annotated[int, Column("last quarter")]
    last_share: Annotated[float, Column("of those alone", 2)]
    most: Annotated[int, Column("most of a member")]
    failed: Annotated[int, Column("not converged")]
    saddles: Annotated[int, Column("ends that are saddles")]
    refused: Annotated[int, Column("refused queries")]
    seconds: Annotated[float, Column("CPU s a member", 1)]


@dataclass(frozen=True)
class EndsRow:
    """Where the members of one campaign end, beside those that learn alone."""

    seed: int
    arm: str
    same: Annotated[int, Column(f"within {1000 * SAME:g} meV")]
    lower: Annotated[int, Column("lower")]
    higher: Annotated[int, Column("higher")]
    difference: Annotated[float, Column("median difference of the first, meV", 2)]
    worst: Annotated[float, Column("largest", 1)]
    fmax: Annotated[float, Column("largest DFT fmax, eV/Å", 3)]
    others: Annotated[str, Column("the others, meV")]


def document(trials: Sequence[CampaignTrial], command: str) -> Document:
    """Tables and all members; ``command`` is what the user typed."""
    alone = {trial.seed: trial for trial in trials if trial.arm == ALONE}
    counts = Table(
        "Calls",
        [_calls(trial, alone[trial.seed]) for trial in trials],
        (
            "members begin one after the other in an order drawn by the seed; at most "
            f"{N_SITES} share metal, facet and adsorbate",
            "quarters are of the members in that order; a refused query is one that the gate in front of DFT, or DFT's "
            "answer, did not let pass",
        ),
    )
    ends = Table(
        "Ends",
        [_ends(trial, alone[trial.seed]) for trial in trials if trial.arm != ALONE],
        ("lower and higher: another basin than the same member's that learns alone",),
    )
    settings = {
        "parent": "EMT",
        "target": f"{FMAX:g} eV/Å",
        "seeds": sorted({trial.seed for trial in trials}),
    } | {f"arm `{name}`": ARMS[name].about for name in dict.fromkeys(trial.arm for trial in trials)}
    data = {"campaigns": [trial.to_dict() for trial in trials]}
    return Document("Learning across surfaces", command, settings, [counts, ends], data)


def _calls(trial: CampaignTrial, alone: CampaignTrial) -> CallsRow:
    return CallsRow(
        seed=trial.seed,
        arm=trial.arm,
        members=len(trial.members),
        calls=trial.calls(),
        share=trial.calls() / alone.calls(),
        first=trial.calls(0.0, 0.25),
        last=trial.calls(0.75),
        last_share=trial.calls(0.75) / alone.calls(0.75),
        most=max(one.calls for one in trial.members),
        failed=sum(one.verdict != VerdictKind.CONVERGED.value for one in trial.members),
        saddles=sum(one.on_saddle for one in trial.members),
        refused=sum(one.refused for one in trial.members),
        seconds=float(np.mean([one.seconds for one in trial.members])),
    )


def _ends(trial: CampaignTrial, alone: CampaignTrial) -> EndsRow:
    apart = {
        one.name: one.energy - other.energy
        for one, other in zip(trial.members, alone.members, strict=True)
        if one.energy is not None and other.energy is not None
    }
    same = [abs(difference) for difference in apart.values() if abs(difference) < SAME]
    others = {name: difference for name, difference in apart.items() if abs(difference) >= SAME}
    return EndsRow(
        seed=trial.seed,
        arm=trial.arm,
        same=len(same),
        lower=sum(difference < 0 for difference in others.values()),
        higher=sum(difference > 0 for difference in others.values()),
        difference=1000 * float(np.median(same)),
        worst=1000 * max(same),
        fmax=max(one.fmax for one in trial.members if one.fmax is not None),
        others=", ".join(f"{name} {1000 * difference:+.0f}" for name, difference in others.items()) or "none",
    )


def draw_curve(trials: Sequence[CampaignTrial], path: Path) -> None:
    """DFT calls a member against how many began before it, one line for each arm; PNG at ``path``."""
    figure = Figure(figsize=(5.4, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colours = dict(zip(ARMS, (LIGHT.ink, LIGHT.blue, LIGHT.pink), strict=True))
    for arm in dict.fromkeys(trial.arm for trial in trials):
        calls = np.array([[one.calls for one in trial.members] for trial in trials if trial.arm == arm], dtype=float)
        order = np.arange(calls.shape[1])
        for row in calls:
            axes.plot(order, row, ".", color=colours[arm], ms=3, alpha=0.35)
        mean = np.convolve(calls.mean(axis=0), np.ones(WINDOW) / WINDOW, "valid")
        axes.plot(order[WINDOW - 1 :] - (WINDOW - 1) / 2, mean, color=colours[arm], lw=2, label=arm)
    axes.set_xlabel("members that began before")
    axes.set_ylabel("DFT calls of the member")
    axes.set_ylim(0, None)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=160)
