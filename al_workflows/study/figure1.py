"""Figure 1: what a prior is for. A dimer's curve from few points, and a relaxation on a model of one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Annotated

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from matplotlib.figure import Figure

from al_workflows.analysis.style import LIGHT, legend, new_axes
from al_workflows.benchmark.tables import Column, Table
from al_workflows.structures import min_distance_ratio
from al_workflows.study.arms import NO_PRIOR, fmax, paper, random_queries
from al_workflows.study.dimer import DIMER, FAR, LIMITED, MODEL, NEAR, POINTS, SETS, TRUE, DimerCurve
from al_workflows.study.learned import learned
from al_workflows.study.rows import by_arm
from al_workflows.study.study import Findings, Study, history_of, note
from al_workflows.study.systems import CARBON
from al_workflows.study.trial import Setting, Task, Trial

RADIUS = float(covalent_radii[atomic_numbers["Cu"]])
_CURVES = [
    paper(f"{points}{words}", f"the paper's network on {points} of Cu₂{words}", *changes)
    for points in SETS
    for words, changes in ((", prior", ()), (", no prior", (NO_PRIOR,)))
]
_ONE = (fmax(0.05), random_queries(1, 1))
ONE_IMAGE = [
    paper("one image, prior", "the paper's network, trained on the start alone", *_ONE),
    paper("one image, no prior", "the same without prior", *_ONE, NO_PRIOR),
]


@dataclass(frozen=True)
class DimerRow:
    """Errors of a dimer's curve over the seeds."""

    arm: str
    inside: Annotated[float, Column("MAE between the points, eV", 3)]
    close: Annotated[float, Column("MAE where it is closer, eV", 3)]


@dataclass(frozen=True)
class OneImageRow:
    """The closest pair of atoms along relaxations on a model of one image."""

    arm: str
    smallest: Annotated[float, Column("mean smallest distance, Å", 3)]
    worst: Annotated[float, Column("worst, Å", 3)]
    below: Annotated[str, Column(f"runs below {RADIUS:.2f} Å")]
    by_seed: Annotated[tuple[float, ...], Column("by seed, Å", 2)]


def plan(setting: Setting) -> Sequence[Task]:
    """Dimer curves and one-image relaxations with every seed."""
    return [
        *(DimerCurve(arm, seed, setting.dft, setting.root) for seed in setting.seeds for arm in _CURVES),
        *learned([CARBON], ONE_IMAGE, setting.seeds, {"kind": "relaxation"}, setting.dft, setting.root),
    ]


def conclude(setting: Setting, trials: Sequence[Trial]) -> Findings:
    """Two tables and the three panels."""
    curves = by_arm([trial for trial in trials if trial.system == DIMER])
    ways = {name: _ways(setting, some) for name, some in by_arm(trials).items() if name not in curves}
    tables = [
        Table(
            "Dimer curves",
            [_dimer_row(name, some) for name, some in curves.items()],
            (
                f"Cu₂ at {POINTS} distances from {NEAR:g} to {FAR:g} Å; means over the seeds. Nine points span it, "
                f"three are at {', '.join(f'{r:g}' for r in LIMITED)} Å. Here EMT answers whatever the distance.",
            ),
        ),
        Table(
            "Relaxation on a model of one image",
            [_one_image_row(name, some) for name, some in ways.items() if some],
            (
                f"The smallest distance of two atoms along the relaxation; {RADIUS:.2f} Å is Cu's covalent radius. "
                "Published (figure 1c): with the prior above it, without it far below.",
                *note(setting),
            ),
        ),
    ]
    figures = {
        "figure1a": (_curve_figure(curves, "9 points"), "Cu₂ from nine points; a line for each seed."),
        "figure1b": (_curve_figure(curves, "3 points"), "Cu₂ from three points; a line for each seed."),
        "figure1c": (
            _ways_figure(ways),
            "The smallest distance of two atoms along the relaxation; a line for each seed.",
        ),
    }
    return Findings(tables, figures, {f"arm `{arm.name}`": arm.about for arm in (*_CURVES, *ONE_IMAGE)})


def _dimer_row(name: str, trials: Sequence[Trial]) -> DimerRow:
    grid, points = np.linspace(NEAR, FAR, POINTS), SETS[name.split(",")[0]]
    inside = (grid >= min(points)) & (grid <= max(points))
    close = grid < min(LIMITED)
    errors = [np.abs(np.subtract(trial.curves[MODEL], trial.curves[TRUE])) for trial in trials]
    return DimerRow(
        name,
        mean(float(error[inside].mean()) for error in errors),
        mean(float(error[close].mean()) for error in errors),
    )


def _ways(setting: Setting, trials: Sequence[Trial]) -> list[list[float]]:
    """The smallest distance (Å) in each frame of the first model's relaxation, trial by trial."""
    found = []
    for trial in trials:
        history = history_of(setting, trial)
        pool = None if history is None else history.pools.get(1)
        if pool is not None and len(pool):
            found.append([min_distance_ratio(pool.frame(k)).distance for k in range(len(pool))])
    return found


def _one_image_row(name: str, ways: Sequence[Sequence[float]]) -> OneImageRow:
    smallest = tuple(min(way) for way in ways)
    below = sum(one < RADIUS for one in smallest)
    return OneImageRow(name, mean(smallest), min(smallest), f"{below}/{len(ways)}", smallest)


def _curve_figure(curves: dict[str, list[Trial]], points: str) -> Figure | None:
    shown = {name: some for name, some in curves.items() if name.startswith(points)}
    if not shown:
        return None
    figure, axes = new_axes(LIGHT, "distance (Å)", "energy above two far atoms (eV)")
    grid = np.linspace(NEAR, FAR, POINTS)
    true = np.array(next(iter(shown.values()))[0].curves[TRUE])
    axes.plot(grid, true - true[-1], "-", color=LIGHT.ink, lw=1.8, label="DFT")
    for colour, (name, trials) in zip((LIGHT.blue, LIGHT.red), shown.items(), strict=False):
        for trial in trials:
            label = name.partition(", ")[2] if trial is trials[0] else None
            axes.plot(grid, np.array(trial.curves[MODEL]) - true[-1], "-", color=colour, lw=1.2, alpha=0.7, label=label)
    at = np.array(SETS[points])
    axes.plot(at, np.interp(at, grid, true - true[-1]), "o", color=LIGHT.ink, ms=6, label="training")
    depth = float(true[-1] - true.min())
    axes.set_ylim(-1.8 * depth, 3.0 * depth)
    legend(axes, LIGHT)
    return figure


def _ways_figure(ways: dict[str, list[list[float]]]) -> Figure | None:
    if not any(ways.values()):
        return None
    figure, axes = new_axes(LIGHT, "step of the relaxation on the model", "smallest distance of two atoms (Å)")
    for colour, (name, lines) in zip((LIGHT.blue, LIGHT.red), ways.items(), strict=False):
        for line in lines:
            label = name if line is lines[0] else None
            axes.plot(range(len(line)), line, "-", color=colour, lw=1.2, alpha=0.7, label=label)
    axes.axhline(RADIUS, color=LIGHT.ink, ls="--", lw=1, label="covalent radius of Cu")
    axes.set_ylim(bottom=0)
    legend(axes, LIGHT)
    return figure


FIGURE1 = Study("figure1", "figure 1", "a dimer's curve, and a relaxation on one image", plan, conclude, held=())
