"""Tables of measurements: any dataclass is a row, and a document of them is written as Markdown and as JSON.

A field's column is its type's annotation: ``calls: Annotated[float | None, Column("median calls", digits=1)]``; without
one its name heads the column. In JSON rows are dictionaries by field name, with all digits.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from al_workflows.files import write_atomically
from al_workflows.versions import installed_versions


@dataclass(frozen=True)
class Column:
    """How a field is shown: its header, with the unit, and the digits after the point of a number (None: as it is)."""

    header: str
    digits: int | None = None


@dataclass(frozen=True)
class Table:
    """Rows of one dataclass under a title."""

    title: str
    rows: Sequence[Any]
    footnotes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table with its title as a heading; a sentence in its place if it has no rows."""
        lines = [f"## {self.title}", ""]
        if self.rows:
            columns = columns_of(type(self.rows[0]))
            numeric = {name for name in columns if any(_is_number(getattr(row, name)) for row in self.rows)}
            lines.append(_line(shown(column.header) for column in columns.values()))
            lines.append(_line("--:" if name in numeric else ":--" for name in columns))
            lines += [
                _line(shown(getattr(row, name), column.digits) for name, column in columns.items()) for row in self.rows
            ]
        else:
            lines.append("None.")
        return "\n".join([*lines, "", *(f"- {note}" for note in self.footnotes), *([""] if self.footnotes else [])])

    def plain(self) -> dict[str, Any]:
        """The table in the types of JSON."""
        rows = [{name: _plain(value) for name, value in _shallow(row).items()} for row in self.rows]
        return {"title": self.title, "rows": rows, "footnotes": list(self.footnotes)}


@dataclass(frozen=True)
class Document:
    """Tables with what they were made by. ``data`` is written to the JSON file only."""

    title: str
    command: str
    settings: Mapping[str, Any]
    tables: Sequence[Table]
    data: Mapping[str, Any] = field(default_factory=dict)

    def markdown(self) -> str:
        """All of it for a reader."""
        described = [f"- {name}: {shown(value)}" for name, value in self._settings().items()]
        head = [f"# {self.title}", "", f"    {self.command}", "", *described, ""]
        return "\n".join([*head, *(table.markdown() for table in self.tables)]).rstrip() + "\n"

    def plain(self) -> dict[str, Any]:
        """All of it in the types of JSON."""
        tables = [table.plain() for table in self.tables]
        settings = _plain(self._settings())
        about = {"title": self.title, "command": self.command, "settings": settings, "tables": tables}
        return about | {name: _plain(value) for name, value in self.data.items()}

    def write(self, directory: Path, stem: str) -> tuple[Path, Path]:
        """Write ``<stem>.md`` and ``<stem>.json`` into ``directory``; returns their paths."""
        markdown, data = directory / f"{stem}.md", directory / f"{stem}.json"
        write_atomically(markdown, self.markdown())
        write_atomically(data, json.dumps(self.plain(), indent=1, ensure_ascii=False) + "\n")
        return markdown, data

    def _settings(self) -> dict[str, Any]:
        return {**self.settings, "machine": machine(), "versions": versions()}


def columns_of(row: type) -> dict[str, Column]:
    """The columns of a dataclass by field name."""
    hints = typing.get_type_hints(row, include_extras=True)
    found = {}
    for one in dataclasses.fields(row):
        annotated = [extra for extra in getattr(hints[one.name], "__metadata__", ()) if isinstance(extra, Column)]
        found[one.name] = annotated[0] if annotated else Column(one.name.replace("_", " "))
    return found


def shown(value: Any, digits: int | None = None) -> str:
    """A value in a cell: – for None, ∞ for infinity, words for truth, items side by side."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(item, digits)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(shown(item, digits) for item in value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "?" if math.isnan(value) else "∞" if value > 0 else "−∞"
        return f"{value:g}" if digits is None else f"{round(value, digits) + 0.0:.{digits}f}"  # no -0.0
    return str(value).replace("|", "\\|")


def machine() -> str:
    """E.g. ``AMD EPYC, 2 cores``."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    cores = os.cpu_count() or 1
    return f"{name}, {cores} core{'s' if cores > 1 else ''}"


def versions(more: Sequence[str] = ("sella", "ase-gpatom")) -> dict[str, str]:
    """Python and the distributions that numbers rest on."""
    found = {"python": platform.python_version()} | installed_versions()
    for name in more:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # peers are optional
            continue
    return found


def _shallow(row: Any) -> dict[str, Any]:
    return {one.name: getattr(row, one.name) for one in dataclasses.fields(row)}


def _plain(value: Any) -> Any:
    """``value`` in the types of JSON, which knows neither infinity nor NaN: None in their place."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(_shallow(value))
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _line(cells: typing.Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
