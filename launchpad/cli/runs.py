"""The commands around one run: example, validate, submit, run."""

from __future__ import annotations

import signal
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
    name: Annotated[str, typer.Argument(help="relax, neb, md, batch, gpaw, espresso or campaign.", show_default=False)],
    directory: Annotated[Path, typer.Argument(help="Where to put the files.")] = Path(),
) -> None:
    """Write a commented run file and its structures, ready to run; or a campaign's file."""
    from launchpad.examples import copy_example, run_examples

    path = copy_example(name, directory)
    print(f"{path} is ready: alflow {'run' if name in run_examples() else 'campaign plan'} {path}")


def validate(spec: SpecArgument) -> None:
    """Check a run file, its structure, the elements and the DFT code; compute and store nothing."""
    from al_workflows.geometry import largest_displacement
    from al_workflows.preflight import fixed_atoms, prepare
    from launchpad.queue_keys import check_resources

    prepared = prepare(spec)
    check_resources(prepared.spec.resources)
    start, pbc = prepared.start, "".join("FT"[int(periodic)] for periodic in prepared.start.pbc)
    print(f"{spec} is valid: run {prepared.run}")
    print(f"  {start.symbols}: {len(start)} atoms, {fixed_atoms(start)} fixed, periodic {pbc}")
    if prepared.final is not None:
        farthest = largest_displacement(prepared.final, start)
        print(f"  a path to {prepared.spec.final_structure}: the atom that moves most moves by {farthest:.2f} Å")
    loop = "online " if prepared.spec.loop.kind == "online" else ""
    print(f"  {loop}{prepared.spec.simulation.kind}, query {prepared.spec.query.kind}, DFT by {prepared.spec.dft.kind}")
    _print_remarks(prepared)


def _print_remarks(prepared: PreparedRun) -> None:
    for remark in prepared.remarks:
        print(f"  remark: {remark}")


def submit(
    spec: SpecArgument,
    directory: Annotated[
        Path, typer.Option(help="The run's Fireworks will run below DIRECTORY/<run>; workers must see it.")
    ] = Path("alflow-runs"),
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Put a run into the database, for any `rlaunch` or `qlaunch` to work on."""
    from al_workflows.preflight import prepare
    from launchpad.cli.text import say_how_to_work
    from launchpad.runs import submit_run
    from launchpad.settings import connect, resolve

    prepared = prepare(spec)
    source = resolve(launchpad_file)
    launchpad = connect(source)
    submit_run(launchpad, prepared, directory / prepared.run)
    print(f"submitted {prepared.run} to {source.address}")
    _print_remarks(prepared)
    print(f"  it will run in {(directory / prepared.run).resolve()} and leave result.json there")
    say_how_to_work(directory, source, launchpad_file)
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

    Writes result.json, final.extxyz and labels.extxyz, of a path band.extxyz as well.
    Exit code 0: converged; 1: ended without converging.
    """
    from al_workflows.preflight import claimed_directory, prepare
    from al_workflows.results import write_result
    from launchpad.cli.text import summary

    prepared = prepare(spec)
    output = output or Path("alflow-runs") / prepared.run
    output = claimed_directory(output, prepared.run)
    _print_remarks(prepared)
    result = (
        _in_process(prepared, output) if in_process else through_fireworks(prepared, output, workers, launchpad_file)
    )
    write_result(result, output)
    print(summary(result))
    files = ["result.json"] + (["final.extxyz", "labels.extxyz"] if result.answer is not None else [])
    files += ["band.extxyz"] if result.band is not None and len(result.band) else []
    print(f"Written to {output}: {', '.join(files)}")
    if result.verdict.kind.value != "CONVERGED":
        raise typer.Exit(NOT_CONVERGED)


def through_fireworks(prepared: PreparedRun, output: Path, workers: int, launchpad_file: Path | None) -> RunResult:
    """Submit the run if it is new, and work it off with `rlaunch` processes; progress on the terminal."""
    from fw_specs.submit import submit as submit_to
    from launchpad.cli.text import Progress
    from launchpad.runs import work_off
    from launchpad.settings import connect, resolve

    # the end of a job's time is treated as Ctrl-C is: what was under way is put back
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    source = resolve(launchpad_file)
    with Progress(prepared.spec.target_fmax) as progress:
        progress.activity(f"connecting to {source.address}")
        launchpad = connect(source)
        if not submit_to(launchpad, prepared.spec, prepared.start, output, prepared.final):
            progress.say(f"{prepared.run} is in {source.address} already: going on with it")
        try:
            return work_off(launchpad, source, prepared.run, workers, progress.cycle, progress.activity)
        except KeyboardInterrupt:
            progress.say(f"{prepared.run} is interrupted; the same command goes on with it")
            raise


def _in_process(prepared: PreparedRun, output: Path) -> RunResult:
    from al_workflows import offline
    from launchpad.cli.text import Progress

    with Progress(prepared.spec.target_fmax) as progress:
        progress.activity("running in this process")
        return offline.run(
            prepared.spec,
            prepared.start,
            output,
            listener=lambda cycle, _: progress.cycle(cycle),
            final=prepared.final,
        )
