"""What a user names on a benchmark's command line: systems and seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from al_workflows.benchmark.systems import REPORTED_DRAW, PaperSystem, System, draw
from al_workflows.errors import InputError

#: systems of a draw where nothing is said of their number, and how many can be called by name
DRAWN, KNOWN = 8, 60

T = TypeVar("T")


def systems_of(names: Sequence[str], draw_seed: int | None = None) -> list[System | PaperSystem]:
    """The systems of those names, each once.

    ``paper``; ``drawn`` for the first :data:`DRAWN` of the draw of ``draw_seed`` (None: the reported one),
    ``drawn:N`` for the first N, ``drawn:I-J`` for those from I to J, counted from 0; or a system's own name.

    Raises
    ------
    InputError
        A name is not known.
    """
    seed = REPORTED_DRAW if draw_seed is None else draw_seed
    chosen: dict[str, System | PaperSystem] = {}
    for name in names:
        for system in _systems(name, seed):
            chosen[system.name] = system
    return list(chosen.values())


def _systems(name: str, draw_seed: int) -> Sequence[System | PaperSystem]:
    if name == "paper":
        return [PaperSystem()]
    if found := re.fullmatch(r"drawn(?::(?:(\d+)-)?(\d+))?", name):
        first, last = found[1], found[2]
        if last is None:
            return draw(draw_seed, DRAWN)
        count = int(last) + 1 if first is not None else int(last)
        if 0 < count <= KNOWN and int(first or 0) < count:
            return draw(draw_seed, count)[int(first or 0) :]
        raise InputError(f"system '{name}' must name some of the first {KNOWN} of a draw, e.g. drawn:8 or drawn:0-3")
    known = draw(draw_seed, KNOWN)
    for system in known:
        if system.name == name:
            return [system]
    some = ", ".join(system.name for system in known[:DRAWN])
    raise InputError(
        f"system '{name}' is not known; give some of paper, drawn, drawn:N, drawn:I-J, or names of the draw of seed "
        f"{draw_seed}, as {some}, …"
    )


def named(what: str, names: Sequence[str], known: Mapping[str, T], none: bool = False) -> list[T]:
    """Those of ``known`` of these names, each once; ``all`` stands for every one, and with ``none`` that for no one.

    ``what`` they are is for the message.

    Raises
    ------
    InputError
        A name is not known, or there is none where one is needed.
    """
    words = ("all", "none") if none else ("all",)
    found: dict[str, T] = {}
    for name in names:
        if name not in (*known, *words):
            some = ", or ".join(f"`{word}`" for word in words)
            raise InputError(f"{what} '{name}' is not known; give some of {', '.join(known)}, or {some}")
        found |= {name: known[name]} if name in known else known if name == "all" else {}
    if not found and not none:
        raise InputError(f"`{what}s` is empty but must name some of {', '.join(known)}, or `all`")
    return list(found.values())


def seeds_of(text: str) -> list[int]:
    """``N`` for the seeds 0 … N−1; ``I-J`` for those from I to J; several with commas: ``0,3,7`` or ``5-9,12``.

    Raises
    ------
    InputError
        It is none of these.
    """
    if re.fullmatch(r"[1-9]\d{0,3}", text):
        return list(range(int(text)))
    wrong = InputError(f"`seeds` is '{text}' but must be a number of seeds as 10, or seeds as 5-9 or 0,3,7")
    if text.isdecimal():
        raise wrong
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part.strip())
        last = int(found[2] or found[1]) if found else -1
        if found is None or last < int(found[1]) or last - int(found[1]) >= 10_000:
            raise wrong
        seeds += range(int(found[1]), last + 1)
    return list(dict.fromkeys(seeds))
