"""`--watch`: the same look again and again, drawn on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

if TYPE_CHECKING:
    from fireworks import LaunchPad
    from rich.console import Console, ConsoleOptions, RenderableType

#: s that the database may take to answer while somebody watches
HASTE = 5.0
#: lines around what is drawn
AROUND = 3

WatchOption = Annotated[
    bool, typer.Option("--watch", "-w", help="Look again and again, until all of it has ended or Ctrl-C.")
]
EveryOption = Annotated[float, typer.Option(min=0.2, metavar="SECONDS", help="With --watch: between two looks.")]
EVERY = 5.0


class Look(Protocol):
    """What one look at the database has found."""

    @property
    def over(self) -> bool:
        """Whether nothing of it changes any more."""
        ...

    def lines(self) -> Mapping[str, str]:
        """A line for each thing, by its name."""
        ...

    def draw(self, width: int, height: int) -> Iterator[RenderableType]:
        """What fits into so many columns and lines."""
        ...


def refuse_both(watch: bool, as_json: bool) -> None:
    """Raise an InputError where --watch and --json are given together."""
    from al_workflows.errors import InputError

    if watch and as_json:
        raise InputError("--watch and --json were both given, but a document has an end; leave one of them out")


def watch(look: Callable[[LaunchPad], Look], launchpad_file: Path | None, every: float) -> None:
    """Look every so many s until all has ended or Ctrl-C, which is no error.

    The database may be away for a while once it has answered. Draws if standard output is a terminal that can; else
    prints a line with the time for all that is there, and then for each change.

    Raises
    ------
    EnvironmentProblem
        The database does not answer the first look.
    InputError
        What is to be looked at is not there (any more).
    """
    import signal

    from rich.console import Console

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the terminal is given back as it was
    looks = _Looks(look, launchpad_file)
    looks.first()
    console = Console(highlight=False, markup=False)
    try:
        if console.is_terminal and not console.is_dumb_terminal:
            _draw(looks, every, console)
        else:
            _print(looks, every)
    except KeyboardInterrupt:
        return


class _Looks:
    """One look after the other, and since when the database has been away."""

    def __init__(self, look: Callable[[LaunchPad], Look], launchpad_file: Path | None) -> None:
        from launchpad.settings import resolve

        self._look, self._source = look, resolve(launchpad_file)
        self._launchpad: LaunchPad | None = None
        self.address = self._source.address
        self.trouble, self.since = "", 0.0

    def first(self) -> None:
        """Look for the first time; what goes wrong is raised."""
        self._launchpad = self._connect(start_local=True)
        self.found = self._look(self._launchpad)

    def again(self) -> None:
        """Look once more; a database that is away leaves what was found, and ``trouble``."""
        from pymongo.errors import PyMongoError

        from al_workflows.errors import EnvironmentProblem
        from launchpad.mongo_bootstrap import first_clause

        try:
            # one that was stopped on purpose stays so; one that comes back may have another port
            self._launchpad = self._launchpad or self._connect(start_local=False)
            self.found = self._look(self._launchpad)
        except (PyMongoError, EnvironmentProblem) as error:
            if self._launchpad is not None:
                self._launchpad.connection.close()
            self._launchpad = None
            self.since = self.since if self.trouble else time.time()
            self.trouble = first_clause(error) if isinstance(error, PyMongoError) else str(error)
        else:
            self.trouble = ""

    def _connect(self, *, start_local: bool) -> LaunchPad:
        from launchpad.settings import connect

        return connect(self._source, start_local=start_local, timeout_s=HASTE, read_only=True, patient=False)


class _Screen:
    """What was found last, with the time; drawn anew each second, also while the database is away."""

    def __init__(self, looks: _Looks, every: float) -> None:
        self._looks, self._every = looks, every
        self.left = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        looks, width = self._looks, options.max_width
        if not self.left:
            head = f"{time.strftime('%H:%M:%S')}  every {self._every:g} s, Ctrl-C leaves  {looks.address}"
            yield Text(head, style="dim", no_wrap=True, overflow="ellipsis")
        if looks.trouble:
            away = f"the database has not answered for {duration(time.time() - looks.since)}"
            away += "" if self.left else f"; trying again: {looks.trouble}"
            yield Text(away, style="bold red", no_wrap=True, overflow="ellipsis")
        yield from looks.found.draw(width, max(4, console.height - AROUND))


def _draw(looks: _Looks, every: float, console: Console) -> None:
    from rich.live import Live

    screen = _Screen(looks, every)
    try:
        # a screen of its own: what is drawn survives a terminal that becomes narrower
        with Live(screen, console=console, screen=True, refresh_per_second=1, redirect_stderr=False) as live:
            while not looks.found.over or looks.trouble:
                time.sleep(every)
                looks.again()
                live.refresh()
    finally:  # what was seen last stays on the terminal
        screen.left = True
        console.print(screen)


def _print(looks: _Looks, every: float) -> None:
    said: dict[str, str] = {}
    away = False
    while True:
        if bool(looks.trouble) != away:
            away = not away
            _say(f"the database does not answer; trying again: {looks.trouble}" if away else "the database is back")
        lines = dict(looks.found.lines())
        for name, line in lines.items():
            if said.get(name) != line:
                _say(line)
        said = lines
        if looks.found.over and not away:
            return
        time.sleep(every)
        looks.again()


def _say(text: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}", flush=True)


def duration(seconds: float) -> str:
    """A time in words that stay short: 12 s, 3 min 20 s, 2 h 05 min, 3 d 4 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
