"""The commands that make tables and files of a campaign: results, reference, report and export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.campaign_options import NameArgument, WhereOption, selected
from launchpad.cli.options import LaunchpadOption

if TYPE_CHECKING:
    from rich.table import Table

    from al_workflows.campaign.results import CampaignResults

#: characters that the table needs
WIDTH = 140


def results(
    name: NameArgument,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="A row for each member.", show_default=False)] = None,
    parquet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="As --csv, as Parquet; needs the [parquet] extra.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON, in place of the table.")] = False,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Tabulate what a campaign found: adsorption energies, ranks, barriers, spread between seeds, cost and failures.

    An adsorption energy takes off the relaxed slab and the reference molecules; where one of them has not converged, it
    is named in the place of a number.
    """
    import json

    from launchpad.campaigns import read_results
    from launchpad.settings import connect, resolve

    found = read_results(connect(resolve(launchpad_file), read_only=True), name)
    if csv is not None:
        from al_workflows.campaign.table_files import write_csv

        write_csv(found, csv)
    if parquet is not None:
        from al_workflows.campaign.table_files import write_parquet

        write_parquet(found, parquet)
    if as_json:
        print(json.dumps(found.plain(), indent=2, ensure_ascii=False))
        return
    _print(found)
    for path in filter(None, (csv, parquet)):
        print(f"Written: {path}")


def export(
    name: NameArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Of the data set's files.")],
    where: WhereOption = None,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Write a campaign's DFT single points as one data set, split by surface, to train any other potential on.

    Writes train.extxyz, val.extxyz and test.extxyz with REF_energy (eV), REF_forces (eV/Å) and where each structure
    comes from, and dataset.json, which says what they hold. Each structure is written once.
    """
    from launchpad.campaigns import export_campaign
    from launchpad.settings import connect, resolve

    found = export_campaign(connect(resolve(launchpad_file), read_only=True), name, output, selected(where))
    for split, number in found.structures.items():
        surfaces = found.surfaces[split]
        print(f"{output / f'{split}.extxyz'}: {number} structures of {len(surfaces)} surfaces")
    print(f"{found.duplicates} were left out because the same structure was there already")


def reference(
    name: NameArgument,
    method: Annotated[str, typer.Option(help="An optimizer: BFGS, BFGS-0.04, FIRE, GPMin …")] = "BFGS",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="By default alflow-reference/<campaign>.", show_default=False
        ),
    ] = None,
    max_calls: Annotated[int, typer.Option(min=1, help="Give a member up after so many single points.")] = 400,
    where: WhereOption = None,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Relax members by plain DFT as well, from the same starts, and compare: energies, basins, single points.

    For a fast method, or a few members: each takes what a relaxation by DFT takes. Writes comparison.json; after an
    interruption the same command goes on. Exit code 1: a member ends higher than plain DFT.
    """
    import json

    from al_workflows.benchmark.direct import method_of
    from al_workflows.campaign.compared import SAME, conclusion
    from al_workflows.files import write_atomically
    from al_workflows.preflight import writable_directory
    from launchpad.campaign_reference import compare_with
    from launchpad.settings import connect, resolve

    chosen = method_of("relaxation", method)
    directory = writable_directory(output or Path("alflow-reference") / name)
    launchpad = connect(resolve(launchpad_file), read_only=True)
    found = compare_with(
        launchpad,
        name,
        chosen,
        directory,
        selected(where),
        max_calls,
        lambda key, one: print(f"{key}: {one.outcome}, {one.calls} single points", flush=True),
    )
    rows = {"campaign": name, "method": chosen, "same_within_eV": SAME, "members": [one.row() for one in found]}
    write_atomically(directory / "comparison.json", json.dumps(rows, indent=2) + "\n")
    print(conclusion(found, chosen))
    print(f"Written: {directory / 'comparison.json'}")
    if any(one.ends == "higher" for one in found):
        raise typer.Exit(1)


def report(
    name: NameArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="By default alflow-report/<campaign>.", show_default=False),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="To show beside: comparison.json of `alflow campaign reference`.",
            show_default=False,
        ),
    ] = None,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Make a page of a campaign, finished or not: its figures, what it cost, its members, and what failed.

    Writes report.html, which needs no other file, and each figure as PNG, SVG and PDF, with its numbers as CSV.
    """
    from launchpad.campaign_history import read_campaign_history
    from launchpad.settings import connect, resolve

    history = read_campaign_history(connect(resolve(launchpad_file), read_only=True), name, reference)
    from al_workflows.analysis.campaign_report import write_campaign_report  # after what can go wrong: it takes a while
    from al_workflows.preflight import writable_directory

    page = write_campaign_report(history, writable_directory(output or Path("alflow-report") / name))
    members = len(history.results.entries)
    print(f"{page} is the report of campaign {name} ({members} members, {history.results.dft_calls} DFT calls)")


def _print(found: CampaignResults) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    console.width = max(console.width, WIDTH)
    console.print(_table(found))
    for spread in found.spreads:
        said = f"{spread.of}: {spread.quantity} {spread.mean:.4f} ± {spread.deviation:.4f} eV"
        console.print(f"{said} over {spread.seeds} seeds (range {spread.range:.4f})", soft_wrap=True)
    for entry in found.entries:
        for failure in entry.failures:
            console.print(
                f"{failure['key']}: {failure['status']}: {failure['cause']} ({failure['directory']})", soft_wrap=True
            )
    states = ", ".join(f"{number} {state}" for state, number in sorted(found.states.items()))
    borrowed = sum(entry.outcome.summary.get("borrowed", 0) for entry in found.entries)
    calls = f"{found.dft_calls} DFT calls, {found.reused} labels taken over, {borrowed} lent"
    calls += f", steps took {found.seconds / 3600:.2f} h"
    console.print(f"{len(found.entries)} members: {states or 'none'}; {calls}", soft_wrap=True)


def _table(found: CampaignResults) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("member", "state"):
        table.add_column(column, no_wrap=True)
    for column in (
        "E_ads (eV)",
        "rank",
        "barrier (eV)",
        "energy (eV)",
        "fmax (eV/Å)",
        "DFT calls",
        "borrowed",
        "time (s)",
    ):
        table.add_column(column, justify="right")
    table.add_column("remark")
    for entry in found.entries:
        one = entry.outcome
        parked = one.reason if one.state.parked or not one.state.ended else ""
        table.add_row(
            one.key,
            one.state.value,
            _number(entry.adsorption_energy),
            "-" if entry.rank is None else str(entry.rank),
            _number(entry.barriers["barrier_eV"]),
            _number(one.energy),
            _number(one.fmax),
            str(one.calls),
            str(one.summary.get("borrowed", 0)),
            f"{one.seconds:.1f}",
            "; ".join(filter(None, (parked, entry.missing))),
        )
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
