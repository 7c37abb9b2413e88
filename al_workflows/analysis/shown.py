"""What a figure of ours shows, as plain values: the one description that pages and tables are made from."""

from __future__ import annotations

from dataclasses import dataclass

from al_workflows.analysis.meaning import Meaning

Number = int | float


@dataclass(frozen=True)
class Scale:
    """Colours of a quantity: from ``low`` to ``high``, with the ``colours`` at equal steps between them."""

    title: str
    low: float
    high: float
    colours: tuple[str, ...]
    whole: bool


@dataclass(frozen=True)
class Stroke:
    """A line: CSS colour, width in pixels, and matplotlib's names of its dashes and steps."""

    colour: str
    width: float
    dashes: str
    steps: str


@dataclass(frozen=True)
class Mark:
    """Markers: matplotlib's name, size in pixels, colours (one, or one a point; empty: hollow), and their rim."""

    symbol: str
    size: float
    colours: tuple[str, ...]
    rim: str
    rim_width: float
    opacity: float = 1.0


@dataclass(frozen=True)
class Series:
    """Points [n] and what joins them; ``x_free`` or ``y_free``: a coordinate in shares of the panel, not in data."""

    name: str
    listed: bool
    meaning: Meaning
    x: tuple[Number, ...]
    y: tuple[Number, ...]
    x_free: bool = False
    y_free: bool = False
    stroke: Stroke | None = None
    mark: Mark | None = None
    scale: int | None = None


@dataclass(frozen=True)
class Bars:
    """Bars [n] at ``at``, from ``base`` for ``size`` along the other axis, ``width`` thick; ``colours`` [n]."""

    name: str
    listed: bool
    meaning: Meaning
    at: tuple[Number, ...]
    base: tuple[Number, ...]
    size: tuple[Number, ...]
    width: tuple[Number, ...]
    colours: tuple[str, ...]
    rim: str
    rim_width: float
    horizontal: bool


@dataclass(frozen=True)
class Grid:
    """A grid of colours: ``values`` [rows, columns] (NaN: empty) at ``x`` [columns] and ``y`` [rows]."""

    name: str
    meaning: Meaning
    x: tuple[Number, ...]
    y: tuple[Number, ...]
    values: tuple[tuple[float, ...], ...]
    scale: int


@dataclass(frozen=True)
class Words:
    """A text at a place; ``size`` in pixels, anchors as matplotlib says them."""

    text: str
    x: float
    y: float
    x_free: bool
    y_free: bool
    colour: str
    size: float
    across: str
    up: str


@dataclass(frozen=True)
class Axis:
    """``ticks`` is None where they are free; ``names`` are what stands at them, if not their numbers."""

    title: str
    log: bool
    limits: tuple[float, float]
    whole: bool
    ticks: tuple[float, ...] | None
    names: tuple[str, ...] | None


@dataclass(frozen=True)
class Panel:
    """One pair of axes; ``place`` is left, bottom, right and top in shares of the figure."""

    x: Axis
    y: Axis
    equal: bool
    legend: bool
    title: str
    place: tuple[float, float, float, float]
    contents: tuple[Series | Bars | Grid, ...]
    words: tuple[Words, ...]


@dataclass(frozen=True)
class Shown:
    """A figure: its panels, its colour bars, its colours, and its height and width (inches)."""

    panels: tuple[Panel, ...]
    scales: tuple[Scale, ...]
    paper: str
    ink: str
    width: float
    height: float
