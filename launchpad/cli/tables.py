"""Tables that fit the terminal: what is too much is left out, and ids stay such that they can be told apart."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: characters between two columns, and in which prose can still be read
GAP, PROSE = 2, 24
#: characters that a table has at least where there is no terminal, as in a pipe
UNBOUNDED = 120
#: of an id that is cut, at least so many characters stay
STEM = 24


@dataclass(frozen=True)
class Column:
    """A column of a table.

    The larger ``spare``, the sooner the column is left out; 0: never. ``prose`` goes on in further lines. With ``ids``
    its cells may be cut to what tells them from all of these. ``styles``: of each cell.
    """

    title: str
    cells: Sequence[str]
    spare: int = 0
    right: bool = True
    prose: bool = False
    ids: Collection[str] = ()
    styles: Sequence[str] = ()

    @property
    def needed(self) -> int:
        """Characters that it takes at least: of prose, as few as can be read; of ids, what tells them apart."""
        from rich.cells import cell_len

        widest = max(cell_len(text) for text in (self.title, *self.cells))
        if self.prose:
            return min(widest, PROSE)
        return min(widest, max(STEM, told_apart(self.ids) + 1)) if self.ids else widest


def fitted(columns: Sequence[Column], width: int, title: str | None = None) -> Table:
    """A table of at most ``width`` characters; only ids that cannot be cut so far take further lines."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    chosen = _chosen(columns, width)
    rest = width - sum(column.needed for column in chosen if not column.ids) - GAP * (len(chosen) - 1)
    for column in chosen:
        if column.prose:
            table.add_column(column.title, ratio=1)
        else:
            table.add_column(
                column.title, justify="right" if column.right else "left", no_wrap=not column.ids, overflow="fold"
            )
    # prose takes what is left, where it does not fit as it is
    table.expand = sum(_longest(column) for column in chosen) + GAP * (len(chosen) - 1) > width
    shown = [cut_ids(column.cells, column.ids, rest) if column.ids else column.cells for column in chosen]
    for row in range(len(chosen[0].cells) if chosen else 0):
        table.add_row(
            *(
                Text(cells[row], style=column.styles[row] if column.styles else "")
                for column, cells in zip(chosen, shown, strict=True)
            )
        )
    return table


def _chosen(columns: Sequence[Column], width: int) -> list[Column]:
    chosen = list(columns)
    while _width(chosen) > width:
        spare = max(chosen, key=lambda column: column.spare)
        if not spare.spare:
            break
        chosen.remove(spare)
    return chosen


def _width(columns: Sequence[Column]) -> int:
    return sum(column.needed for column in columns) + GAP * (len(columns) - 1)


def _longest(column: Column) -> int:
    from rich.cells import cell_len

    return max(cell_len(text) for text in (column.title, *column.cells))


def told_apart(ids: Collection[str]) -> int:
    """So many characters at the beginning tell each of ``ids`` from the others."""
    ordered = sorted(set(ids))
    return max((_same(one, other) + 1 for one, other in itertools.pairwise(ordered)), default=1)


def _same(one: str, other: str) -> int:
    """So many characters at the beginning are the same."""
    return next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def cut_ids(cells: Sequence[str], ids: Collection[str], width: int) -> list[str]:
    """``cells`` in at most ``width`` characters, if what is left tells each from all ``ids``; as they are otherwise.

    One that is cut ends in …; what is before that is a prefix by which commands find it.
    """
    if width <= max(STEM - 1, told_apart(ids)):
        return list(cells)
    return [one if len(one) <= width else f"{one[: width - 1]}…" for one in cells]


def number(value: float | None) -> str:
    """A number as tables have it."""
    return "-" if value is None else f"{value:.4f}"


def print_table(columns: Sequence[Column], title: str | None = None) -> Console:
    """Print a table to standard output and give its console; where that is no terminal, nothing is left out or cut."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        whole = [column.needed if column.prose else _longest(column) for column in columns]
        console.width = max(console.width, UNBOUNDED, sum(whole) + GAP * len(whole))
    console.print(fitted(columns, console.width, title))
    return console
