"""What `alflow status` shows: runs in a table, and one run as a small picture."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchpad.cli.tables import Column, fitted, number
from launchpad.cli.watch import duration

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

    from al_workflows.records import Cycle
    from launchpad.status import RunStatus, RunView

#: cycles that have a bar each, and characters of the longest and of the shortest one
BARS, LONGEST, SHORTEST = 12, 48, 12
STYLES = {"CONVERGED": "green", "FIZZLED": "red", "FAILED": "red"}
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = "▁▂▃▄▅▆▇█"


def status_columns(found: Sequence[RunStatus], everyone: Sequence[str]) -> list[Column]:
    """A line for each run; ``everyone`` are the ids that theirs must be told from."""
    counts = [", ".join(f"{many} {state}" for state, many in sorted(one.fireworks.items())) for one in found]
    styles = [STYLES.get(one.state.value, "") for one in found]
    return [
        Column("run", [one.run for one in found], right=False, ids=everyone),
        Column("state", [one.state.value for one in found], right=False, styles=styles),
        Column("cycles", [str(one.cycles) for one in found], spare=5),
        Column("DFT calls", [str(one.dft_calls) for one in found], spare=2),
        Column("fmax (eV/Å)", [number(one.fmax) for one in found], spare=1),
        Column("target", ["-" if one.target is None else f"{one.target:g}" for one in found], spare=3),
        Column("energy (eV)", [number(one.energy) for one in found], spare=4),
        Column("Fireworks", counts, spare=6, right=False, prose=True),
    ]


def status_line(one: RunStatus) -> str:
    """A run in one line."""
    line = f"{one.run}  {one.state.value}  {one.cycles} cycles, {one.dft_calls} DFT calls"
    if one.fmax is not None:
        line += f", fmax {one.fmax:.4f}" + ("" if one.target is None else f" (target {one.target:g})") + " eV/Å"
    return line


@dataclass(frozen=True)
class RunsLook:
    """All runs of a database."""

    found: Sequence[RunStatus]

    @property
    def over(self) -> bool:
        """Whether none goes on."""
        return all(one.state.over for one in self.found)

    def lines(self) -> Mapping[str, str]:
        """A line for each run."""
        return {one.run: status_line(one) for one in self.found} or {"": NO_RUNS}

    def draw(self, width: int, height: int) -> Iterator[RenderableType]:
        """As many as fit: those that go on before those that are over, of these the newest; above, how many more."""
        from rich.text import Text

        if not self.found:
            yield Text(NO_RUNS)
            return
        # a line for the columns' titles and one for the rest
        order = sorted(range(len(self.found)), key=lambda k: (self.found[k].state.over, -k))
        fit = set(order if len(order) <= height - 1 else order[: max(1, height - 2)])
        shown = [one for k, one in enumerate(self.found) if k in fit]
        more = Counter(one.state.value for k, one in enumerate(self.found) if k not in fit)
        if more:
            said = ", ".join(f"{many} {state}" for state, many in sorted(more.items()))
            yield Text(f"beside {more.total()} more: {said}", no_wrap=True, overflow="ellipsis")
        yield fitted(status_columns(shown, [one.run for one in self.found]), width)


NO_RUNS = "no runs yet: `alflow example relax`, then `alflow submit relax.yaml`"


@dataclass(frozen=True)
class RunLook:
    """One run: its numbers, its forces by cycle beside the target, and what it does now."""

    view: RunView

    @property
    def over(self) -> bool:
        """Whether it does not go on."""
        return self.view.status.state.over

    def lines(self) -> Mapping[str, str]:
        """Where it stands, and what runs."""
        status = self.view.status
        line = status_line(status)
        if self.view.running:
            line += f"; running: {_steps(self.view)}"
        if status.state.over and status.reason:
            line += f": {status.reason}"
        return {status.run: line + (f"; stopped: {self.view.stopped}" if self.view.stopped else "")}

    def draw(self, width: int, height: int) -> Iterator[RenderableType]:
        """The picture."""
        from rich.text import Text

        view, status = self.view, self.view.status
        yield Text(status.run, style="bold", overflow="fold")
        now = datetime.datetime.now(datetime.UTC)
        numbers = f"cycle {status.cycles}, {status.dft_calls} DFT calls"
        numbers += "" if status.energy is None else f", DFT energy {status.energy:.4f} eV"
        begun = f", submitted {_since(view.created, now)} ago"
        state = Text(status.state.value, style=STYLES.get(status.state.value, "bold"))
        yield Text.assemble(state, f"  {numbers}{begun}", no_wrap=True, overflow="ellipsis")
        said = [f"{one.step} runs for {_since(one.since, now)} on {one.host}" for one in view.running]
        if not said and not status.state.over:
            said = ["nothing runs now: " + _counts(status)]
        if view.stopped:
            said.append(f"stopped: {view.stopped}")
        elif status.reason:
            said.append(status.reason)
        seconds = _mean_seconds(view.cycles)
        if seconds and not status.state.over:
            said.append("a cycle took " + ", ".join(f"{step} {spent:.1f} s" for step, spent in seconds.items()))
        taken = sum(math.ceil(len(line) / width) for line in said)
        yield Bars(view.cycles, status.target, max(1, min(BARS, height - 3 - taken)))
        for line in said:
            yield Text(line)


@dataclass(frozen=True)
class Bars:
    """The DFT force by cycle, the last ``rows`` as bars of a logarithmic scale, and the target in it."""

    cycles: Sequence[Cycle]
    target: float | None
    rows: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        known = [cycle.fmax for cycle in self.cycles if cycle.fmax]
        if not known:
            yield Text("no DFT force yet")
            return
        plain = options.ascii_only
        length = max(SHORTEST, min(LONGEST, options.max_width - 24))
        scale = _Scale(min(*known, self.target or known[0]), max(*known, self.target or known[0]), length)
        target = "" if self.target is None else f", target {self.target:g}"
        head = Text(f"DFT fmax (eV/Å) by cycle, logarithmic{target}", style="dim")
        if len(self.cycles) > self.rows and not plain:
            head.append("  all: " + sparkline([cycle.fmax for cycle in self.cycles], options.max_width - len(head) - 7))
        yield head
        mark = None if self.target is None else int(scale.length(self.target))
        for cycle in self.cycles[-self.rows :]:
            yield self._row(cycle, scale, mark, plain)

    def _row(self, cycle: Cycle, scale: _Scale, mark: int | None, plain: bool) -> Text:
        from rich.text import Text

        text = Text(f"{cycle.index:5d}  ", no_wrap=True)
        if cycle.fmax is None:
            return text.append("failed" if cycle.dft_calls else "not asked", style="dim")
        good = self.target is not None and cycle.fmax <= self.target
        text.append(f"{cycle.fmax:9.4f}  ", style="green" if good else "")
        bar = _bar(scale.length(cycle.fmax) if cycle.fmax else 0.0, plain)
        if mark is not None:
            bar = bar.ljust(mark + 1)
            if bar[mark] == " ":  # else the bar goes beyond the target, which is seen by its colour
                bar = f"{bar[:mark]}{'|' if plain else '┆'}{bar[mark + 1 :]}"
        return text.append(bar[: mark or 0], style="green" if good else "cyan").append(
            bar[mark or 0 :], style="green" if good else "yellow"
        )


@dataclass(frozen=True)
class _Scale:
    least: float
    most: float
    columns: int

    def length(self, value: float) -> float:
        """Characters of a bar; also the least value has some."""
        low, high = math.log(self.least / 2), math.log(self.most)
        return self.columns * (math.log(value) - low) / (high - low)


def _bar(length: float, plain: bool) -> str:
    if plain:
        return "#" * max(1, round(length))
    eighths = max(1, round(8 * length))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Positive values as one line of at most ``width`` characters, on a logarithmic scale; · where there is none."""
    if width < 1:
        return ""
    every = max(1, math.ceil(len(values) / width))
    chosen = [values[k] for k in range(len(values) - 1, -1, -every)][::-1]  # the last one is always there
    logs = [math.log(value) if value else None for value in chosen]
    known = [value for value in logs if value is not None]
    if not known:
        return "·" * len(chosen)
    low, span = min(known), max(known) - min(known) or 1.0
    return "".join("·" if one is None else _HEIGHTS[min(7, int(8 * (one - low) / span))] for one in logs)


def _steps(view: RunView) -> str:
    counts = Counter(one.step for one in view.running)
    return ", ".join(step if many == 1 else f"{many} {step}" for step, many in counts.items())


def _counts(status: RunStatus) -> str:
    return ", ".join(f"{many} {state}" for state, many in sorted(status.fireworks.items())) or "no Fireworks yet"


def _mean_seconds(cycles: Sequence[Cycle]) -> dict[str, float]:
    """Mean wall time of the steps that were taken, s."""
    spent: dict[str, list[float]] = {}
    for cycle in cycles:
        for step, seconds in cycle.seconds.items():
            spent.setdefault(step, []).append(seconds)
    return {step: sum(several) / len(several) for step, several in spent.items()}


def _since(time: datetime.datetime, now: datetime.datetime) -> str:
    return duration((now - time).total_seconds())
