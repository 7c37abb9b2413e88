"""What the dashboard takes with many members and many who look: how its measurements are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from al_workflows.benchmark.tables import Column, Document, Table


@dataclass(frozen=True)
class LoadRow:
    """A page as a browser with an empty cache loads it, s.

    ``shown`` is when all of it was there (the end of DOMContentLoaded), ``interactive`` when the browser's thread had
    nothing long to do any more (tasks of 50 ms and more, figures in view among them).
    """

    page: str
    loads: int
    shown: Annotated[float, Column("there (s), median", 2)]
    interactive: Annotated[float, Column("interactive (s), median", 2)]
    worst: Annotated[float, Column("the worst", 2)]
    goal: Annotated[float, Column("goal (s)", 1)]
    size: Annotated[float, Column("HTML (kB)", 0)]


@dataclass(frozen=True)
class AnswerRow:
    """What was asked for, and how long the answers took, s."""

    what: str
    answers: int
    failed: int
    median: Annotated[float, Column("median (s)", 3)]
    most: Annotated[float, Column("95 % within (s)", 3)]
    worst: Annotated[float, Column("the worst (s)", 3)]


def document(
    loads: Sequence[LoadRow],
    alone: Sequence[AnswerRow],
    together: Sequence[AnswerRow],
    viewers: int,
    settings: Mapping[str, Any],
    command: str,
) -> Document:
    """The tables of ``alflow benchmark dashboard``."""
    browser = (
        "headless Chromium on the same machine, each time with an empty cache; the first load after a change of the "
        "campaign reads all of its members, later ones use what was read"
    )
    moving = "the campaign goes on meanwhile: a member ends every two seconds, and each page is out of date soon"
    viewer = (
        "a viewer asks every two seconds whether its page has changed, loads it again if it has, and turns to another "
        "view of it every ten; half of them look at the campaign"
    )
    return Document(
        "What the dashboard takes",
        command,
        settings,
        [
            Table("Pages in a browser", loads, (browser,)),
            Table("One who asks, one after the other", alone),
            Table(f"{viewers} viewers at once", together, (viewer, moving)),
        ],
    )
