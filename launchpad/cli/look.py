"""The commands that look at runs: status and show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.options import LaunchpadOption

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from al_workflows.records import Label
    from launchpad.status import RunStatus

#: characters that the tables below need
TABLE_WIDTH = 120


def status(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run's id, or how it begins.", show_default=False)
    ] = None,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """List the runs of the database, or say how one stands."""
    from fw_specs.store import Store
    from launchpad.settings import connect, resolve
    from launchpad.status import fizzled_cause, read_all, read_status

    launchpad = connect(resolve(launchpad_file), read_only=True)
    console = _wide_console()
    if run is None:
        found = read_all(launchpad)
        if not found:
            console.print("no runs yet: `alflow example relax`, then `alflow submit relax.yaml`")
            return
        console.print(_status_table(found))
        return
    one = read_status(launchpad, Store(launchpad.db).find_run(run))
    console.print(_status_table([one]))
    if one.reason:
        console.print(one.reason, soft_wrap=True)
    if one.state.value == "FIZZLED":
        console.print(f"stopped: {fizzled_cause(launchpad, one.run)}", soft_wrap=True)


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it begins.", show_default=False)],
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Show a run's ledger: each single point, who asked for it and why, what failed and why."""
    from al_workflows.records import VerdictKind
    from fw_specs.store import Store
    from launchpad.settings import connect, resolve
    from launchpad.status import read_status

    launchpad = connect(resolve(launchpad_file), read_only=True)
    store = Store(launchpad.db)
    one = read_status(launchpad, store.find_run(run))
    console = _wide_console()
    console.print(_ledger(one, store.labels(one.run)))
    for cycle in store.cycles(one.run):
        if cycle.verdict.kind is VerdictKind.CONTINUE and cycle.verdict.criterion != "none":
            console.print(f"cycle {cycle.index}: {cycle.verdict.reason}", soft_wrap=True)
        selection = store.selection(one.run, cycle.index)
        for rejection in selection.rejected if selection is not None else ():
            what = "a proposal" if rejection.pool_index is None else f"frame {rejection.pool_index}"
            console.print(
                f"cycle {cycle.index}: {what} was not asked for: {rejection.reason}",
                soft_wrap=True,
            )
    console.print(f"{one.state.value}: {one.reason}" if one.reason else one.state.value, soft_wrap=True)


def _wide_console() -> Console:
    """A console that does not squeeze tables: what is too wide for the terminal goes on in the next line."""
    from rich.console import Console

    width = Console().width
    return Console(highlight=False, markup=False, width=max(width, TABLE_WIDTH))


def _status_table(found: list[RunStatus]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for column in ("cycles", "DFT calls", "fmax (eV/Å)", "target", "energy (eV)"):
        table.add_column(column, justify="right")
    table.add_column("Fireworks")
    for one in found:
        fireworks = ", ".join(f"{number} {state}" for state, number in sorted(one.fireworks.items()))
        table.add_row(
            one.run,
            Text(one.state.value, style="green" if one.state.value == "CONVERGED" else ""),
            str(one.cycles),
            str(one.dft_calls),
            _number(one.fmax),
            "-" if one.target is None else f"{one.target:g}",
            _number(one.energy),
            fireworks,
        )
    return table


def _ledger(one: RunStatus, labels: tuple[Label, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from al_workflows.structures import max_force

    table = Table("single point", "status", "asked by", "because", title=one.run, box=None, header_style="bold")
    for column in ("σ_F (eV/Å)", "E model (eV)", "E DFT (eV)", "fmax (eV/Å)", "time (s)"):
        table.add_column(column, justify="right")
    for label in labels:
        request = label.request
        fmax = max_force(label.atoms, label.forces) if label.forces is not None else None
        why = request.reason + (f"; {label.cause}" if label.cause else "")
        if label.reused_from is not None:
            why += f"; taken over from {label.reused_from}"
        if not label.ok:  # of an accepted label, the cause is what SCF took to converge
            why += f" ({label.directory})"
        table.add_row(
            label.key.partition("/")[2],
            Text(label.status.value, style="" if label.ok else "red"),
            request.strategy,
            Text(why, style="" if label.ok else "red"),
            _number(request.uncertainty),
            _number(request.predicted_energy),
            _number(label.energy),
            _number(fmax),
            f"{label.seconds:.1f}",
        )
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
