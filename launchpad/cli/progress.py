"""How far a long command is: one line that is drawn anew, on a terminal only, with the time that is left where known.

Results go to standard output as ever. The line is drawn there too if that is a terminal; else, as in a pipe or with
--json, on standard error if that is one; else not at all.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from launchpad.cli.watch import duration

if TYPE_CHECKING:
    from rich.console import RenderableType

#: characters of the bar
BAR = 24


class Pace:
    """When so many things that take time will be done, by how long those took that were done here.

    Things that were done before, as by an earlier call of the command, say nothing about it.
    """

    def __init__(self, now: float) -> None:
        self._begun = self._last = now
        self._computed = 0

    def done(self, number: int, now: float) -> None:
        """So many more have been done."""
        if number > 0:
            self._computed += number
            self._last = now

    def left(self, number: int, now: float) -> float | None:
        """Seconds that ``number`` more will take from ``now`` on; None where nothing is known yet."""
        if not self._computed:
            return None
        each = (self._last - self._begun) / self._computed
        # the one under way is as far as the time that has gone by, and never takes less than none
        return max(0.0, each - (now - self._last)) + each * max(0, number - 1) if number else 0.0


class Progress:
    """A line that says what is going on, how far it is, for how long, and how long it will take.

    Parameters
    ----------
    activity
        What is going on.
    quiet
        Standard output is for a document alone: the line is drawn on standard error.
    """

    def __init__(self, activity: str = "", *, quiet: bool = False) -> None:
        from rich.console import Console
        from rich.live import Live

        self._activity, self._done = activity, 0
        self._of: int | None = None
        self._begun = time.monotonic()
        self._pace = Pace(self._begun)
        self._stdout = sys.stdout  # optimizers of others are kept from writing to it, and we must not be
        self._console = Console(highlight=False, markup=False, file=sys.stdout)
        self._apart = quiet or not self._console.is_terminal
        drawn_on = Console(highlight=False, markup=False, file=sys.stderr) if self._apart else self._console
        self._live: Live | None = None
        if drawn_on.is_terminal and not drawn_on.is_dumb_terminal:
            self._live = Live(
                get_renderable=self._line,
                console=drawn_on,
                transient=True,
                refresh_per_second=4,
                redirect_stdout=not self._apart,
                redirect_stderr=sys.stderr.isatty(),
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        """Print a line to standard output, above what is drawn."""
        if self._apart:
            print(text, file=self._stdout, flush=True)
        else:
            self._console.print(text, style=style, soft_wrap=True)

    def activity(self, text: str) -> None:
        """Show what is going on."""
        self._activity = text

    def step(self, done: int, of: int | None, *, computed: bool = True) -> None:
        """Show that ``done`` of so many (None: nobody knows) are; not ``computed``: the new ones were there before."""
        if computed:
            self._pace.done(done - self._done, time.monotonic())
        self._done, self._of = done, of

    def count(self, of: int | None = None, *, computed: bool = True) -> None:
        """Show that one more is done, of as many as before where ``of`` is left out."""
        self.step(self._done + 1, self._of if of is None else of, computed=computed)

    def _line(self) -> RenderableType:
        from rich.text import Text

        now = time.monotonic()
        parts = [self._activity] if self._activity else []
        if self._of:
            parts.append(f"{self._done} of {self._of}")
        elif self._done:
            parts.append(str(self._done))
        parts.append(duration(now - self._begun))
        left = self._pace.left(self._of - self._done, now) if self._of else None
        if left is not None:
            parts.append(f"about {duration(left)} left" if left >= 1 else "almost done")
        text = Text(no_wrap=True, overflow="ellipsis")
        if self._of:
            full = BAR * min(self._done, self._of) // self._of
            text.append("━" * full, style="green").append("─" * (BAR - full), style="dim").append("  ")
        return text.append("  ".join(parts))
