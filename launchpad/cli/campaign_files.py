"""The commands that make tables and files of a campaign: results, reference, report and export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.campaign_options import NameArgument, WhereOption, selected
from launchpad.cli.options import JsonOption, LaunchpadOption

if TYPE_CHECKING:
    from al_workflows.campaign.compared import Direct
    from al_workflows.campaign.results import CampaignResults
    from launchpad.cli.tables import Column


def results(
    name: NameArgument,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="A row for each member.", show_default=False)] = None,
    parquet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="As --csv, as Parquet; needs the [parquet] extra.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Tabulate what a campaign found: adsorption energies, ranks, barriers, spread between seeds, cost and failures.

    An adsorption energy takes off the relaxed slab and the reference molecules; where one of them has not converged, it
    is named in the place of a number.
    """
    from launchpad.campaigns import read_results
    from launchpad.cli.output import print_document
    from launchpad.cli.progress import Progress
    from launchpad.settings import connect, resolve

    with Progress("reading the members", quiet=as_json):
        found = read_results(connect(resolve(launchpad_file), read_only=True), name)
    if csv is not None:
        from al_workflows.campaign.table_files import write_csv

        write_csv(found, csv)
    if parquet is not None:
        from al_workflows.campaign.table_files import write_parquet

        write_parquet(found, parquet)
    if as_json:
        print_document(found.plain())
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
    from launchpad.cli.progress import Progress
    from launchpad.settings import connect, resolve

    with Progress("writing the members' labels") as progress:
        launchpad = connect(resolve(launchpad_file), read_only=True)
        found = export_campaign(launchpad, name, output, selected(where), progress.step)
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
    from launchpad.campaign_reference import compare_with, keep_comparison
    from launchpad.cli.progress import Progress
    from launchpad.settings import connect, resolve

    chosen = method_of("relaxation", method)
    directory = writable_directory(output or Path("alflow-reference") / name)
    launchpad = connect(resolve(launchpad_file), read_only=True)
    with Progress("relaxing by plain DFT") as progress:

        def told(key: str, one: Direct, stored: bool, done: int, of: int) -> None:
            progress.step(done, of, computed=not stored)
            progress.say(f"{key}: {one.outcome}, {one.calls} single points")

        found = compare_with(launchpad, name, chosen, directory, selected(where), max_calls, told)
    rows = {"campaign": name, "method": chosen, "same_within_eV": SAME, "members": [one.row() for one in found]}
    write_atomically(directory / "comparison.json", json.dumps(rows, indent=2) + "\n")
    print(conclusion(found, chosen))
    if not keep_comparison(launchpad, name, chosen, found):
        print("The campaign's page will not show it: this user of the database may only read.")
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
    from launchpad.cli.tables import print_table

    console = print_table(_columns(found))
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


def _columns(found: CampaignResults) -> list[Column]:
    from launchpad.cli.tables import Column, number

    outcomes = [entry.outcome for entry in found.entries]
    keys = [one.key for one in outcomes]
    remarks = [
        "; ".join(filter(None, (one.reason if one.state.parked or not one.state.ended else "", entry.missing)))
        for one, entry in zip(outcomes, found.entries, strict=True)
    ]
    columns = [
        Column("member", keys, right=False, ids=keys),
        Column("state", [one.state.value for one in outcomes], right=False),
        Column("E_ads (eV)", [number(entry.adsorption_energy) for entry in found.entries]),
        Column("rank", ["-" if entry.rank is None else str(entry.rank) for entry in found.entries], spare=3),
        Column("barrier (eV)", [number(entry.barriers["barrier_eV"]) for entry in found.entries], spare=1),
        Column("energy (eV)", [number(one.energy) for one in outcomes], spare=4),
        Column("fmax (eV/Å)", [number(one.fmax) for one in outcomes], spare=5),
        Column("DFT calls", [str(one.calls) for one in outcomes], spare=2),
        Column("borrowed", [str(one.summary.get("borrowed", 0)) for one in outcomes], spare=7),
        Column("time (s)", [f"{one.seconds:.1f}" for one in outcomes], spare=6),
    ]
    if any(remarks):
        columns.append(Column("remark", remarks, right=False, prose=True))
    return columns
