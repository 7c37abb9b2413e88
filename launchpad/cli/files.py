"""The commands that make files of a run, and the schema of a run file: report, export, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from launchpad.cli.options import LaunchpadOption

if TYPE_CHECKING:
    from al_workflows.history import RunHistory

RunArgument = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="A run's id, or how it begins.", show_default=False)
]
OutputOfOption = Annotated[
    Path | None,
    typer.Option(
        "--output-of",
        metavar="DIR",
        help="In place of RUN: the directory that `alflow run --in-process` wrote; no database is needed.",
        show_default=False,
    ),
]


def report(
    run: RunArgument = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Where to; by default alflow-report/<run>.", show_default=False
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Of dynamics: frames of others, as by DFT, for the radial distribution; of a path: another band.",
            show_default=False,
        ),
    ] = None,
    output_of: OutputOfOption = None,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Make a page of a run, finished or not: its figures, ledger, settings and versions.

    Writes report.html, which needs no other file, and each figure as PNG, SVG and PDF, with its numbers as CSV.
    """
    history = _history(run, output_of, launchpad_file)
    if reference is not None:
        from al_workflows.analysis.reference import with_reference

        history = with_reference(history, reference)
    from al_workflows.analysis.report import write_report  # after what can go wrong: matplotlib takes a while
    from al_workflows.preflight import writable_directory

    page = write_report(history, writable_directory(output or Path("alflow-report") / history.run))
    print(f"{page} is the report of {history.run} ({history.state}, {history.dft_calls} DFT calls)")


def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Replaced if it exists.")],
    run: RunArgument = None,
    form: Annotated[
        Literal["extxyz", "ase-db"], typer.Option("--format", "-f", help="Text, or an SQLite file of ase.db.")
    ] = "extxyz",
    trajectory: Annotated[
        bool, typer.Option("--trajectory", help="In their place the last simulation on the model, as extxyz.")
    ] = False,
    cycle: Annotated[
        int | None, typer.Option(min=1, help="With --trajectory: that of this cycle.", show_default=False)
    ] = None,
    output_of: OutputOfOption = None,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Write a run's DFT single points as training data, each with REF_energy, REF_forces and where it comes from."""
    from al_workflows.errors import InputError

    if trajectory and form != "extxyz":
        raise InputError(f"--format is {form} but must be extxyz with --trajectory; leave one of them out")
    if cycle is not None and not trajectory:
        raise InputError(f"--cycle is {cycle} but is for --trajectory alone; give both or neither")
    history = _history(run, output_of, launchpad_file)
    if trajectory:
        from al_workflows.analysis.trajectory_file import write_trajectory

        chosen, frames = write_trajectory(history, output, cycle)
        print(f"{output}: {frames} frames of cycle {chosen} of {history.run}, with the model's energies and forces")
        return
    from al_workflows.export import Format
    from al_workflows.export import export as write

    number = write(history, Format(form), output)
    print(f"{output}: {number} structures with REF_energy (eV) and REF_forces (eV/Å) of {history.run}")


def schema() -> None:
    """Print the JSON schema of a run file, by which editors complete and check it."""
    import json

    from al_workflows.schema import run_schema

    print(json.dumps(run_schema(), indent=2))


def _history(run: str | None, output_of: Path | None, launchpad_file: Path | None) -> RunHistory:
    """The run that was named, from the database or from a directory."""
    from al_workflows.errors import InputError

    if (run is None) == (output_of is None):
        given = "both were given" if run is not None else "neither was given"
        raise InputError(f"one of RUN and --output-of DIR names the run, but {given}; `alflow status` lists the runs")
    if output_of is not None:
        from al_workflows.run_directory import read_run_directory

        return read_run_directory(output_of)
    from launchpad.settings import connect, resolve
    from launchpad.status import read_history

    return read_history(connect(resolve(launchpad_file), read_only=True), run or "")
