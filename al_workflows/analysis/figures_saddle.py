"""How a path's saddle converged, cycle by cycle, by DFT's word."""

from __future__ import annotations

from matplotlib.figure import Figure

from al_workflows.analysis.style import LIGHT, Style, legend, new_axes, whole_numbers
from al_workflows.history import RunHistory
from al_workflows.neb_spec import NebSpec
from al_workflows.path_result import END_FMAX, SADDLE_ERROR, SADDLE_FMAX

#: of the limit: what a logarithmic axis shows of a number that is smaller
FLOOR = 1e-3


def saddle_convergence(history: RunHistory, style: Style = LIGHT) -> Figure | None:
    """What DFT says at each cycle's saddle, in units of what it must be below: at 1 and below that is good enough."""
    spec = history.spec.simulation
    if not isinstance(spec, NebSpec):
        return None
    series = (
        ("|model − DFT| energy at the saddle", "eV", SADDLE_ERROR, spec.saddle_tolerance, "o-", style.blue),
        ("DFT force at the saddle", "eV/Å", SADDLE_FMAX, spec.saddle_fmax, "s-", style.green),
        ("DFT force at the ends", "eV/Å", END_FMAX, spec.end_fmax, "D-", style.pink),
    )
    figure, axes = new_axes(style, "cycle", "DFT's number / its limit")
    shown = False
    for name, unit, key, limit, mark, colour in series:
        said = [(cycle.index, cycle.verdict.evidence.get(key)) for cycle in history.cycles]
        found = [(index, value) for index, value in said if value is not None]
        if limit is None or not found:
            continue
        heights = [max(abs(value) / limit, FLOOR) for _, value in found]
        cycles = [index for index, _ in found]
        axes.plot(cycles, heights, mark, color=colour, label=f"{name} (limit {limit:g} {unit})")
        shown = True
    if not shown:
        return None
    axes.axhline(1.0, color=style.red, ls="--", lw=1.2, label="limit")
    axes.set_yscale("log")
    axes.set_xlim(0.5, max(history.cycles[-1].index, 1) + 0.5)
    whole_numbers(axes)
    legend(axes, style)
    return figure
