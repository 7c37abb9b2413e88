"""Figures on their way onto a page and into files: each in both themes, as PNG, SVG, PDF and as CSV of its numbers."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import jinja2

from al_workflows.analysis.figure_table import figure_csv
from al_workflows.analysis.gallery import Entry
from al_workflows.analysis.style import DARK, LIGHT, image
from al_workflows.files import write_atomically

#: what a figure is written as
KINDS = ("png", "svg", "pdf", "csv")

Known = TypeVar("Known")


@dataclass(frozen=True)
class Plate:
    """A figure for the page (``png`` and ``dark_png``), and its ``files`` by ending; empty where there is none."""

    entry: Entry[Any]
    png: bytes | None
    dark_png: bytes | None
    files: dict[str, bytes] = field(default_factory=dict)


def plate(known: Known, entry: Entry[Known]) -> Plate:
    """The figure of ``entry``, drawn in both themes."""
    light, dark = entry.draw(known, LIGHT), entry.draw(known, DARK)
    if light is None or dark is None:
        return Plate(entry, None, None)
    files = {"csv": figure_csv(light).encode()} | {kind: image(light, kind) for kind in KINDS if kind != "csv"}
    return Plate(entry, files["png"], image(dark, "png"), files)


def write_plates(plates: Sequence[Plate], names: Collection[str], directory: Path) -> None:
    """Write the files of ``plates`` into ``directory``; of all other figures of ``names`` none stay behind.

    Raises
    ------
    EnvironmentProblem
        The directory cannot be made or written.
    """
    files = {one.entry.name: one.files for one in plates}
    for name in sorted({*names, *files}):
        for kind in KINDS:
            path, content = directory / f"{name}.{kind}", files.get(name, {}).get(kind)
            if content is None:
                path.unlink(missing_ok=True)
            else:
                write_atomically(path, content, durable=False)


def environment() -> jinja2.Environment:
    """What renders our pages: all that comes from a run or a campaign is escaped."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("al_workflows", "data"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    found.filters["uri"] = _data_uri
    found.filters["number"] = number
    return found


def number(value: float | None) -> str:
    """Four decimals, or a dash for what is not there."""
    return "–" if value is None else f"{value:.4f}"


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
