"""The commands that look at runs: status and show."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.options import JsonOption, LaunchpadOption
from launchpad.cli.watch import EVERY, EveryOption, WatchOption

if TYPE_CHECKING:
    from fireworks import LaunchPad

    from al_workflows.records import Label
    from launchpad.cli.tables import Column
    from launchpad.cli.watch import Look


def status(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run's id, or how it begins.", show_default=False)
    ] = None,
    watch: WatchOption = False,
    every: EveryOption = EVERY,
    as_json: JsonOption = False,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """List the runs of the database, or say how one stands.

    With --watch a run is drawn as it goes: DFT forces by cycle, and what runs now. Where standard output is no
    terminal, --watch prints a line for each change.
    Exit code 0, also where a run has failed and after Ctrl-C out of --watch; 2: no such run, or no database.
    """
    from launchpad.cli.output import print_document
    from launchpad.cli.run_looks import NO_RUNS, status_columns
    from launchpad.cli.tables import print_table
    from launchpad.cli.watch import refuse_both
    from launchpad.cli.watch import watch as look_again
    from launchpad.settings import connect, resolve
    from launchpad.status import read_all, read_view

    refuse_both(watch, as_json)
    if watch:
        look_again(_look(run), launchpad_file, every)
        return
    launchpad = connect(resolve(launchpad_file), read_only=True)
    if run is None:
        found = read_all(launchpad)
        if as_json:
            from launchpad.status_json import status_record

            print_document({"runs": [status_record(one) for one in found]})
        elif found:
            print_table(status_columns(found, [one.run for one in found]))
        else:
            print(NO_RUNS)
        return
    view = read_view(launchpad, run)
    if as_json:
        from launchpad.status_json import view_record

        print_document(view_record(view))
        return
    console = print_table(status_columns([view.status], [view.status.run]))
    if view.status.reason:
        console.print(view.status.reason, soft_wrap=True)
    if view.stopped:
        console.print(f"stopped: {view.stopped}", soft_wrap=True)


def _look(run: str | None) -> Callable[[LaunchPad], Look]:
    from launchpad.cli.run_looks import RunLook, RunsLook
    from launchpad.status import read_all, read_view

    if run is None:
        return lambda launchpad: RunsLook(read_all(launchpad))
    return lambda launchpad: RunLook(read_view(launchpad, run))


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it begins.", show_default=False)],
    as_json: JsonOption = False,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Show a run's ledger: each single point, who asked for it and why, what failed and why."""
    from al_workflows.records import VerdictKind
    from fw_specs.store import Store
    from launchpad.cli.tables import print_table
    from launchpad.settings import connect, resolve
    from launchpad.status import read_status

    launchpad = connect(resolve(launchpad_file), read_only=True)
    store = Store(launchpad.db)
    one = read_status(launchpad, store.find_run(run))
    labels, cycles = store.labels(one.run), store.cycles(one.run)
    found = {cycle.index: store.selection(one.run, cycle.index) for cycle in cycles}
    selections = {cycle: selection for cycle, selection in found.items() if selection is not None}
    if as_json:
        from launchpad.cli.output import print_document
        from launchpad.status_json import ledger_record

        print_document(ledger_record(one, labels, cycles, selections.items()))
        return
    console = print_table(_ledger(labels), title=one.run)
    for cycle in cycles:
        if cycle.verdict.kind is VerdictKind.CONTINUE and cycle.verdict.criterion != "none":
            console.print(f"cycle {cycle.index}: {cycle.verdict.reason}", soft_wrap=True)
        for rejection in selections[cycle.index].rejected if cycle.index in selections else ():
            what = "a proposal" if rejection.pool_index is None else f"frame {rejection.pool_index}"
            console.print(
                f"cycle {cycle.index}: {what} was not asked for: {rejection.reason}",
                soft_wrap=True,
            )
    console.print(f"{one.state.value}: {one.reason}" if one.reason else one.state.value, soft_wrap=True)


def _ledger(labels: tuple[Label, ...]) -> list[Column]:
    from al_workflows.structures import max_force
    from launchpad.cli.tables import Column, number

    styles = ["" if label.ok else "red" for label in labels]
    forces = [None if label.forces is None else max_force(label.atoms, label.forces) for label in labels]
    return [
        Column("single point", [label.key.partition("/")[2] for label in labels], right=False),
        Column("status", [label.status.value for label in labels], right=False, styles=styles),
        Column("asked by", [label.request.strategy for label in labels], spare=1, right=False),
        Column("because", [_why(label) for label in labels], right=False, prose=True, styles=styles),
        Column("σ_F (eV/Å)", [number(label.request.uncertainty) for label in labels], spare=4),
        Column("E model (eV)", [number(label.request.predicted_energy) for label in labels], spare=3),
        Column("E DFT (eV)", [number(label.energy) for label in labels]),
        Column("fmax (eV/Å)", [number(fmax) for fmax in forces]),
        Column("time (s)", [f"{label.seconds:.1f}" for label in labels], spare=2),
    ]


def _why(label: Label) -> str:
    why = label.request.reason + (f"; {label.cause}" if label.cause else "")
    if label.reused_from is not None:
        why += f"; taken over from {label.reused_from}"
    return why if label.ok else f"{why} ({label.directory})"  # of an accepted one, the cause is what SCF took
