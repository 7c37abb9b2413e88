"""Maps of a campaign: surfaces down, adsorbates across, a colour for each pair. None where there is no pair yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from al_workflows.analysis.meaning import mean
from al_workflows.analysis.style import LIGHT, Style, colour_bar, name_ticks, new_axes, ramp, short
from al_workflows.campaign.history import CampaignHistory
from al_workflows.campaign.results import Entry
from al_workflows.campaign.states import MemberState
from al_workflows.records import FloatArray

#: pairs beyond which no number stands in a cell
READABLE = 150
#: rows from which on they are narrower
MANY = 40

Pair = tuple[str, str]


def energy_map(history: CampaignHistory, style: Style = LIGHT) -> Figure | None:
    """The lowest adsorption energy of each surface and adsorbate; a cell without one is empty."""

    def best(entries: Sequence[Entry]) -> float | None:
        return min((one.adsorption_energy for one in entries if one.adsorption_energy is not None), default=None)

    return _map(history, style, best, "lowest adsorption energy (eV)", "{:.2f}")


def calls_map(history: CampaignHistory, style: Style = LIGHT) -> Figure | None:
    """DFT calls of the members of each surface and adsorbate, so far."""

    def calls(entries: Sequence[Entry]) -> float | None:
        return float(sum(one.outcome.calls for one in entries)) or None

    return _map(history, style, calls, "DFT calls", "{:.0f}")


def surfaces(entries: Sequence[Entry]) -> list[str]:
    """The surface of each of ``entries``, in words: bulk and facet, and termination and coverage where these differ."""
    tags = [entry.outcome.tags for entry in entries]
    found = [f"{one.get('bulk', '')}({one['miller']})" if "miller" in one else one.get("bulk", "") for one in tags]
    for name, word in (("termination", "t"), ("coverage", "")):
        values: defaultdict[str, set[str]] = defaultdict(set)
        for facet, one in zip(found, tags, strict=True):
            values[facet].add(one.get(name, ""))
        unit = " ML" if name == "coverage" else ""
        found = [
            f"{facet} {word}{one[name]}{unit}" if len(values[facet]) > 1 and name in one else facet
            for facet, one in zip(found, tags, strict=True)
        ]
    return found


def _map(
    history: CampaignHistory, style: Style, value: Callable[[Sequence[Entry]], float | None], quantity: str, form: str
) -> Figure | None:
    pairs: defaultdict[Pair, list[Entry]] = defaultdict(list)
    both = [one for one in history.results.entries if {"adsorbate", "bulk"} <= one.outcome.tags.keys()]
    for one, where in zip(both, surfaces(both), strict=True):
        pairs[where, one.outcome.tags["adsorbate"]].append(one)
    found = {pair: value(entries) for pair, entries in pairs.items()}
    numbers = [number for number in found.values() if number is not None]
    if not numbers:
        return None
    rows, columns = (list(dict.fromkeys(pair[part] for pair in pairs)) for part in (0, 1))
    cells = np.full((len(rows), len(columns)), np.nan)  # [rows, columns]
    words = [["no member"] * len(columns) for _ in rows]
    for (row, column), entries in pairs.items():
        at, number = (rows.index(row), columns.index(column)), found[row, column]
        cells[at] = np.nan if number is None else number
        words[at[0]][at[1]] = _said(entries)
    figure, axes = new_axes(style, "adsorbate", "surface")
    tall = 0.24 if len(rows) <= MANY else 0.15
    figure.set_size_inches(max(4.8, 2.6 + 0.42 * len(columns)), max(3.5, 1.3 + tall * len(rows)))
    low, high = min(numbers), max(numbers)
    picture = axes.imshow(
        cells, cmap=ramp(style), vmin=low, vmax=high if high > low else low + 1, aspect="auto", interpolation="nearest"
    )
    mean(picture, quantity, quantity=quantity, points=[text for row in words for text in row])
    whole = all(float(number).is_integer() for number in numbers)
    colour_bar(figure, axes, style, picture, quantity, MaxNLocator(integer=True, nbins=6) if whole else None)
    name_ticks(axes, columns)
    axes.set_yticks(range(len(rows)), [short(row) for row in rows], fontsize="small" if len(rows) <= MANY else 5.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if cells.size <= READABLE:
        _write(axes, cells, picture, form)
    return figure


def _write(axes: Axes, cells: FloatArray, scale: ScalarMappable, form: str) -> None:
    """The numbers into their cells, black or white, whichever stands out."""
    for (row, column), number in np.ndenumerate(cells):
        if np.isfinite(number):
            red, green, blue, _ = scale.to_rgba(np.array([number]))[0]
            ink = "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#ffffff"
            axes.text(column, row, form.format(number), ha="center", va="center", fontsize=7, color=ink)


def _said(entries: Sequence[Entry]) -> str:
    """Of a pair, what a pointer is told."""
    converged = sum(one.outcome.state is MemberState.CONVERGED for one in entries)
    calls = sum(one.outcome.calls for one in entries)
    said = f"{converged} of {len(entries)} converged, {calls} DFT calls"
    ranked = [(one.adsorption_energy, one) for one in entries if one.adsorption_energy is not None]
    if not ranked:
        return said
    energy, best = min(ranked, key=lambda pair: pair[0])
    site = best.outcome.tags.get("site")
    return f"{said}; best {energy:.3f} eV" + (f" at {site}" if site else "")
