"""Morse fits of elements: DFT points and the curve, a panel each (Shuaibi et al. 2021, figure S2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from al_workflows.analysis.figures import BLUE, GREY, ORANGE
from al_workflows.morse_fit.curve import morse_energy
from al_workflows.morse_fit.element import ElementFit

COLUMNS = 4


def morse_figure(fits: Sequence[ElementFit], path: Path) -> None:
    """DFT energies (relative to two atoms) along the bond and the fitted curves; PNG at ``path``."""
    columns = min(COLUMNS, len(fits))
    rows = math.ceil(len(fits) / columns)
    figure = Figure(figsize=(3.0 * columns, 2.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, fit in zip(panels, fits, strict=False):
        if fit.curve is None:
            continue
        curve = fit.curve.parameters
        grid = np.linspace(0.97 * fit.distances.min(), 1.1 * fit.distances.max(), 200)
        axes.axhline(0.0, color=GREY, lw=0.6)
        axes.plot(grid, morse_energy(grid, curve), color=ORANGE, lw=1.2, label="Morse")
        axes.plot(fit.distances, fit.energies, "o", color=BLUE, ms=4, label="DFT")
        shown = f"$D_e$ {curve.well_depth:.2f} eV, $r_e$ {curve.r_e:.3f} Å, $a$ {curve.a:.2f} Å$^{{-1}}$"
        axes.set_title(f"{fit.element}$_2$: {shown}", fontsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7)
    for axes in panels[len(fits) :]:
        axes.set_visible(False)
    panels[0].legend(frameon=False, fontsize=7)
    figure.supxlabel("distance (Å)", fontsize=9)
    figure.supylabel("energy relative to two atoms (eV)", fontsize=9)
    figure.savefig(path, dpi=160)
