"""Reading what a figure of ours shows from matplotlib's artists.

Our figure functions draw with few kinds of artist (lines, scattered points, bars, pictures of values, texts); anything
else is refused, so that no page silently shows less than the printed figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex, to_rgba
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, ScalarFormatter

from al_workflows.analysis.meaning import Meaning, meaning_of
from al_workflows.analysis.shown import Axis, Bars, Grid, Mark, Number, Panel, Scale, Series, Shown, Stroke, Words

#: pixels of a point (1/72 inch) on a page of 96 dots per inch
PIXELS = 96 / 72
#: matplotlib's name of a colour bar's axes
_BAR = "<colorbar>"
#: samples of a colour map
_SAMPLES = 33


def shown(figure: Figure) -> Shown:
    """What ``figure`` shows.

    Raises
    ------
    TypeError
        It has an artist of a kind that pages and tables do not know.
    """
    bars = [axes for axes in figure.axes if axes.get_label() == _BAR]
    norms = [_mesh(axes).norm for axes in bars]
    panels = [axes for axes in figure.axes if axes.get_label() != _BAR and axes.get_visible()]
    return Shown(
        tuple(_panel(axes, norms) for axes in panels),
        tuple(_scale(axes) for axes in bars),
        css(figure.get_facecolor()),
        css(panels[0].xaxis.label.get_color()),
        *map(float, figure.get_size_inches()),
    )


def css(colour: Any, opacity: float | None = None) -> str:
    """A colour of matplotlib for a page; ``""`` for none at all."""
    red, green, blue, alpha = to_rgba(colour, None if str(colour) == "none" else opacity)
    if alpha == 0:
        return ""
    if alpha == 1:
        return str(to_hex((red, green, blue)))
    return f"rgba({round(255 * red)},{round(255 * green)},{round(255 * blue)},{alpha:.3g})"


def _mesh(axes: Axes) -> QuadMesh:
    return next(one for one in axes.collections if isinstance(one, QuadMesh))


def _scale(axes: Axes) -> Scale:
    mesh = _mesh(axes)
    steps = np.linspace(0.0, 1.0, _SAMPLES)
    whole = _is_whole(axes.yaxis)
    low, high = mesh.get_clim()
    assert low is not None
    assert high is not None
    return Scale(axes.get_ylabel(), float(low), float(high), tuple(css(mesh.get_cmap()(step)) for step in steps), whole)


def _panel(axes: Axes, norms: Sequence[Any]) -> Panel:
    points = [one for one in axes.collections if isinstance(one, PathCollection)]
    bars = [one for one in axes.containers if isinstance(one, BarContainer) and one.patches]
    held = {id(bar) for one in bars for bar in one.patches}
    strangers = [
        *(one for one in axes.collections if one not in points),
        *(one for one in axes.containers if not isinstance(one, BarContainer)),
        *(one for one in axes.patches if id(one) not in held),
        *axes.artists,
        *axes.tables,
        *axes.child_axes,
    ]
    if strangers:
        raise TypeError(
            f"{strangers[0]!r} of the panel with {axes.get_ylabel()!r} is neither line, points, bars, image nor text, "
            "but must be one of them to be shown on a page; teach al_workflows.analysis.read_figure its kind"
        )
    found: list[tuple[float, Series | Bars | Grid]] = [
        *((one.get_zorder(), _line(one, axes)) for one in axes.lines),
        *((one.get_zorder(), _points(one, axes, norms)) for one in points),
        *((one.patches[0].get_zorder(), _bars(one)) for one in bars),
        *((one.get_zorder(), _grid(one, norms)) for one in axes.images),
    ]
    return Panel(
        _axis(axes.xaxis, axes.get_xlabel(), axes.get_xlim()),
        _axis(axes.yaxis, axes.get_ylabel(), axes.get_ylim()),
        axes.get_aspect() == 1.0,
        axes.get_legend() is not None,
        axes.get_title(),
        _place(axes),
        tuple(one for _, one in sorted(found, key=lambda pair: pair[0])),
        tuple(_words(one, axes) for one in axes.texts if one.get_text()),
    )


def _place(axes: Axes) -> tuple[float, float, float, float]:
    cell = axes.get_subplotspec()
    if cell is None:
        return 0.0, 0.0, 1.0, 1.0
    rows, columns = cell.get_gridspec().get_geometry()
    across, down = cell.colspan, cell.rowspan
    gap_x, gap_y = 0.16 / columns, 0.3 / rows
    return (
        across.start / columns + (gap_x if across.start else 0.0),
        1 - down.stop / rows + (gap_y if down.stop < rows else 0.0),
        across.stop / columns,
        1 - down.start / rows,
    )


def _axis(axis: Any, title: str, limits: tuple[float, float]) -> Axis:
    locator, formatter = axis.get_major_locator(), axis.get_major_formatter()
    fixed = isinstance(locator, FixedLocator)
    return Axis(
        title,
        axis.get_scale() == "log",
        (float(limits[0]), float(limits[1])),
        _is_whole(axis),
        tuple(float(place) for place in locator.locs) if fixed else None,
        tuple(formatter.format_ticks(locator.locs)) if fixed and not isinstance(formatter, ScalarFormatter) else None,
    )


def _is_whole(axis: Any) -> bool:
    locator = axis.get_major_locator()
    return isinstance(locator, MaxNLocator) and bool(getattr(locator, "_integer", False))


def _named(artist: Any) -> tuple[str, bool, Meaning]:
    """The name of a series, whether a legend may list it, and its meaning."""
    label, meaning = str(artist.get_label()), meaning_of(artist)
    listed = bool(label) and not label.startswith("_")
    return label if listed else meaning.series, listed, meaning


def numbers(values: Any) -> tuple[Number, ...]:
    """Plain numbers of an array or a sequence, whole ones as such; NaN for what is masked."""
    array = np.ma.filled(np.ma.asarray(values).astype(float), np.nan) if np.ma.isMaskedArray(values) else values
    return tuple(int(one) if isinstance(one, int | np.integer) else float(one) for one in array)


def _free(artist: Any, axes: Axes) -> tuple[bool, bool]:
    """Of x and of y: whether they are in shares of the panel."""
    in_x, in_y = artist.get_transform().contains_branch_seperately(axes.transData)
    return not in_x, not in_y


def _line(line: Line2D, axes: Axes) -> Series:
    name, listed, meaning = _named(line)
    dashes, symbol, opacity = str(line.get_linestyle()), str(line.get_marker()), line.get_alpha()
    stroke = mark = None
    if dashes not in ("None", "none", " ", "") and css(line.get_color()):
        stroke = Stroke(css(line.get_color(), opacity), PIXELS * line.get_linewidth(), dashes, line.get_drawstyle())
    if symbol not in ("None", "none", " ", ""):
        size = PIXELS * line.get_markersize() * (0.5 if symbol == "." else 1.0)
        fill, rim = css(line.get_markerfacecolor(), opacity), css(line.get_markeredgecolor(), opacity)
        colours = (fill,) if fill else ()
        mark = Mark(symbol, size, colours, rim, PIXELS * line.get_markeredgewidth())
    x, y = numbers(line.get_xdata()), numbers(line.get_ydata())
    return Series(name, listed, meaning, x, y, *_free(line, axes), stroke, mark)


def _points(points: PathCollection, axes: Axes, norms: Sequence[Any]) -> Series:
    name, listed, meaning = _named(points)
    points.update_scalarmappable()
    offsets = np.ma.filled(np.ma.asarray(points.get_offsets()).astype(float), np.nan)  # [n, 2]
    widths, rims = np.atleast_1d(points.get_linewidth()), points.get_edgecolor()
    rimmed = len(rims) > 0 and len(widths) > 0 and widths[0] > 0
    size = PIXELS * float(np.sqrt(points.get_sizes()[0]))
    rim = css(rims[0]) if rimmed else ""
    faces = tuple(css(colour) for colour in points.get_facecolor())
    scale = next((n for n, norm in enumerate(norms) if points.get_array() is not None and norm is points.norm), None)
    opacity = points.get_alpha() if scale is not None else None  # else it is in the colours
    mark = Mark("o", size, faces, rim, PIXELS * float(widths[0]) if rimmed else 0.0, opacity or 1.0)
    x, y = numbers(offsets[:, 0]), numbers(offsets[:, 1])
    return Series(name, listed, meaning, x, y, mark=mark, scale=scale)


def _bars(bars: BarContainer) -> Bars:
    name, listed, meaning = _named(bars)
    horizontal = bars.orientation == "horizontal"
    boxes = [(one.get_x(), one.get_y(), one.get_width(), one.get_height()) for one in bars]
    turned = [(y, x, height, width) if horizontal else (x, y, width, height) for x, y, width, height in boxes]
    return Bars(
        name,
        listed,
        meaning,
        at=numbers([start + width / 2 for start, _, width, _ in turned]),
        base=numbers([base for _, base, _, _ in turned]),
        size=numbers([size for *_, size in turned]),
        width=numbers([width for _, _, width, _ in turned]),
        colours=tuple(css(one.get_facecolor()) for one in bars),
        rim=css(bars[0].get_edgecolor()),
        rim_width=PIXELS * float(bars[0].get_linewidth()),
        horizontal=horizontal,
    )


def _grid(picture: Any, norms: Sequence[Any]) -> Grid:
    name, _, meaning = _named(picture)
    values = np.ma.filled(np.ma.asarray(picture.get_array()).astype(float), np.nan)  # [rows, columns]
    left, right, bottom, top = picture.get_extent()
    if picture.origin == "upper":
        bottom, top = top, bottom
    rows, columns = values.shape
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows
    scale = next(n for n, norm in enumerate(norms) if norm is picture.norm)
    return Grid(name, meaning, numbers(x), numbers(y), tuple(tuple(map(float, row)) for row in values), scale)


def _words(text: Any, axes: Axes) -> Words:
    x, y = text.get_position()
    free = _free(text, axes)
    size = PIXELS * float(text.get_fontsize())
    across, up = text.get_horizontalalignment(), text.get_verticalalignment()
    return Words(text.get_text(), float(x), float(y), *free, css(text.get_color()), size, across, up)
