"""What the commands of `alflow benchmark` share: their options, and how they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from al_workflows.benchmark.tables import Document

#: the exit code when a run with the default settings has not converged
NOT_CONVERGED = 1
DEFAULT_OUTPUT = Path("alflow-benchmark")

SeedsOption = Annotated[str, typer.Option(metavar="N", help="10 for the seeds 0 to 9; or seeds as 5-9 or 0,3,7.")]
SystemsOption = Annotated[
    list[str],
    typer.Option(
        metavar="NAMES", help="paper, drawn, drawn:N, drawn:I-J, or a system's name; several with commas or repeated."
    ),
]
DrawOption = Annotated[
    int | None,
    typer.Option(
        metavar="SEED",
        min=0,
        help="Which draw; by default the reported one. The learner's defaults were chosen on that of seed 1.",
        show_default=False,
    ),
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Directory of the tables.")]
CacheOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where results are kept; by default cache in the output.", show_default=False),
]
PotentialsOption = Annotated[
    list[str], typer.Option(metavar="KINDS", help="gaussian_process, behler_parrinello; with commas or repeated.")
]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Processes, one thread each.")]


def split_names(names: list[str]) -> list[str]:
    """Names that were given with commas, or one by one."""
    return [name.strip() for text in names for name in text.split(",") if name.strip()]


def directories(output: Path, cache: Path | None) -> tuple[Path, Path]:
    """Where tables and results go: both can be written to."""
    from al_workflows.preflight import writable_directory

    output = writable_directory(output)
    return output, writable_directory(cache or output / "cache")


def command_line() -> str:
    """What was typed."""
    import shlex
    import sys

    return shlex.join(["alflow", *sys.argv[1:]])


def write(document: Document, output: Path, stem: str) -> None:
    """Print the tables, and write them as ``<stem>.md`` and ``<stem>.json`` below ``output``."""
    for table in document.tables:
        print(table.markdown())
    markdown, data = document.write(output, stem)
    print(f"Written: {markdown} and {data}")
