"""Figures of a run, drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from al_workflows.analysis.baseline import Baseline
from al_workflows.results import RunResult
from al_workflows.structures import max_force

#: colour-blind-safe (Okabe and Ito)
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"


def convergence_figure(result: RunResult, target: float, path: Path, baselines: Sequence[Baseline] = ()) -> None:
    """DFT fmax and energy against DFT calls, with the target (eV/Å) and direct relaxations beside; PNG at ``path``."""
    calls, fmax, energies = [], [], []
    for number, label in enumerate((label for label in result.labels if label.attempts), start=1):
        if label.forces is not None and label.energy is not None:
            calls.append(number)
            fmax.append(max_force(label.atoms, label.forces))
            energies.append(label.energy)
    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    forces_axes, energy_axes = figure.subplots(1, 2)
    lowest = min([*energies, *(min(baseline.energies) for baseline in baselines)], default=0.0)
    for baseline in baselines:
        name, numbers = f"{baseline.optimizer} ({baseline.calls} calls)", range(1, baseline.calls + 1)
        forces_axes.plot(numbers, baseline.fmax, ".-", color=GREY, lw=1, ms=4, label=name)
        energy_axes.plot(numbers, [energy - lowest for energy in baseline.energies], ".-", color=GREY, lw=1, ms=4)
    name = f"active learning ({result.dft_calls} calls)"
    forces_axes.plot(calls, fmax, "o-", color=BLUE, label=name)
    energy_axes.plot(calls, [energy - lowest for energy in energies], "o-", color=BLUE)
    forces_axes.axhline(target, color=ORANGE, ls="--", lw=1, label=f"target {target:g} eV/Å")
    forces_axes.set_yscale("log")
    forces_axes.legend(frameon=False, fontsize=8)
    _label(forces_axes, "largest DFT force on a free atom (eV/Å)")
    _label(energy_axes, "DFT energy above the lowest (eV)")
    figure.suptitle(result.run, fontsize=10)
    figure.savefig(path, dpi=160)


def _label(axes: Axes, quantity: str) -> None:
    axes.set_xlabel("DFT calls")
    axes.set_ylabel(quantity)
    axes.spines[["top", "right"]].set_visible(False)
