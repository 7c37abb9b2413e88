"""Figures of how good the models were where DFT was asked. None where there is nothing to draw yet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from al_workflows.analysis.metrics import predictions
from al_workflows.analysis.style import LIGHT, Style, cycle_colours, identity, new_axes
from al_workflows.history import RunHistory
from al_workflows.records import FloatArray

IntArray = npt.NDArray[np.int_]


def energy_parity(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """The model's energy when it asked against DFT's, relative to the lowest DFT energy."""
    found = predictions(history.labels)
    if not found:
        return None
    zero = min(one.dft_energy for one in found)
    dft = np.array([one.dft_energy for one in found]) - zero
    model = np.array([one.model_energy for one in found]) - zero
    figure, axes = new_axes(style, "DFT energy above the lowest (eV)", "model energy (eV)")
    colour_of = cycle_colours(figure, axes, style, [one.cycle for one in found])
    cycles = np.array([one.cycle for one in found])
    colour_of.scatter(axes, dft, model, cycles, s=34, edgecolors=style.ink, linewidths=0.6, zorder=3)
    _finish_parity(axes, style, dft, model, cycles, "eV")
    return figure


def force_parity(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """The components of the model's forces when it asked against DFT's."""
    found = predictions(history.labels)
    if not found:
        return None
    dft = np.concatenate([one.dft_forces.ravel() for one in found])
    model = np.concatenate([one.model_forces.ravel() for one in found])
    figure, axes = new_axes(style, "DFT force component (eV/Å)", "model force component (eV/Å)")
    colour_of = cycle_colours(figure, axes, style, [one.cycle for one in found])
    cycles = np.concatenate([np.full(one.dft_forces.size, one.cycle) for one in found])
    points = colour_of.scatter(axes, dft, model, cycles, s=10, linewidths=0, alpha=0.8, zorder=3)
    points.set_rasterized(True)  # thousands of points would make a slow PDF
    _finish_parity(axes, style, dft, model, cycles, "eV/Å")
    return figure


def uncertainty(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """The ensemble's force uncertainty against the true error, both the largest over the atoms."""
    found = [one for one in predictions(history.labels) if one.uncertainty > 0 and one.force_error > 0]
    if not found:
        return None
    sigma, error = np.array([one.uncertainty for one in found]), np.array([one.force_error for one in found])
    figure, axes = new_axes(style, "predicted force uncertainty σ (eV/Å)", "true force error (eV/Å)")
    colour_of = cycle_colours(figure, axes, style, [one.cycle for one in found])
    axes.set_xscale("log")
    axes.set_yscale("log")
    cycles = [one.cycle for one in found]
    colour_of.scatter(axes, sigma, error, cycles, s=34, edgecolors=style.ink, linewidths=0.6, zorder=3)
    both = np.concatenate([sigma, error])
    identity(axes, style, both.min() / 2, both.max() * 2)
    return figure


def _finish_parity(axes: Axes, style: Style, dft: FloatArray, model: FloatArray, cycles: IntArray, unit: str) -> None:
    """Limits, the identity line, and the mean errors of all cycles and of the last one. Arrays are [points]."""
    error = model - dft
    last = error[cycles == cycles.max()]
    low, high = min(dft.min(), model.min()), max(dft.max(), model.max())
    margin = 0.06 * (high - low) or 0.1
    identity(axes, style, low - margin, high + margin)
    text = f"MAE {np.abs(error).mean():.2g} {unit}, of the last cycle {np.abs(last).mean():.2g} {unit}"
    axes.set_title(text, fontsize=8, color=style.ink)  # within the axes it would lie on points sooner or later
