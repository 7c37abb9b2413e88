"""The dynamics benchmark as a figure: force errors on the parent's own trajectory against DFT calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from al_workflows.analysis.style import LIGHT
from al_workflows.benchmark.md import ENOUGH, MdTrial
from al_workflows.benchmark.md_parent import worst_element
from al_workflows.force_errors import ALL


def draw_errors(trials: Sequence[MdTrial], path: Path) -> None:
    """One panel for each system and temperature, one line for each run; PNG at ``path``."""
    groups: dict[tuple[str, float], list[MdTrial]] = {}
    for trial in trials:
        groups.setdefault((trial.system, trial.temperature), []).append(trial)
    colours = [LIGHT.blue, LIGHT.red, LIGHT.green, LIGHT.pink]
    variants = list(dict.fromkeys(trial.variant for trial in trials))
    figure = Figure(figsize=(1.0 + 3.6 * len(groups), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axes, ((system, temperature), group) in zip(panels, groups.items(), strict=True):
        for trial in group:
            colour = colours[variants.index(trial.variant) % len(colours)]
            axes.plot(trial.calls, [errors[ALL] for errors in trial.errors], "o-", color=colour, ms=3, lw=1, alpha=0.8)
            worst = [worst_element(errors) for errors in trial.errors]
            axes.plot(trial.calls, worst, ":", color=colour, lw=1, alpha=0.8)
        axes.axhline(ENOUGH, color=LIGHT.ink, ls="--", lw=1)
        axes.set_yscale("log")
        axes.set_xlabel("DFT calls")
        axes.set_title(f"{system}, {temperature:g} K", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    for number, name in enumerate(variants):
        panels[-1].plot([], [], "o-", color=colours[number % len(colours)], ms=3, lw=1, label=name)
    panels[-1].plot([], [], ":", color=LIGHT.ink, lw=1, label="worst element")
    panels[-1].plot([], [], "--", color=LIGHT.ink, lw=1, label=f"{ENOUGH:g} eV/Å")
    panels[-1].legend(frameon=False, fontsize=8)
    panels[0].set_ylabel("force MAE on the parent's trajectory (eV/Å)", fontsize=9)
    figure.savefig(path, dpi=160)
