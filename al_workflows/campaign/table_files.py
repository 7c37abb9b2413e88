"""A campaign's results as files for other programs: CSV and Parquet, a row for each member."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from al_workflows.campaign.results import CampaignResults
from al_workflows.errors import EnvironmentProblem
from al_workflows.files import write_atomically


def flat_rows(results: CampaignResults) -> list[dict[str, Any]]:
    """A row for each member, the tags as columns of their own (``tag_…`` where the name is taken)."""
    rows = [entry.row() for entry in results.entries]
    tags = list(dict.fromkeys(tag for row in rows for tag in row["tags"]))
    flat = []
    for row in rows:
        named = {tag if tag not in row else f"tag_{tag}": row["tags"].get(tag, "") for tag in tags}
        rest = {name: value for name, value in row.items() if name not in ("key", "role", "tags")}
        failures = "; ".join(f"{one['key']}: {one['status']}: {one['cause']}" for one in row["failures"])
        rest |= {"references": json.dumps(row["references"]), "failures": failures}
        flat.append({"key": row["key"], "role": row["role"], **named, **rest})
    return flat


def write_csv(results: CampaignResults, path: Path) -> None:
    """Write the rows as CSV; what is not known is empty.

    Raises
    ------
    EnvironmentProblem
        The file cannot be written.
    """
    rows, text = flat_rows(results), io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["key"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue(), durable=False)


def write_parquet(results: CampaignResults, path: Path) -> None:
    """Write the rows as Parquet.

    Raises
    ------
    EnvironmentProblem
        pyarrow is not installed, or the file cannot be written.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise EnvironmentProblem(
            f"{path} needs pyarrow, which is not installed: `pip install 'al-workflows[parquet]'`, or take --csv"
        ) from error
    content = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(flat_rows(results)), content)
    write_atomically(path, content.getvalue().to_pybytes(), durable=False)
