"""The command `alflow`: the table of its commands.

A command lives in a module beside this one as a plain function with typer's annotations, imports what it needs inside,
and calls one function of another layer. It is added below with one line: ``app.command()(module.function)``.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from launchpad.cli import (
    benchmark,
    campaign,
    campaign_runs,
    control,
    dashboard,
    db,
    demo,
    doctor,
    files,
    init,
    keep,
    look,
    morse,
    reference,
    runs,
    study,
    worker,
)
from launchpad.cli.errors import CommandGroup, with_one_line_errors


def _examples(*lines: str) -> str:
    shown = "   or   ".join(f"[cyan]{line}[/cyan]" for line in lines)
    return f"Example{'s' if len(lines) > 1 else ''}:  {shown}"


app = typer.Typer(
    name="alflow",
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # a plain traceback shows no values, so no passwords
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="[bold]alflow COMMAND --help[/bold] explains a command, with examples. Exit code 0: done; 1: it ended, but "
    "not as hoped; 2: wrong input, or something is missing; 130: Ctrl-C. More in docs/terminal.md.",
)
app.command(epilog=_examples("alflow demo", "alflow demo --output /tmp/demo"))(demo.demo)
app.command(
    epilog=_examples(
        "alflow init", "alflow init work --partition normal --dft-ntasks 16 --dft-mem 32G --module qe --launcher srun"
    )
)(init.init)
app.command(epilog=_examples("alflow example relax", "alflow example neb my-first-path"))(runs.example)
app.command(epilog=_examples("alflow validate relax.yaml"))(runs.validate)
app.command(epilog=_examples("alflow submit relax.yaml", "alflow submit relax.yaml --directory /scratch/me/runs"))(
    runs.submit
)
app.command(epilog=_examples("alflow run relax.yaml --workers 2", "alflow run relax.yaml --in-process"))(runs.run)
app.command(epilog=_examples("alflow status", "alflow status relax-1a2b"))(look.status)
app.command(epilog=_examples("alflow show relax-1a2b"))(look.show)
app.command(
    epilog=_examples("alflow supervise", "alflow supervise cluster --max-jobs 4 --max-jobs dft=50 --until-done")
)(keep.supervise)
app.command(epilog=_examples("alflow recover --dry-run", "alflow recover relax-1a2b"))(keep.recover)
app.command(epilog=_examples("alflow pause relax-1a2b"))(control.pause)
app.command(epilog=_examples("alflow resume relax-1a2b"))(control.resume)
app.command(epilog=_examples("alflow cancel relax-1a2b"))(control.cancel)
app.command(epilog=_examples("alflow rerun relax-1a2b"))(control.rerun)
app.command(epilog=_examples("alflow report relax-1a2b -o page", "alflow report --output-of alflow-runs/relax-1a2b"))(
    files.report
)
app.command(
    epilog=_examples("alflow export relax-1a2b -o train.extxyz", "alflow export md-1a2b --trajectory -o md.extxyz")
)(files.export)
app.command(
    name="fit-morse",
    epilog=_examples(
        "alflow fit-morse Cu O --dft gpaw.yaml", "alflow fit-morse Pt --dft gpaw.yaml --output pt --submit"
    ),
)(morse.fit_morse)
app.command(
    epilog=_examples(
        "alflow reference relax.yaml --method GPMin", "alflow reference md.yaml --steps 200 --start frame.xyz"
    )
)(reference.reference)
app.command(
    epilog=_examples(
        "alflow study list", "alflow study table2 --seeds 6 -o study", "alflow study table1 --dft gpaw.yaml"
    )
)(study.study)
app.command(epilog=_examples("alflow schema > alflow.schema.json"))(files.schema)
app.command(epilog=_examples("alflow doctor", "alflow doctor --directory /scratch/me/runs"))(doctor.doctor)
app.add_typer(benchmark.app, name="benchmark")
campaign_runs.add_to(campaign.app)
app.add_typer(campaign.app, name="campaign")
app.add_typer(dashboard.app, name="dashboard")
app.add_typer(db.app, name="db")
app.add_typer(worker.app, name="worker")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"alflow {version('al-workflows')}")
        raise typer.Exit


@app.callback()
def alflow(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Active learning of machine-learning potentials, run as FireWorks workflows."""


def main() -> None:
    """Run the command line; the console script `alflow` calls this."""
    try:
        code = with_one_line_errors(lambda: app(standalone_mode=True))
    except typer.Exit as stop:
        code = stop.exit_code
    sys.exit(code)
