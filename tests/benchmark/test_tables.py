"""Tables of any dataclass, as Markdown and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from al_workflows.benchmark.tables import Column, Document, Table, machine, shown, versions


@dataclass(frozen=True)
class Row:
    name: str
    calls: Annotated[float | None, Column("median |calls|", 1)]
    by_seed: tuple[float, ...] = ()


ROWS = [Row("a|b", 4.25, (4, math.inf)), Row("c", None), Row("d", math.inf)]


def test_a_row_is_a_line_and_a_field_a_column() -> None:
    lines = Table("Title", ROWS, ["a note"]).markdown().splitlines()
    assert lines == [
        "## Title",
        "",
        "| name | median \\|calls\\| | by seed |",
        "| :-- | --: | :-- |",
        "| a\\|b | 4.2 | 4 ∞ |",
        "| c | – |  |",
        "| d | ∞ |  |",
        "",
        "- a note",
    ]


def test_a_table_without_rows_says_so() -> None:
    assert "None." in Table("Nothing", []).markdown()


def test_cells() -> None:
    assert [shown(value) for value in (True, False, 3, "x", 1.5e-7, math.nan, {"a": 0.5, "b": 1})] == [
        *("yes", "no", "3", "x", "1.5e-07", "?", "a 0.5, b 1"),
    ]
    assert shown(2, 1) == "2"
    assert shown(-0.04, 1) == "0.0"
    assert shown((1.25, 2.0), 1) == "1.2 2.0"


def test_a_document_says_what_it_rests_on(tmp_path: Path) -> None:
    document = Document("Title", "alflow benchmark x", {"fmax": 0.03}, [Table("One", ROWS)], {"runs": ROWS})
    markdown, data = document.write(tmp_path, "x")
    text = markdown.read_text()
    assert text.startswith("# Title\n\n    alflow benchmark x\n")
    assert all(part in text for part in ("- fmax: 0.03", f"- machine: {machine()}", f"ase {versions()['ase']}"))
    found = json.loads(data.read_text())
    assert found["settings"]["versions"] == versions()
    assert found["tables"][0]["rows"][0] == {"name": "a|b", "calls": 4.25, "by_seed": [4, None]}
    assert found["runs"] == found["tables"][0]["rows"]
