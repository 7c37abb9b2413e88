"""When each Firework of a run waited and ran."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from al_workflows.analysis.meaning import mean
from al_workflows.analysis.style import LIGHT, Style, new_axes, step_colours, time_unit, wide_legend
from al_workflows.history import Span as Span

#: states of FireWorks that are no end as planned
_FAILED = ("FIZZLED", "DEFUSED")
#: those of what waits for a worker, or runs
_GOING_ON = ("READY", "RESERVED", "RUNNING")
#: rows that are named one by one; of more, the first of each cycle is
NAMED = 45
#: inches: of a row, and the most of all
_ROW, _TALLEST = 0.16, 14.0


def timeline(spans: Sequence[Span], style: Style = LIGHT, now: float | None = None) -> Figure | None:
    """The Fireworks of a run below each other in the order in which they began: waiting faint, running by step.

    Times are since the first of ``spans`` could run, in the unit in which one would say the whole. What goes on does so
    until ``now`` (s since 1970; None: the last time of all). Crosses ended in an error, or were called off. None where
    none has waited or run.
    """
    known = [one for one in spans if one.waited_from is not None or one.started is not None]
    if not known:
        return None
    known.sort(key=lambda one: (_begin(one, one.started), one.fw_id))
    zero = min(_begin(one, one.waited_from) for one in known)
    seen = [time for one in known for time in (one.waited_from, one.started, one.ended) if time is not None]
    goes_on = now is not None and any(one.ended is None and one.state in _GOING_ON for one in known)
    until = max([*seen, *([now] if goes_on and now is not None else [])])
    if until <= zero:
        return None
    length, unit = time_unit(until - zero)
    figure, axes = new_axes(style, f"time since submission ({unit})", "")
    figure.set_figheight(min(max(3.5, 1.2 + _ROW * len(known)), _TALLEST))
    bars = _Bars(axes, zero, until, length)
    bars.draw("waiting", style.faint, 0.35, list(enumerate(known)))
    colours = step_colours(style)
    for step in dict.fromkeys((*colours, *(one.step for one in known))):
        bars.draw(
            step, colours.get(step, style.ink), None, [(r, one) for r, one in enumerate(known) if one.step == step]
        )
    failed = [(row, one) for row, one in enumerate(known) if one.state in _FAILED]
    if failed:
        ends = [((one.ended if one.ended is not None else until) - zero) / length for _, one in failed]
        rows = [row for row, _ in failed]
        (marks,) = axes.plot(ends, rows, "X", color=style.red, mec=style.paper, ms=7, label="failed", zorder=4)
        mean(marks, "failed", points=[_said(one) for _, one in failed])
    _name_rows(axes, known)
    axes.set_xlim(0, 1.02 * (until - zero) / length or 1.0)
    axes.set_ylim(len(known) - 0.4, -0.6)
    wide_legend(axes, style)
    return figure


class _Bars:
    """Draws what several Fireworks did, each in its row."""

    def __init__(self, axes: Axes, zero: float, until: float, length: float) -> None:
        self._axes, self._zero, self._until, self._length = axes, zero, until, length

    def draw(self, name: str, colour: str, faint: float | None, chosen: Sequence[tuple[int, Span]]) -> None:
        """The waiting (``faint`` is its opacity) or the running of ``chosen``: rows and their Fireworks."""
        pieces = []
        for row, one in chosen:
            begin, end = (one.waited_from, one.started) if faint is not None else (one.started, one.ended)
            if begin is not None:
                pieces.append((row, one, begin, max((self._until if end is None else end) - begin, 0.0)))
        pieces = [piece for piece in pieces if faint is None or piece[3] > 0]
        if not pieces:
            return
        bars = self._axes.barh(
            [row for row, *_ in pieces],
            [size / self._length for *_, size in pieces],
            0.45 if faint is not None else 0.8,
            [(begin - self._zero) / self._length for *_, begin, _ in pieces],
            color=colour,
            edgecolor=colour,
            linewidth=0.0 if faint is not None else 0.6,  # else what took an instant is not seen
            alpha=faint,
            label=name,
        )
        mean(bars, name, points=[_said(one) for _, one, *_ in pieces])


def _begin(one: Span, first: float | None) -> float:
    """A time of a Firework: ``first``, or the earliest that is known."""
    if first is not None:
        return first
    return min(time for time in (one.waited_from, one.started) if time is not None)


def _name_rows(axes: Axes, known: Sequence[Span]) -> None:
    if len(known) <= NAMED:
        axes.set_yticks(range(len(known)), [_row(one) for one in known], fontsize=6.5)
        return
    firsts: dict[int | None, int] = {}
    for row, one in enumerate(known):
        firsts.setdefault(one.cycle, row)
    every = -(-len(firsts) // NAMED)
    shown = [(row, "" if cycle is None else f"cycle {cycle}") for cycle, row in firsts.items()][::every]
    axes.set_yticks([row for row, _ in shown], [name for _, name in shown], fontsize=6.5)


def _row(one: Span) -> str:
    return one.step if one.cycle is None else f"{one.cycle} {one.step}"


def _said(one: Span) -> str:
    """Of a Firework, what a pointer is told."""
    cycle = "" if one.cycle is None else f", cycle {one.cycle}"
    where = f" on {one.worker}" if one.worker else ""
    return f"Firework {one.fw_id}: {one.step}{cycle}{where}, {one.state}"
