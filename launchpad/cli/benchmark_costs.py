"""The commands that measure what computing costs: predict, train, cycle, workflow, campaign, dashboard."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from launchpad.cli.benchmark_options import DEFAULT_OUTPUT, OutputOption, SeedsOption, command_line, write
from launchpad.cli.benchmark_progress import Counter


def predict(
    largest: Annotated[int, typer.Option(min=29, help="Most atoms of a structure.")] = 509,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the relaxation.")] = 150,
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Time predictions from 13 to 509 atoms and a relaxation, beside autograd in torch and a floor."""
    from al_workflows.benchmark.speed import document, sizes_up_to
    from al_workflows.preflight import writable_directory

    output = writable_directory(output)
    with Counter() as counter:
        found = document(command_line(), sizes_up_to(largest), steps, counter.predicted)
    write(found, output, "predict")


def train(
    atoms: Annotated[str, typer.Option(metavar="LIST", help="Atoms of an image: 13, 29, or both.")] = "13,29",
    images: Annotated[str, typer.Option(metavar="LIST", help="Sizes of the training sets.")] = "1,10,40,200",
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Time training by images and atoms, beside autograd in torch and a floor."""
    from al_workflows.benchmark.speed_training import atoms_of, document
    from al_workflows.benchmark.uncertainty import numbers_of
    from al_workflows.preflight import writable_directory

    sizes, counts = atoms_of(numbers_of("--atoms", atoms, least=1)), numbers_of("--images", images, least=1)
    output = writable_directory(output)
    with Counter() as counter:
        found = document(command_line(), sizes, counts, counter.trained)
    write(found, output, "train")


def cycle(
    seeds: SeedsOption = "5",
    rlaunch: Annotated[
        bool, typer.Option("--rlaunch/--no-rlaunch", help="Through rlaunch as well, on a local database of its own.")
    ] = True,
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """CPU time of a cycle beyond DFT, C on Cu(100): in one process, and by rlaunch processes with their imports."""
    from al_workflows.benchmark.choices import seeds_of
    from al_workflows.benchmark.cycle import document, in_process
    from al_workflows.preflight import writable_directory
    from launchpad.benchmark_cycle import through_rlaunch

    numbers, output = seeds_of(seeds), writable_directory(output)
    with Counter() as counter:
        cycles = in_process(numbers, counter.timed)
        by_workers, runs = through_rlaunch(numbers, counter.timed) if rlaunch else ([], [])
    write(document([*cycles, *by_workers], runs, numbers, command_line()), output, "cycle")


def workflow(
    cycles: Annotated[int, typer.Option(min=1, help="Of the one long run.")] = 100,
    runs: Annotated[str, typer.Option(metavar="LIST", help="Sizes of the database.")] = "10,1000,10000",
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Time FireWorks and the store beside the steps: by step, by the cycles of a run, by the runs in the database."""
    from al_workflows.benchmark.uncertainty import numbers_of
    from al_workflows.benchmark.workflow import cycles_in_process, document
    from al_workflows.preflight import writable_directory
    from launchpad.benchmark_workflow import measure

    sizes, output = numbers_of("--runs", runs, least=1), writable_directory(output)
    with Counter() as counter:
        here = cycles_in_process(cycles)
        counter.said(f"{len(here)} cycles in one process")
        found = measure(cycles, sizes, counter.said)
    server = {"database server, CPU s a cycle": round(found.server, 3)}
    write(document(here, found.fireworks, found.calls, server, command_line()), output, "workflow")


def campaign(
    submit: Annotated[int, typer.Option(min=0, help="Members to submit and look at; 0: none.")] = 10_000,
    members: Annotated[int, typer.Option(min=0, help="Members to work off; 0: none.")] = 200,
    sleep: Annotated[float, typer.Option(min=0.0, metavar="SECONDS", help="Of their DFT, asleep.")] = 10.0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="`rlaunch` processes that work them off.")] = 4,
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Time a campaign: submitting and looking at many members, and working some off beside the ideal wall time.

    The ideal is the larger of all steps' seconds ÷ workers and the longest member's; a part's numbers are written even
    where the other is left out.
    """
    from al_workflows.benchmark.campaign import SAMPLE, document, run_in_process
    from al_workflows.benchmark.campaign import members as synthetic
    from al_workflows.preflight import writable_directory
    from launchpad.benchmark_campaign import import_cost, scale, work_off

    output = writable_directory(output)
    before = os.getloadavg()[1]
    with Counter() as counter:
        settings: dict[str, object] = {**import_cost()}
        many = scale(submit, counter.said) if submit else None
        here = run_in_process(synthetic(min(members, SAMPLE), sleep)) if members else None
        worked = work_off(members, sleep, workers, counter.said) if members else None
    # whoever else computes on the machine is in the wall times
    load = [round(before, 1), round(os.getloadavg()[1], 1)]
    settings |= {"load of the machine over 5 minutes, before and after": load}
    if many is not None:
        settings |= {"memory of the process that submitted, MB": round(many.memory)}
    rows, sizes = ([], []) if many is None else (many.calls, many.sizes)
    write(document(rows, sizes, worked, here, settings, command_line()), output, "campaign")


def dashboard(
    members: Annotated[
        int, typer.Option(min=300, help="Of the campaign that is looked at; six of ten have ended.")
    ] = 10_000,
    viewers: Annotated[int, typer.Option(min=1, max=200, help="Who look at the same time.")] = 20,
    seconds: Annotated[float, typer.Option(min=1.0, help="How long they look.")] = 60.0,
    output: OutputOption = DEFAULT_OUTPUT,
) -> None:
    """Time the dashboard's pages in a real browser, and its answers with many viewers, on a database of its own.

    It needs Chromium and playwright (`pip install 'al-workflows[test]'`).
    """
    from al_workflows.benchmark.dashboard import document
    from al_workflows.preflight import writable_directory
    from launchpad.benchmark_dashboard import measure

    output = writable_directory(output)
    before = os.getloadavg()[1]
    with Counter() as counter:
        found = measure(members, viewers, seconds, counter.said)
    settings: dict[str, object] = {"members": members, "viewers": viewers, "s that they looked": seconds}
    settings |= {f"memory of the dashboard {when}, MB": round(size) for when, size in found.memory.items()}
    settings |= {
        "load of the machine over 5 minutes, before and after": [round(before, 1), round(os.getloadavg()[1], 1)]
    }
    write(document(found.loads, found.alone, found.together, viewers, settings, command_line()), output, "dashboard")
