"""Figures of how a run went. Each takes a history and gives a figure, or None where there is nothing to draw yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from al_workflows.analysis.meaning import mean, mean_cycle
from al_workflows.analysis.metrics import relaxed_errors
from al_workflows.analysis.style import (
    LIGHT,
    Style,
    cycle_colours,
    legend,
    new_axes,
    step_colours,
    whole_numbers,
    wide_legend,
)
from al_workflows.history import RunHistory
from al_workflows.results import STEPS
from al_workflows.structures import max_force

#: eV, Å: what a logarithmic axis shows of a number that is smaller, zero included
ENERGY_FLOOR, STRUCTURE_FLOOR = 1e-6, 1e-6


def relaxation_energies(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Energy along the model's relaxation by cycle, with DFT's energies of the frames that were labelled."""
    pools = history.relaxations
    if not pools:
        return None
    answer = history.answer
    zero = answer.energy if answer is not None and answer.energy is not None else 0.0
    what = "energy above the DFT answer (eV)" if zero else "energy (eV)"
    figure, axes = new_axes(style, "step of the relaxation on the model", what)
    colour_of = cycle_colours(figure, axes, style, list(pools))
    shown = []
    for cycle, pool in pools.items():
        colour, above = colour_of(cycle), np.asarray(pool.energies) - zero
        (line,) = axes.plot(range(len(pool)), above, "-", color=colour, lw=1.6)
        mean_cycle(line, "model", cycle)
        shown += [float(above[0]), float(above[-1])]
    labelled = [
        (label.request.pool_index, label.energy - zero, label.cycle)
        for label in history.labels
        if label.energy is not None and label.request.pool_index is not None and label.cycle in pools
    ]
    for number, (index, energy, cycle) in enumerate(labelled):
        model = float(pools[cycle].energies[index]) - zero
        (joint,) = axes.plot([index, index], [model, energy], ":", color=colour_of(cycle), lw=1)
        mean_cycle(joint, "model to DFT", cycle)
        name = "DFT" if number == 0 else None
        colour = colour_of(cycle)
        (point,) = axes.plot([index], [energy], "o", color=colour, mec=style.ink, mew=0.8, ms=6, label=name, zorder=3)
        mean_cycle(point, "DFT", cycle)
        shown.append(energy)
    # a first model may fall by many eV on the way: show where the relaxations begin and end, and all of DFT
    low, high = min(shown), max(shown)
    margin = 0.08 * (high - low) or 0.1
    axes.set_ylim(low - margin, high + margin)
    axes.set_xmargin(0.03)
    whole_numbers(axes)
    if labelled:
        legend(axes, style)
    return figure


def energy_error(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Energy error of each cycle's relaxed structure against the number of training images."""
    errors = relaxed_errors(history)
    if not errors:
        return None
    figure, axes = new_axes(style, "training images", "|energy − DFT answer| (eV)")
    model = [(error.images, max(abs(error.model), ENERGY_FLOOR)) for error in errors]
    _curve(axes, style, model, "model")
    asked = [(error.images, abs(error.dft)) for error in errors if error.dft is not None and error.dft != 0.0]
    if asked:
        axes.plot(
            *zip(*asked, strict=True), "s", color=style.red, ms=6, mfc="none", mew=1.4, label="DFT, same structure"
        )
    axes.set_yscale("log")
    whole_numbers(axes)
    legend(axes, style)
    return figure


def structure_error(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Structure error of each cycle's relaxed structure against the number of training images."""
    errors = [error for error in relaxed_errors(history) if error.structure > STRUCTURE_FLOOR]
    if not errors:
        return None
    figure, axes = new_axes(style, "training images", "structure MAE from the answer (Å)")
    _curve(axes, style, [(error.images, error.structure) for error in errors], "model")
    axes.set_yscale("log")
    whole_numbers(axes)
    return figure


def _curve(axes: Axes, style: Style, points: Sequence[tuple[int, float]], name: str) -> None:
    """A point for each cycle, and a line through the last cycle of each number of images."""
    last = dict(points)
    (line,) = axes.plot(list(last), list(last.values()), "-", color=style.blue)
    mean(line, f"last {name} of so many images")
    axes.plot(*zip(*points, strict=True), "o", color=style.blue, label=name)


def dft_force(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """The largest DFT force against DFT calls, with the run's target; single points that failed are crosses."""
    computed = [label for label in history.labels if label.attempts > 0]
    if not computed:
        return None
    found = {
        number: max_force(label.atoms, label.forces)
        for number, label in enumerate(computed, start=1)
        if label.forces is not None
    }
    failed = [number for number, label in enumerate(computed, start=1) if not label.ok]
    figure, axes = new_axes(style, "DFT calls", "largest DFT force on a free atom (eV/Å)")
    if found:
        best = np.minimum.accumulate(list(found.values()))
        axes.step(list(found), best, where="post", color=style.faint, lw=1, label="lowest so far")
        axes.plot(list(found), list(found.values()), "o-", color=style.blue, label="single point")
        axes.set_yscale("log")
    if history.target is not None:
        axes.axhline(history.target, color=style.red, ls="--", lw=1.2, label=f"target {history.target:g} eV/Å")
    if failed:
        heights = np.full(len(failed), 0.97)
        top = axes.get_xaxis_transform()  # x in data, y in shares of the axes
        axes.plot(failed, heights, "X", color=style.red, mec=style.paper, ms=8, transform=top, label="failed")
    axes.set_xlim(0.5, len(computed) + 0.5)
    whole_numbers(axes)
    legend(axes, style)
    return figure


def step_seconds(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Wall time by step, stacked, for each cycle."""
    cycles = [cycle for cycle in history.cycles if sum(cycle.seconds.values()) > 0]
    if not cycles:
        return None
    figure, axes = new_axes(style, "cycle", "wall time (s)")
    below = np.zeros(len(cycles))
    colours = step_colours(style)
    for step in STEPS:
        spent = np.array([cycle.seconds.get(step, 0.0) for cycle in cycles])
        name = f"{step} {spent.sum():.3g} s"
        bars = axes.bar([cycle.index for cycle in cycles], spent, 0.8, below, color=colours[step], label=name)
        mean(bars, step)
        below += spent
    axes.set_xlim(cycles[0].index - 0.6, cycles[-1].index + 0.6)
    whole_numbers(axes)
    wide_legend(axes, style)
    return figure
