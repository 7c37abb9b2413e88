"""Figures of dynamics. Each takes a history and gives a figure, or None where there is nothing to draw yet."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from al_workflows.analysis.meaning import mean
from al_workflows.analysis.style import LIGHT, Style, legend, new_axes, whole_numbers
from al_workflows.analysis.trajectory import TOTAL, Radial, mean_square_displacement, of_frames, of_pool
from al_workflows.force_errors import ALL, ForceErrors
from al_workflows.history import RunHistory
from al_workflows.md_spec import MdSpec
from al_workflows.records import Pool
from al_workflows.simulations.dynamics import FRAME_INTERVAL

#: eV/Å: what a logarithmic axis shows of a force error that is smaller
FLOOR = 1e-4
#: of fewer frames a radial distribution is a comb
ENOUGH_FRAMES = 20


def force_errors(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Force errors of each cycle's fresh frames against DFT calls, by element, with the limits."""
    spec, found, calls = history.spec.simulation, list[tuple[int, dict[str, float], float]](), 0
    if not isinstance(spec, MdSpec):
        return None
    accuracy = spec.accuracy
    for cycle in history.cycles:
        labels = [label for label in history.labels if label.cycle == cycle.index]
        errors = ForceErrors.of(labels)
        calls += sum(label.attempts > 0 for label in labels)
        if len(errors):
            bound = errors.bound(accuracy.confidence)[ALL] if accuracy is not None else errors.mean()[ALL]
            found.append((calls, errors.mean(), bound))
    if not found:
        return None
    figure, axes = new_axes(style, "DFT calls", "force error on new frames (eV/Å)")
    colours = [style.red, style.green, style.pink, style.yellow]
    groups = found[-1][1]
    counts = [count for count, _, _ in found]
    for number, group in enumerate(groups):
        colour = style.blue if group == ALL else colours[(number - 1) % len(colours)]
        values = [max(means.get(group, np.nan), FLOOR) for _, means, _ in found]
        name = "all free atoms" if group == ALL else group
        axes.plot(counts, values, "o-", color=colour, ms=5, lw=1.6 if group == ALL else 1.0, label=name)
    if accuracy is not None:
        finite = [(count, bound) for count, _, bound in found if np.isfinite(bound)]
        for number, (count, bound) in enumerate(finite):
            said = f"bound ({100 * accuracy.confidence:g} %)" if number == 0 else None
            (mark,) = axes.plot([count], [bound], "_", color=style.blue, ms=12, mew=1.6, label=said)
            mean(mark, "bound")
        axes.axhline(accuracy.force_mae, color=style.ink, ls="--", lw=1, label=f"limit {accuracy.force_mae:g} eV/Å")
    axes.set_yscale("log")
    axes.set_xlim(0, counts[-1] + 1)
    whole_numbers(axes)
    legend(axes, style)
    return figure


def energies(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Energy along the last trajectory on the model, with DFT's energies of the frames that were checked."""
    cycle, pool = _last(history)
    if pool is None:
        return None
    figure, axes = new_axes(style, "time (ps)", "energy above the trajectory's mean (eV)")
    times, zero = _times(pool), float(pool.energies.mean())
    axes.plot(times, pool.energies - zero, "-", color=style.blue, lw=1.2, label="model")
    checked = [
        (times[label.request.pool_index], label.energy - zero)
        for label in history.labels
        if label.cycle == cycle and label.energy is not None and label.request.pool_index is not None
    ]
    if checked:
        axes.plot(*zip(*checked, strict=True), "o", color=style.red, mec=style.ink, mew=0.7, ms=6, label="DFT")
    legend(axes, style)
    return figure


def radial(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Radial distribution functions of the last trajectory, total and by pair.

    Beside them those of its frames that DFT has answered for, where they are :data:`ENOUGH_FRAMES`, and of the
    reference if there is one.
    """
    cycle, pool = _last(history)
    if pool is None:
        return None
    found, others = of_pool(pool), list[tuple[str, str, Radial]]()
    checked = [label.atoms for label in history.labels if label.ok and label.cycle == cycle]
    if len(checked) >= ENOUGH_FRAMES:
        others.append(("frames checked by DFT", "--", of_frames(checked)))
    if history.reference:
        others.append(("reference", ":", of_frames(history.reference)))
    figure, axes = new_axes(style, "distance (Å)", "g(r) relative to its peak")
    colours = [style.red, style.green, style.pink, style.yellow]
    shown = [(name, values) for name, values in found.values.items() if values.max() > 0]
    for number, (name, values) in enumerate(shown):
        colour, width = (style.ink, 1.8) if name == TOTAL else (colours[(number - 1) % len(colours)], 1.2)
        # partial functions of one adsorbate are many times the total one
        (line,) = axes.plot(found.distances, values / values.max() - 1.15 * number, "-", color=colour, lw=width)
        mean(line, name)
        # beside its curve: a legend of so many would lie on the curves
        edge = axes.get_yaxis_transform()
        axes.text(1.01, 0.1 - 1.15 * number, name, color=colour, transform=edge, va="center", fontsize="small")
        for said, dashes, other in others:
            shifted = other.values[name] / values.max() - 1.15 * number
            label = said if number == 0 else None
            (line,) = axes.plot(found.distances, shifted, dashes, color=style.blue, lw=1.4, label=label)
            mean(line, f"{name}, {said}")
    axes.set_xlim(1.0, found.distances[-1])
    axes.set_yticks([])
    if others:
        legend(axes, style)
    return figure


def displacements(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Mean-square displacements of the last trajectory, by element."""
    _, pool = _last(history)
    if pool is None or len(pool) < 4:
        return None
    figure, axes = new_axes(style, "time (ps)", "mean-square displacement (Å²)")
    colours = [style.blue, style.red, style.green, style.pink, style.yellow]
    found = mean_square_displacement(pool.template, pool.positions)
    for number, (element, values) in enumerate(found.items()):
        times = _times(pool)[: len(values)] - _times(pool)[0]
        axes.plot(times, values, "-", color=colours[number % len(colours)], lw=1.6, label=element)
    axes.set_ylim(bottom=0)
    legend(axes, style)
    return figure


def _last(history: RunHistory) -> tuple[int, Pool | None]:
    """The last cycle with a trajectory of two frames at least, and that."""
    if not isinstance(history.spec.simulation, MdSpec):
        return 0, None
    long = [(cycle, pool) for cycle, pool in sorted(history.pools.items()) if len(pool) > 1]
    return long[-1] if long else (0, None)


def _times(pool: Pool) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Times of the frames, ps [F]; a last frame that ended a trajectory between two others is shown at its turn."""
    return np.arange(len(pool)) * pool.measures.get(FRAME_INTERVAL, 1.0) / 1000
