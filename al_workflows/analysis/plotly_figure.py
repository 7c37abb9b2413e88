"""A figure of ours for plotly.js: the same numbers, colours and limits as on paper, to point at and to zoom."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from al_workflows.analysis.plotly_traces import (
    CLEAR,
    Json,
    bar_only_trace,
    bars_trace,
    empty_trace,
    every,
    grid_trace,
    guide_shape,
    nth,
    series_trace,
    text,
)
from al_workflows.analysis.read_figure import shown
from al_workflows.analysis.shown import Axis, Bars, Grid, Panel, Scale, Series, Words

FONT = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif'
#: pixels
_TEXT, _SMALL = 12, 11


def plotly_figure(figure: Figure, *, transparent: bool = False) -> Json:
    """``{"data": [...], "layout": {...}}`` of ``figure``, for ``Plotly.react``; plain values, ready for JSON.

    ``transparent`` leaves the paper out, for a page that has its own. The height is the figure's, the width the page's.

    Raises
    ------
    TypeError
        The figure has an artist of a kind that :mod:`al_workflows.analysis.read_figure` does not know.
    """
    seen = shown(figure)
    paper = CLEAR if transparent else seen.paper
    beside = any(words.x_free and words.x > 1 for panel in seen.panels for words in panel.words)
    legend = any(panel.legend or panel.title for panel in seen.panels)
    font = {"family": FONT, "size": _TEXT, "color": seen.ink}
    layout: Json = {
        "paper_bgcolor": paper,
        "plot_bgcolor": paper,
        "font": font,
        "margin": {"l": 56, "r": 72 if beside else 12, "t": 28 if legend else 12, "b": 46},
        "height": round(100 * seen.height),
        "autosize": True,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": seen.paper, "bordercolor": seen.ink, "font": font, "align": "left"},
        "showlegend": legend,
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "bgcolor": CLEAR,
            "font": {"size": _SMALL},
        },
        "barmode": "overlay",
        "uirevision": "kept",
        "annotations": [],
        "shapes": [],
        **{f"coloraxis{nth(number)}": _colour_axis(scale) for number, scale in enumerate(seen.scales)},
    }
    data: list[Json] = []
    named: set[str] = set()
    for number, panel in enumerate(seen.panels):
        data += _panel(panel, 2 * number, layout, seen.ink, named)
    used = {trace.get("coloraxis") or trace.get("marker", {}).get("coloraxis") for trace in data}
    data += [bar_only_trace(number) for number in range(len(seen.scales)) if f"coloraxis{nth(number)}" not in used]
    return {"data": data, "layout": layout}


def _panel(panel: Panel, number: int, layout: Json, ink: str, named: set[str]) -> list[Json]:
    """The traces of a panel; the rest of it goes into ``layout``, and listed names into ``named``.

    The panel's axes are ``number`` and, where something is in shares of it, the next.
    """
    x, y = f"x{nth(number)}", f"y{nth(number)}"
    left, bottom, right, top = panel.place
    across = {**_axis(panel.x, ink), "domain": [left, right], "anchor": y}
    up = {**_axis(panel.y, ink), "domain": [bottom, top], "anchor": x}
    if panel.equal:
        across |= {"constrain": "domain", "constraintoward": "right"}  # beside its colour bar
        up |= {"scaleanchor": x, "scaleratio": 1, "constrain": "domain"}
    layout[f"xaxis{nth(number)}"], layout[f"yaxis{nth(number)}"] = across, up
    if panel.title:
        layout["annotations"].append(_remark(panel.title, x, y, (0.5, 1.0), ("center", "bottom")))
    layout["annotations"] += [_annotation(words, panel, x, y) for words in panel.words]
    traces: list[Json] = []
    for one in panel.contents:
        listing = _listing(one, panel, named)
        if isinstance(one, Series) and one.x_free != one.y_free and one.mark is None and one.stroke is not None:
            layout["shapes"].append({**guide_shape(one, one.stroke, x, y), **listing})
            continue
        trace = {**_trace(one, panel), **listing, "xaxis": x, "yaxis": y}
        if isinstance(one, Series):
            if every(one) > 1:
                remark = f"one in {every(one)} of {len(one.x)} points"
                layout["annotations"].append(_remark(remark, x, y, (1.0, 0.0), ("right", "bottom")))
            for key, free, other in (("x", one.x_free, y), ("y", one.y_free, x)):
                if free:
                    trace[f"{key}axis"] = f"{key}{nth(number + 1)}"
                    hidden = {"range": [0, 1], "visible": False, "fixedrange": True, "anchor": other}
                    layout[f"{key}axis{nth(number + 1)}"] = {**hidden, "overlaying": f"{key}{nth(number)}"}
        traces.append(trace)
    if not any(trace["xaxis"] == x and trace["yaxis"] == y for trace in traces):
        traces.append({**empty_trace(), "xaxis": x, "yaxis": y})  # of axes without a trace plotly knows no length
    return traces


def _trace(one: Series | Bars | Grid, panel: Panel) -> Json:
    if isinstance(one, Grid):
        return grid_trace(one, panel)
    return bars_trace(one, panel) if isinstance(one, Bars) else series_trace(one, panel)


def _listing(one: Series | Bars | Grid, panel: Panel, named: set[str]) -> Json:
    """Name and legend entry; series of one name appear and go together."""
    listed = not isinstance(one, Grid) and one.listed and panel.legend and one.name not in named
    if listed:
        named.add(one.name)
    return {"name": text(one.name), "legendgroup": text(one.name), "showlegend": listed}


def _axis(axis: Axis, ink: str) -> Json:
    low, high = (math.log10(one) for one in axis.limits) if axis.log else axis.limits
    found: Json = {
        "title": {"text": text(axis.title), "standoff": 8},
        "type": "log" if axis.log else "linear",
        "range": [low, high],
        "showgrid": False,
        "zeroline": False,
        "showline": True,
        "automargin": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": ink,
        "linecolor": ink,
        "linewidth": 1,
    }
    if axis.log:
        decades = abs(high - low)
        found |= {"exponentformat": "power", "dtick": math.ceil(decades / 6) if decades > 1.5 else "D1"}
    if axis.whole:  # until one zooms in between two of them
        found["tickformatstops"] = [
            {"dtickrange": [None, 0.9], "value": "~g"},
            {"dtickrange": [1, None], "value": "d"},
        ]
        if abs(high - low) <= 8:
            found["dtick"] = 1
    if axis.ticks is not None:
        names = axis.names if axis.names is not None else tuple(f"{tick:g}" for tick in axis.ticks)
        found |= {"tickmode": "array", "tickvals": list(axis.ticks), "ticktext": [text(name) for name in names]}
        if not axis.ticks:
            found |= {"showticklabels": False, "ticks": ""}
    return found


def _colour_axis(scale: Scale) -> Json:
    steps = len(scale.colours) - 1
    bar: Json = {"title": {"text": text(scale.title), "side": "right"}, "thickness": 10, "outlinewidth": 0, "xpad": 4}
    if scale.whole:
        bar |= {"tickformat": "d"} | ({"dtick": 1} if scale.high - scale.low <= 6 else {"nticks": 6})
    colours = [[step / steps, colour] for step, colour in enumerate(scale.colours)]
    return {"cmin": scale.low, "cmax": scale.high, "colorscale": colours, "colorbar": bar}


def _remark(words: str, x: str, y: str, place: tuple[float, float], anchors: tuple[str, str]) -> Json:
    """Words at a place in shares of a panel."""
    return {
        "text": text(words),
        "x": place[0],
        "y": place[1],
        "xanchor": anchors[0],
        "yanchor": anchors[1],
        "xref": f"{x} domain",
        "yref": f"{y} domain",
        "showarrow": False,
        "font": {"size": _SMALL},
    }


def _annotation(words: Words, panel: Panel, x: str, y: str) -> Json:
    at_x = math.log10(words.x) if panel.x.log and not words.x_free else words.x
    at_y = math.log10(words.y) if panel.y.log and not words.y_free else words.y
    up = {"top": "top", "bottom": "bottom", "baseline": "bottom"}.get(words.up, "middle")
    return {
        **_remark(words.text, x, y, (at_x, at_y), (words.across, up)),
        "xref": f"{x} domain" if words.x_free else x,
        "yref": f"{y} domain" if words.y_free else y,
        "align": words.across,
        "font": {"size": words.size, "color": words.colour},
    }
