"""What is drawn within a panel, as plotly's traces and shapes."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from typing import Any

from al_workflows.analysis.shown import Bars, Grid, Mark, Number, Panel, Series, Stroke

#: more points of one series make a page that does not answer; evenly chosen ones are drawn
MOST_POINTS = 10_000
CLEAR = "rgba(0,0,0,0)"

_DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}
_STEPS = {"steps": "vh", "steps-pre": "vh", "steps-post": "hv", "steps-mid": "hvh"}
_FILLED = {"o": "circle", ".": "circle", "s": "square", "D": "diamond", "^": "triangle-up", "v": "triangle-down"}
_FILLED |= {"X": "x", "*": "star"}
#: of lines only
_THIN = {"x": "x-thin", "+": "cross-thin", "_": "line-ew", "|": "line-ns"}

Json = dict[str, Any]


def series_trace(one: Series, panel: Panel) -> Json:
    """Points and what joins them; of more than :data:`MOST_POINTS`, every so many."""
    chosen = range(0, len(one.x), every(one))
    mode = [name for name, there in (("lines", one.stroke), ("markers", one.mark)) if there is not None]
    trace: Json = {
        "type": "scatter",
        "mode": "+".join(mode) or "none",
        "x": [plain(one.x[index]) for index in chosen],
        "y": [plain(one.y[index]) for index in chosen],
        "hovertemplate": _hover(one, panel),
    }
    told = _told(one, len(one.x))
    if told:
        trace["customdata"] = [told[index] for index in chosen]
    if one.stroke is not None:
        trace["line"] = {**_line(one.stroke), "shape": _STEPS.get(one.stroke.steps, "linear")}
    if one.mark is not None:
        trace["marker"] = _marker(one.mark, chosen)
        if one.scale is not None and one.meaning.values:
            trace["marker"]["color"] = [one.meaning.values[index] for index in chosen]
            trace["marker"]["coloraxis"] = f"coloraxis{nth(one.scale)}"
    return trace


def every(one: Series) -> int:
    """One of how many points is drawn."""
    return max(math.ceil(len(one.x) / MOST_POINTS), 1)


def bars_trace(one: Bars, panel: Panel) -> Json:
    """Bars where they begin, one by one: nothing is left to plotly's stacking."""
    across, along = ("y", "x") if one.horizontal else ("x", "y")
    rim = {"width": one.rim_width, "color": one.rim} if one.rim else {"width": 0}
    # plotly takes the end of a bar for its value; of one that lies, begin and end are told, else its length
    told = _told(one, len(one.at)) or [[] for _ in one.at]
    ends = [(base, base + size) if one.horizontal else (size,) for base, size in zip(one.base, one.size, strict=True)]
    return {
        "type": "bar",
        "orientation": "h" if one.horizontal else "v",
        across: [plain(place) for place in one.at],
        along: [plain(size) for size in one.size],
        "base": [plain(base) for base in one.base],
        "width": [plain(width) for width in one.width],
        "marker": {"color": list(one.colours), "line": rim},
        "hovertemplate": _hover(one, panel),
        "customdata": [[*words, *map(plain, end)] for words, end in zip(told, ends, strict=True)],
    }


def grid_trace(one: Grid, panel: Panel) -> Json:
    """A heat map, in whose cells a pointer is told row and column by name."""
    names = [
        [", ".join((_name(y, panel.y.ticks, panel.y.names), _name(x, panel.x.ticks, panel.x.names))) for x in one.x]
        for y in one.y
    ]
    trace: Json = {
        "type": "heatmap",
        "x": list(one.x),
        "y": list(one.y),
        "z": [[plain(value) for value in row] for row in one.values],
        "coloraxis": f"coloraxis{nth(one.scale)}",
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
        "text": [[text(name) for name in row] for row in names],
    }
    quantity, unit = split_unit(one.meaning.quantity or "value")
    lines = ["%{text}", f"{text(quantity)}: %{{z:.5~g}}{' ' + text(unit) if unit else ''}"]
    if one.meaning.points:
        wide = len(one.x)
        rows = [one.meaning.points[row * wide : (row + 1) * wide] for row in range(len(one.y))]
        trace["customdata"] = [[text(name) for name in row] for row in rows]
        lines.append("%{customdata}")
    return {**trace, "hovertemplate": "<br>".join(lines) + "<extra></extra>"}


def guide_shape(one: Series, stroke: Stroke, x: str, y: str) -> Json:
    """A line from edge to edge, wherever one zooms; ``x`` and ``y`` are the panel's axes."""
    return {
        "type": "line",
        "x0": one.x[0],
        "x1": one.x[-1],
        "y0": one.y[0],
        "y1": one.y[-1],
        "xref": f"{x} domain" if one.x_free else x,
        "yref": f"{y} domain" if one.y_free else y,
        "layer": "below",
        "line": _line(stroke),
    }


def bar_only_trace(number: int) -> Json:
    """A trace without a point, for a colour bar of what is coloured one by one."""
    return {**empty_trace(), "marker": {"color": [0], "coloraxis": f"coloraxis{nth(number)}"}}


def empty_trace() -> Json:
    """A trace without a point."""
    found = {"type": "scatter", "mode": "markers", "x": [None], "y": [None]}
    return {**found, "hoverinfo": "skip", "showlegend": False, "name": ""}


def nth(number: int) -> str:
    """What plotly appends to the names of axes, from 0 on."""
    return "" if number == 0 else str(number + 1)


def split_unit(title: str) -> tuple[str, str]:
    """Quantity and unit of an axis' title, e.g. of "time (ps)"; the unit is ``""`` where it has none."""
    found = re.fullmatch(r"(.*\S) \(([^()]+)\)", title)
    return (found[1], found[2]) if found else (title, "")


def text(words: str) -> str:
    """Words as plotly takes them: no markup, no template; a new line for each."""
    return html.escape(words, quote=False).replace("%{", "%&#123;").replace("\n", "<br>")


def plain(value: Number) -> Number | None:
    """A number of JSON, which has no NaN."""
    return value if math.isfinite(value) else None


def _line(stroke: Stroke) -> Json:
    return {"color": stroke.colour, "width": stroke.width, "dash": _DASHES.get(stroke.dashes, "dash")}


def _marker(mark: Mark, chosen: Sequence[int]) -> Json:
    if mark.symbol in _THIN or not mark.colours:  # all rim, whose colour plotly takes from `color`
        symbol = _THIN.get(mark.symbol) or _FILLED.get(mark.symbol, "circle")
        rim = {"width": max(mark.rim_width, 1.0), "color": mark.rim}
        return {"symbol": f"{symbol}-open", "size": mark.size, "color": mark.rim, "line": rim}
    colours = mark.colours[0] if len(set(mark.colours)) == 1 else [mark.colours[index] for index in chosen]
    rim = {"width": mark.rim_width, "color": mark.rim} if mark.rim else {"width": 0}
    symbol = _FILLED.get(mark.symbol, "circle")
    return {"symbol": symbol, "size": mark.size, "color": colours, "line": rim, "opacity": mark.opacity}


def _name(place: Number, ticks: Sequence[float] | None, names: Sequence[str] | None) -> str:
    return names[ticks.index(place)] if ticks is not None and names is not None and place in ticks else f"{place:g}"


def _told(one: Series | Bars, count: int) -> list[list[Any]]:
    """What a pointer is told beyond x and y, of each point: its name, the quantity's value."""
    meaning = one.meaning
    columns: list[Sequence[Any]] = [[text(name) for name in meaning.points]] if meaning.points else []
    if meaning.values:
        columns.append(meaning.values * count if len(meaning.values) == 1 else meaning.values)
    return [list(row) for row in zip(*columns, strict=True)]


def _hover(one: Series | Bars, panel: Panel) -> str:
    """Name, point, the quantity (as ``cycle 3``), and x and y with their units."""
    lines, meaning = ["%{fullData.name}"] if one.name else [], one.meaning
    if meaning.points:
        lines.append("%{customdata[0]}")
    if meaning.values:
        lines.append(f"{text(meaning.quantity)} %{{customdata[{int(bool(meaning.points))}]}}")
    first = int(bool(meaning.points)) + int(bool(meaning.values))
    along = "" if isinstance(one, Series) else "x" if one.horizontal else "y"
    free = {"x": one.x_free, "y": one.y_free} if isinstance(one, Series) else {"x": False, "y": False}
    for key, axis in (("x", panel.x), ("y", panel.y)):
        # names at an axis are those of its points; an axis without ticks has no numbers to tell
        if not (free[key] or not axis.title or axis.ticks == () or axis.names is not None):
            quantity, unit = split_unit(axis.title)
            value = f"%{{{f'customdata[{first}]' if key == along else key}:.5~g}}"
            if along == "x" == key:
                value += f" to %{{customdata[{first + 1}]:.5~g}}"
            lines.append(f"{text(quantity)}: {value}{' ' + text(unit) if unit else ''}")
    return "<br>".join(lines) + "<extra></extra>"
