"""Figures of a path between two structures: each takes a history and gives a figure, or None where there is none."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from al_workflows.analysis.meaning import mean_cycle
from al_workflows.analysis.metrics import barrier_errors
from al_workflows.analysis.style import LIGHT, Style, cycle_colours, legend, new_axes, whole_numbers
from al_workflows.band import path_lengths
from al_workflows.history import RunHistory
from al_workflows.path_result import label_at

#: eV: what a logarithmic axis shows of an error that is smaller
FLOOR = 1e-5
#: of the last band's height, what is shown below and above it: an early band may be off by many eV
BELOW, ABOVE = 0.35, 0.9
#: of the last band's length, what is shown of others
LONGER = 1.2


def band_energies(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Energy along the model's band by cycle, with DFT's energies of the images that were asked for.

    Another band, where the history has one as its reference, is shown above its own initial end.
    """
    bands = history.bands
    if not bands:
        return None
    last = bands[max(bands)]
    initial = label_at(last.frame(0), history.labels)
    zero = float(last.energies[0]) if initial is None or initial.energy is None else initial.energy
    figure, axes = new_axes(style, "distance along the band (Å)", "energy above the initial end (eV)")
    colour_of = cycle_colours(figure, axes, style, list(bands))
    named = False
    for cycle, band in bands.items():
        along, colour = path_lengths(band.positions), colour_of(cycle)
        final = band is last
        width, size = (2.2, 7) if final else (1.3, 4)
        (line,) = axes.plot(along, band.energies - zero, ".-", color=colour, lw=width, ms=size)
        mean_cycle(line, "model", cycle)
        for index in range(len(band)):
            label = label_at(band.frame(index), history.labels)
            if label is None or label.energy is None or not (final or label.cycle == cycle):
                continue
            (point,) = axes.plot(
                [along[index]],
                [label.energy - zero],
                "o",
                color=colour,
                mec=style.ink,
                mew=0.8,
                ms=7,
                label=None if named else "DFT",
                zorder=3,
            )
            mean_cycle(point, "DFT", cycle)
            named = True
    if history.reference:
        energies = np.array([image.get_potential_energy() for image in history.reference])
        places = path_lengths(np.array([image.positions for image in history.reference]))
        axes.plot(places, energies - energies[0], "s", color="none", mec=style.red, mew=1.4, ms=8, label="reference")
        named = True
    low, high = float(min(last.energies)) - zero, float(max(last.energies)) - zero
    height = max(high - low, 0.05)
    length = float(path_lengths(last.positions)[-1])
    axes.set_xlim(-0.05 * length, LONGER * length)
    axes.set_ylim(low - BELOW * height, high + ABOVE * height)
    if named:
        legend(axes, style)
    return figure


def barrier_error(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """Error of each cycle's barrier against the number of training images."""
    errors = barrier_errors(history)
    if not errors:
        return None
    figure, axes = new_axes(style, "training images", "|barrier − DFT answer| (eV)")
    numbers, sizes = [error.images for error in errors], [max(abs(error.error), FLOOR) for error in errors]
    axes.plot(numbers, sizes, "o-", color=style.blue, label="model")
    tolerance = getattr(history.spec.simulation, "saddle_tolerance", None)
    if tolerance is not None:
        axes.axhline(tolerance, color=style.red, ls="--", lw=1.2, label=f"tolerance {tolerance:g} eV")
    axes.set_yscale("log")
    whole_numbers(axes)
    legend(axes, style)
    return figure
