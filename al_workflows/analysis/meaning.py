"""What a drawn artist stands for, where its legend entry does not say it: for tables, and for who points at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: the attribute of an artist that carries its meaning
_KEPT = "al_workflows_meaning"


@dataclass(frozen=True)
class Meaning:
    """Of an artist: the ``series`` it belongs to, and the ``quantity`` (e.g. "cycle") with its ``values``.

    ``values`` are one for the whole artist, one for each point, or none; so are ``points``, names of the points.
    """

    series: str = ""
    quantity: str = ""
    values: tuple[float, ...] = ()
    points: tuple[str, ...] = ()


def mean(
    artist: Any, series: str, *, quantity: str = "", values: Iterable[float] = (), points: Iterable[str] = ()
) -> None:
    """Say what ``artist`` (of matplotlib) stands for; it looks as before."""
    setattr(artist, _KEPT, Meaning(series, quantity, tuple(values), tuple(points)))


def meaning_of(artist: Any) -> Meaning:
    """What :func:`mean` said of ``artist``, or nothing."""
    found = getattr(artist, _KEPT, None)
    return found if isinstance(found, Meaning) else Meaning()


def mean_cycle(artist: Any, series: str, *cycles: int) -> None:
    """:func:`mean` of an artist that belongs to a cycle, or whose points belong to one each."""
    mean(artist, series, quantity="cycle", values=[int(cycle) for cycle in cycles])
