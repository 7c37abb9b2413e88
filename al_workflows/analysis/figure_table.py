"""The numbers of a figure of ours as a table: what was drawn, row by row, for any other program to draw again."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from matplotlib.figure import Figure

from al_workflows.analysis.read_figure import shown
from al_workflows.analysis.shown import Axis, Bars, Grid, Number, Panel, Series

#: the columns that each table begins with; panels count from 1
COMMON = ("panel", "series")

Row = dict[str, str]


def figure_csv(figure: Figure) -> str:
    """CSV of ``figure``: panel, series, a point's name, x, y and what the colour says, headed by the axes' titles.

    Numbers are as exact as Python's ``repr``; what has no value is empty: a threshold's x, for it holds at each.
    ``from`` is where a bar begins, whose number is its height, or its end if it lies. A column is there if it holds
    anything.

    Raises
    ------
    TypeError
        The figure has an artist of a kind that :mod:`al_workflows.analysis.read_figure` does not know.
    """
    rows = [
        {"panel": str(number), **row}
        for number, panel in enumerate(shown(figure).panels, start=1)
        for one in panel.contents
        for row in _rows(one, panel)
    ]
    found = dict.fromkeys(column for row in rows for column in row)
    columns = [*COMMON, *(column for column in found if column not in COMMON)]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _rows(one: Series | Bars | Grid, panel: Panel) -> Iterator[Row]:
    x, y = _headings(panel)
    series = {"series": one.meaning.series or one.name}
    if isinstance(one, Grid):
        for index, value in enumerate(value for row in one.values for value in row):
            if math.isfinite(value):
                row, column = divmod(index, len(one.x))
                where = {x: _at(one.x[column], panel.x), y: _at(one.y[row], panel.y)}
                yield {**series, **where, one.meaning.quantity or "value": repr(value), **_point(one, index)}
    elif isinstance(one, Bars):
        across, along, axis = (y, x, panel.y) if one.horizontal else (x, y, panel.x)
        for index, place in enumerate(one.at):
            size = one.base[index] + one.size[index] if one.horizontal else one.size[index]
            bar = {"from": repr(one.base[index]), along: repr(size)}
            yield {**series, **_point(one, index), across: _at(place, axis), **bar, **_value(one, index)}
    elif (one.x_free or one.y_free) and one.mark is None:
        yield {**series, x: "" if one.x_free else repr(one.x[0]), y: "" if one.y_free else repr(one.y[0])}
    else:
        for index, (at_x, at_y) in enumerate(zip(one.x, one.y, strict=True)):
            where = {x: "" if one.x_free else _at(at_x, panel.x), y: "" if one.y_free else _at(at_y, panel.y)}
            yield {**series, **_point(one, index), **where, **_value(one, index)}


def _headings(panel: Panel) -> tuple[str, str]:
    """Of the columns of x and y: the axes' titles, where these tell them apart."""
    x, y = panel.x.title or "x", panel.y.title or "y"
    return (x, y) if x != y else (f"{x}, x", f"{y}, y")


def _at(value: Number, axis: Axis) -> str:
    """What stands at a place of an axis: a name, if it has names; else the number."""
    if axis.names is not None and axis.ticks is not None and value in axis.ticks:
        return axis.names[axis.ticks.index(value)]
    return repr(value) if math.isfinite(value) else ""


def _point(one: Series | Bars | Grid, index: int) -> Row:
    return {"point": one.meaning.points[index]} if one.meaning.points else {}


def _value(one: Series | Bars, index: int) -> Row:
    values = one.meaning.values
    return {one.meaning.quantity: repr(values[0 if len(values) == 1 else index])} if values else {}
