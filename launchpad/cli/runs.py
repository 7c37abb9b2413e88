"""The commands around one run: example, validate, submit, run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.options import LaunchpadOption

if TYPE_CHECKING:
    from al_workflows.preflight import PreparedRun
    from al_workflows.results import RunResult

SpecArgument = Annotated[Path, typer.Argument(metavar="SPEC", help="The run's YAML file.", show_default=False)]

#: the exit code of a run that ended without converging
NOT_CONVERGED = 1


def example(
    name: Annotated[str, typer.Argument(help="relax, batch or gpaw.", show_default=False)],
    directory: Annotated[Path, typer.Argument(help="Where to put the files.")] = Path(),
) -> None:
    """Write a commented run file and its structure, ready to run."""
    from launchpad.examples import copy_example

    path = copy_example(name, directory)
    print(f"{path} is ready: alflow run {path}")


def validate(spec: SpecArgument) -> None:
    """Check a run file, its structure, the elements and the DFT code; compute and store nothing."""
    from al_workflows.preflight import prepare

    prepared = prepare(spec)
    print(f"{spec} is valid: run {prepared.run}, {len(prepared.start)} atoms ({prepared.start.symbols})")


def submit(
    spec: SpecArgument,
    directory: Annotated[
        Path, typer.Option(help="The run's Fireworks will run below DIRECTORY/<run>; workers must see it.")
    ] = Path("alflow-runs"),
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Put a run into the database, for any `rlaunch` or `qlaunch` to work on."""
    from al_workflows.preflight import prepare, writable_directory
    from launchpad.runs import submit_run
    from launchpad.settings import connect, resolve

    prepared = prepare(spec)
    source = resolve(launchpad_file)
    launchpad = connect(source)
    place = writable_directory(directory / prepared.run)
    submit_run(launchpad, prepared, place)
    print(f"submitted {prepared.run} to {source.address}")
    print(f"  its Fireworks will run in {place}")
    file = source.local.launchpad_file() if source.local else launchpad_file
    option = f"-l {file} " if file else ""
    print(f"  work on it:  rlaunch {option}rapidfire --nlaunches infinite --sleep 1")
    print(f"  look at it:  alflow status {prepared.run}")


def run(
    spec: SpecArgument,
    output: Annotated[
        Path | None,
        typer.Option(help="Directory of the results; by default alflow-runs/<run>.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="`rlaunch` processes on this machine.")] = 1,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Without FireWorks and without a database; same numbers.")
    ] = False,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Submit a run and work it off here; after an interruption, the same command goes on where it stopped.

    Writes result.json, final.extxyz and labels.extxyz. Exit code 0: converged; 1: ended without converging.
    """
    from al_workflows.preflight import prepare, writable_directory
    from al_workflows.results import write_result
    from launchpad.cli.text import summary
    from launchpad.runs import refuse_foreign_output

    prepared = prepare(spec)
    output = output or Path("alflow-runs") / prepared.run
    refuse_foreign_output(output, prepared.run)
    output = writable_directory(output)
    result = (
        _in_process(prepared, output) if in_process else through_fireworks(prepared, output, workers, launchpad_file)
    )
    write_result(result, output)
    print(summary(result))
    print(f"Written to {output}: result.json, final.extxyz, labels.extxyz")
    if result.verdict.kind.value != "CONVERGED":
        raise typer.Exit(NOT_CONVERGED)


def through_fireworks(prepared: PreparedRun, output: Path, workers: int, launchpad_file: Path | None) -> RunResult:
    """Submit the run if it is new, and work it off with `rlaunch` processes; progress on the terminal."""
    from fw_specs.submit import submit as submit_to
    from launchpad.cli.text import Progress
    from launchpad.runs import work_off
    from launchpad.settings import connect, resolve

    source = resolve(launchpad_file)
    with Progress(prepared.spec.target_fmax) as progress:
        progress.activity(f"connecting to {source.address}")
        launchpad = connect(source)
        if not submit_to(launchpad, prepared.spec, prepared.start, output / "work"):
            progress.say(f"{prepared.run} is in {source.address} already: going on with it")
        return work_off(launchpad, source, prepared.run, workers, progress.cycle, progress.activity)


def _in_process(prepared: PreparedRun, output: Path) -> RunResult:
    from al_workflows import offline
    from launchpad.cli.text import Progress

    with Progress(prepared.spec.target_fmax) as progress:
        progress.activity("running in this process")
        return offline.run(
            prepared.spec, prepared.start, output / "work", listener=lambda cycle, _: progress.cycle(cycle)
        )
