"""`alflow campaign`: one question asked of many surfaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launchpad.cli.options import JsonOption

if TYPE_CHECKING:
    from al_workflows.records import Label

CampaignArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The campaign's YAML file.", show_default=False)]

#: the exit code where nothing can be made, or a bulk has no lattice constant
NOTHING_MADE = 1

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Ask one question of many surfaces: bulks, facets, adsorbates and sites from one file.",
    short_help="One question asked of many surfaces.",
    epilog="[cyan]alflow example campaign[/cyan] writes a file to begin with.",
)


@app.command(
    epilog="Examples:  [cyan]alflow campaign plan campaign.yaml[/cyan]   or   "
    "[cyan]alflow campaign plan campaign.yaml --pictures sheet[/cyan]"
)
def plan(
    file: CampaignArgument,
    as_json: JsonOption = False,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw the first members into DIR/<name>.png.", show_default=False),
    ] = None,
    number: Annotated[int, typer.Option(min=1, max=200, help="With --pictures: so many members.")] = 24,
) -> None:
    """Say what a campaign would make; compute and submit nothing.

    Members by kind, atoms, an upper bound of DFT calls, what symmetry makes equal, and what cannot be made and why.
    Structures of the Materials Project are kept beside the file, as <id>.json.
    Exit code 0: there are members; 1: there are none.
    """
    from al_workflows.analysis.plan_text import plan_record, plan_text
    from launchpad.campaign_file import read_plan
    from launchpad.cli.output import print_document
    from launchpad.cli.progress import Progress

    with Progress("looking at facets", quiet=as_json) as progress:

        def told(done: int, of: int, members: int) -> None:
            progress.step(done, of)
            progress.activity(f"{members} members so far; facets")

        _, found = read_plan(file, told)
    if as_json:
        print_document(plan_record(found))
    else:
        print(plan_text(found))
    if pictures is not None and found.members:
        from al_workflows.analysis.plan_pictures import write_pictures
        from al_workflows.preflight import writable_directory

        sheet = writable_directory(pictures) / f"{found.name}.png"
        with Progress("drawing", quiet=as_json):
            drawn = write_pictures(found.members[:number], sheet)
        typer.echo(f"{sheet} shows the first {drawn} of {len(found.members)}", err=as_json)
    if not found.members:
        raise typer.Exit(NOTHING_MADE)


@app.command(epilog="Example:  [cyan]alflow campaign lattice campaign.yaml[/cyan]")
def lattice(file: CampaignArgument) -> None:
    """Find lattice constants by the campaign's own DFT: an equation of state of each bulk with `lattice: eos`.

    Writes <name>.lattice.json beside the file, for `alflow campaign plan`. Single points are kept in <name>.lattice: an
    interrupted command goes on. All axes are scaled alike.
    Exit code 0: all bulks have theirs; 1: one has none, and why.
    """
    from al_workflows.campaign.bulks import bulk_atoms
    from al_workflows.campaign.file import load_campaign
    from al_workflows.campaign.lattice import fit_lattice
    from al_workflows.campaign.lattice_file import lattice_file, read_fits, write_fits
    from al_workflows.campaign.settings import bulk_dft
    from al_workflows.errors import InputError
    from launchpad.campaign_file import materials_project
    from launchpad.cli.progress import Progress

    campaign = load_campaign(file)
    spec, path, fetch = campaign.spec, lattice_file(campaign), materials_project(campaign)
    wanted = [bulk for bulk in spec.bulks if spec.eos_wanted(bulk)]
    if not wanted:
        raise InputError(
            f"{file}: no bulk has `lattice: eos`, so that none is to be computed; set it, or go on with `plan`"
        )
    dft, fits, failed = bulk_dft(campaign), read_fits(path), 0
    with Progress("single points") as progress:

        def told(label: Label) -> None:
            progress.count(len(wanted) * spec.eos.points)
            progress.say(_line(label))

        for bulk in wanted:
            try:
                atoms = bulk_atoms(bulk, campaign.directory, fetch)
                fit = fit_lattice(bulk, atoms, dft, spec.eos, path.with_suffix("") / bulk.key, told)
            except InputError as error:
                failed += 1
                progress.say(f"{bulk.key}: left out: {error}")
                continue
            fits[bulk.key] = fit
            write_fits(fits, path)  # after each, so that an interruption leaves those that are done
            lengths = ", ".join(f"{length:.4f}" for length in fit.lengths)
            progress.say(
                f"{bulk.key}: a, b, c = {lengths} Å (times {fit.scale:.4f}), bulk modulus {fit.bulk_modulus:.1f} GPa, "
                f"residual {1000 * fit.residual:.2f} meV, by {fit.code}"
            )
    print(f"Written to {path}: {', '.join(fits) or 'nothing'}")
    if failed:
        raise typer.Exit(NOTHING_MADE)


def _line(label: Label) -> str:
    energy = f"{label.energy:.4f} eV" if label.energy is not None else f"{label.status.value}: {label.cause}"
    return f"  {label.atoms.symbols} at {label.atoms.get_volume():.3f} Å³: {energy}"
