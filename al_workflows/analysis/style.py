"""How our figures look: one column wide, readable on a phone, light or dark, and for colour-blind readers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from al_workflows.analysis.meaning import mean, mean_cycle
from al_workflows.results import STEPS

#: inches
SIZE = (4.8, 3.5)


@dataclass(frozen=True)
class Style:
    """Colours of one theme: ``paper`` behind, ``ink`` for text and axes, ``faint`` for guides, five for data.

    The data colours are of Okabe and Ito's palette; ``ramp`` is the part of viridis that stands out from the paper.
    """

    paper: str
    ink: str
    faint: str
    blue: str
    red: str
    green: str
    yellow: str
    pink: str
    ramp: tuple[float, float]


LIGHT = Style("#ffffff", "#1f2328", "#9aa0a6", "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", (0.0, 0.85))
DARK = Style("#161b22", "#d6dbe1", "#6e7681", "#56B4E9", "#E8743B", "#2BC49A", "#F0B429", "#E39BC4", (0.3, 1.0))


def new_axes(style: Style, x: str, y: str) -> tuple[Figure, Axes]:
    """An empty figure of one panel; ``x`` and ``y`` name the quantities with their units."""
    figure, (axes,) = new_panels(style, [(x, y)])
    return figure, axes


def new_panels(style: Style, titles: Sequence[tuple[str, str]]) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure of panels below each other; ``titles`` name the quantities of x and y with their units."""
    height = SIZE[1] if len(titles) == 1 else 2.2 * len(titles)
    figure = Figure(figsize=(SIZE[0], height), layout="constrained", facecolor=style.paper)
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(titles), 1, squeeze=False).ravel()
    for axes, (x, y) in zip(panels, titles, strict=True):
        axes.set_facecolor(style.paper)
        axes.set_xlabel(x, color=style.ink)
        axes.set_ylabel(y, color=style.ink)
        axes.tick_params(which="both", colors=style.ink)
        axes.spines[:].set_color(style.ink)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
    return figure, list(panels)


def legend(axes: Axes, style: Style) -> None:
    """The legend, where it hides least."""
    axes.legend(frameon=False, fontsize=8, labelcolor=style.ink)


def wide_legend(axes: Axes, style: Style) -> None:
    """The legend above the panel, in one line if it is of four."""
    axes.legend(
        frameon=False,
        fontsize=8,
        labelcolor=style.ink,
        ncols=4,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        columnspacing=1.2,
        handlelength=1.2,
    )


def step_colours(style: Style) -> dict[str, str]:
    """The colours of a cycle's steps, in their order."""
    return dict(zip(STEPS, (style.yellow, style.green, style.pink, style.blue), strict=True))


def short(name: str, most: int = 24) -> str:
    """A name as it stands at an axis: of a longer one than ``most`` letters the begin and the end."""
    return name if len(name) <= most else f"{name[: most - 9]}…{name[-8:]}"


def name_ticks(axes: Axes, names: Sequence[str]) -> None:
    """Names along the x axis, turned where they are too many or too long to stand beside each other."""
    axes.set_xticks(range(len(names)), [short(name) for name in names], fontsize="small")
    if len(names) > 8 or max((len(name) for name in names), default=0) * len(names) > 48:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")


def whole_numbers(axes: Axes, along: str = "x") -> None:
    """Ticks of the axes ``along`` ("x", "y", "xy") at whole numbers only."""
    for name in along:
        (axes.xaxis if name == "x" else axes.yaxis).set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def ramp(style: Style) -> Colormap:
    """Colours from the first cycle to the last."""
    low, high = style.ramp
    return ListedColormap([colormaps["viridis"](low + (high - low) * step / 255) for step in range(256)])


@dataclass(frozen=True)
class CycleColours:
    """Gives a cycle, or several, their colours."""

    scale: ScalarMappable
    norm: Normalize

    def __call__(self, cycle: npt.ArrayLike) -> Any:
        """RGBA of a cycle [4] or of several [n, 4]."""
        return self.scale.to_rgba(np.asarray(cycle, dtype=float))

    def scatter(self, axes: Axes, x: npt.ArrayLike, y: npt.ArrayLike, cycles: npt.ArrayLike, **how: Any) -> Any:
        """Points [n] in the colours of their ``cycles`` [n]; the artist."""
        points = axes.scatter(x, y, c=cycles, cmap=self.scale.cmap, norm=self.norm, **how)
        mean_cycle(points, "point", *np.asarray(cycles).tolist())
        return points


def cycle_colours(figure: Figure, axes: Axes, style: Style, cycles: Sequence[int]) -> CycleColours:
    """The colours of ``cycles``; a bar explains them where there is more than one."""
    norm = Normalize(min(cycles), max(max(cycles), min(cycles) + 1))
    scale = ScalarMappable(norm, ramp(style))
    if len(set(cycles)) > 1:
        colour_bar(figure, axes, style, scale, "cycle", MaxNLocator(integer=True, nbins=6))
    return CycleColours(scale, norm)


def colour_bar(
    figure: Figure, axes: Axes, style: Style, scale: ScalarMappable, quantity: str, ticks: MaxNLocator | None = None
) -> None:
    """A bar beside ``axes`` that explains the colours of ``scale``."""
    bar = figure.colorbar(scale, ax=axes, ticks=ticks, aspect=30, pad=0.02)
    bar.set_label(quantity, color=style.ink)
    bar.ax.tick_params(colors=style.ink)
    bar.outline.set_visible(False)


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit in which one would say a wall time: its length in seconds and its name."""
    for length, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * length:
            return length, unit
    return 1.0, "s"


def identity(axes: Axes, style: Style, low: float, high: float) -> None:
    """The line where model and DFT agree, and equal limits around it."""
    (line,) = axes.plot([low, high], [low, high], "--", color=style.faint, lw=1, zorder=1)
    mean(line, "equal")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal", adjustable="box")


def image(figure: Figure, kind: str) -> bytes:
    """The figure as ``png`` (160 dots per inch), ``svg`` or ``pdf``, without a date: equal figures are equal files."""
    buffer = io.BytesIO()
    about = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {"Software": None})
    with rc_context({"svg.hashsalt": "al-workflows"}):  # else names within an SVG are drawn at random
        figure.savefig(buffer, format=kind, dpi=160, metadata=about, facecolor=figure.get_facecolor())
    return buffer.getvalue()
