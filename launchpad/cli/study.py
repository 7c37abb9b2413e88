"""`alflow study`: tables and figures of the paper, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from launchpad.cli.benchmark_options import JobsOption, SeedsOption, command_line, split_names
from launchpad.cli.benchmark_progress import Counter

DEFAULT_OUTPUT = Path("alflow-study")


def study(
    name: Annotated[str, typer.Argument(metavar="NAME", help="table1, table2, figure1, …; `list` names all.")],
    seeds: SeedsOption = "6",
    dft: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="YAML file with a `dft:` section, as a run's; by default EMT.", show_default=False
        ),
    ] = None,
    arms: Annotated[
        list[str], typer.Option(metavar="NAMES", help="Only these of the study's arms; with commas or repeated.")
    ] = [],  # noqa: B006  # typer copies it
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Make everything anew; or take over what was made with this code.")
    ] = False,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Tables, figures, data, records.")] = (
        DEFAULT_OUTPUT
    ),
    jobs: JobsOption = 1,
) -> None:
    """Make a table or figure of the paper again: ours and peers' numbers beside the published ones.

    Writes NAME.md, NAME.json, the ends as extxyz, and figures as PNG and PDF. After an interruption, or with more
    seeds, the same command makes only what is missing.
    """
    from al_workflows.benchmark.choices import seeds_of
    from al_workflows.preflight import writable_directory
    from al_workflows.study.catalogue import STUDIES, study_of
    from al_workflows.study.parent import dft_of
    from al_workflows.study.study import make, write
    from al_workflows.study.trial import Setting

    if name == "list":
        for one in STUDIES.values():
            print(f"{one.name:12}  {one.title:16}  {one.about}")
        return
    chosen = study_of(name)
    wanted = Setting(Path(), tuple(seeds_of(seeds)), dft_of(dft), tuple(split_names(arms)))
    chosen.tasks(wanted)  # before a directory is made
    setting = Setting(writable_directory(output), wanted.seeds, wanted.dft, wanted.arms)
    with Counter() as counter:
        trials = make(chosen, setting, jobs, fresh, counter.trial)
    document, written = write(chosen, setting, trials, command_line())
    for table in document.tables:
        print(table.markdown())
    print(f"Written to {setting.root}: {', '.join(path.name for path in written)}")
