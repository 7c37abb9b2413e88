"""`alflow reference`: a run's question put straight to DFT."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.runs import SpecArgument

if TYPE_CHECKING:
    from al_workflows.records import Label
    from launchpad.cli.progress import Progress

#: the exit code when the method has not ended as asked
NOT_CONVERGED = 1


def reference(
    spec: SpecArgument,
    output: Annotated[
        Path | None,
        typer.Option(help="Directory of the results; by default alflow-reference/<run>.", show_default=False),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="Of a relaxation an optimizer: BFGS, BFGS-0.04, FIRE, GPMin …; of a path CI-NEB-BFGS or "
            "CI-NEB-FIRE. By default the first of them.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=1_000_000, help="Of dynamics: one single point each.")] = 100,
    max_calls: Annotated[int, typer.Option(min=1, help="Give a relaxation or a path up after so many.")] = 400,
    start: Annotated[
        Path | None,
        typer.Option(help="Of dynamics: begin with this structure, the last of its file.", show_default=False),
    ] = None,
) -> None:
    """Put a run's question straight to DFT, every single point counted: what the run is to be compared with.

    Writes reference.json, reference.extxyz and of a path band.extxyz. After an interruption the same command goes
    on where it stopped.
    Exit code 0: the method ended as asked; 1: it did not.
    """
    from al_workflows.benchmark.direct import ask, method_of, start_of
    from al_workflows.preflight import claimed_directory, prepare
    from launchpad.cli.progress import Progress

    prepared = prepare(spec)
    chosen = method_of(prepared.spec.simulation.kind, method)
    begin = None if start is None else start_of(start, prepared)
    place = claimed_directory(output or Path("alflow-reference") / prepared.run, prepared.run)
    of = steps if prepared.spec.simulation.kind == "md" else None  # of the others nobody knows how many it takes
    with Progress(f"{chosen}, at most {max_calls}: single points" if of is None else f"{chosen}: steps") as progress:
        progress.say("single point  DFT fmax (eV/Å)  DFT energy (eV)  seconds")
        tell = _printer(progress, of)
        answer = ask(prepared, place, chosen, steps=steps, max_calls=max_calls, start=begin, listener=tell)
    print(f"{prepared.run}: {chosen}: {answer.outcome} after {answer.calls} single points")
    for name, value in answer.numbers.items():
        print(f"  {name}  {value}")
    print(f"Written to {place}: reference.json, reference.extxyz{', band.extxyz' if answer.band else ''}")
    if not answer.converged:
        raise typer.Exit(NOT_CONVERGED)


def _printer(progress: Progress, of: int | None) -> Callable[[Label], None]:
    """Prints a line for each single point, and counts it."""
    from al_workflows.structures import max_force

    numbers = itertools.count(1)

    def tell(label: Label) -> None:
        number = next(numbers)
        if label.energy is None or label.forces is None:
            text = f"{number:12d}  {label.status.value}: {label.cause}"
        else:
            fmax = max_force(label.atoms, label.forces)
            text = f"{number:12d}  {fmax:15.4f}  {label.energy:15.4f}  {label.seconds:7.1f}"
        progress.step(number, of)
        progress.say(text)

    return tell
