"""`alflow benchmark`: measurements of the learner beside its peers, and of what computing costs.

The commands are in :mod:`.benchmark_learner` and :mod:`.benchmark_costs`; this is their table.
"""

from __future__ import annotations

import typer

from launchpad.cli import benchmark_costs, benchmark_learner

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Measure the learner beside its peers, with every single point counted.",
    short_help="Measure the learner beside its peers.",
    epilog="Each command writes a Markdown table and JSON into its output directory.",
)
app.command(
    epilog="Examples:  [cyan]alflow benchmark relax --seeds 10[/cyan]   or   [cyan]alflow benchmark relax --systems "
    "drawn --seeds 5 --variants ablation --jobs 4[/cyan]"
)(benchmark_learner.relax)
app.command(
    epilog="Examples:  [cyan]alflow benchmark neb --seeds 6[/cyan]   or   [cyan]alflow benchmark neb --systems paper "
    "--variants all --peers none[/cyan]"
)(benchmark_learner.neb)
app.command(epilog="Example:  [cyan]alflow benchmark sharing --seeds 3 --jobs 2[/cyan]")(benchmark_learner.sharing)
app.command(
    name="held-out", epilog="Example:  [cyan]alflow benchmark held-out run-1/labels.extxyz run-2/labels.extxyz[/cyan]"
)(benchmark_learner.held_out)
app.command(epilog="Example:  [cyan]alflow benchmark uncertainty --systems paper,drawn:4 --seeds 2[/cyan]")(
    benchmark_learner.uncertainty
)
app.command(epilog="Example:  [cyan]alflow benchmark curvature --seeds 3 --jobs 4[/cyan]")(benchmark_learner.curvature)
app.command(
    epilog="Examples:  [cyan]alflow benchmark md --seeds 6[/cyan]   or   [cyan]alflow benchmark md --systems all "
    "--temperatures 300,800 --variants default[/cyan]"
)(benchmark_learner.md)
app.command(epilog="Example:  [cyan]alflow benchmark predict --largest 120[/cyan]")(benchmark_costs.predict)
app.command(epilog="Example:  [cyan]alflow benchmark train --atoms 13 --images 1,10,40[/cyan]")(benchmark_costs.train)
app.command(epilog="Example:  [cyan]alflow benchmark cycle --seeds 5[/cyan]")(benchmark_costs.cycle)
app.command(
    epilog="Examples:  [cyan]alflow benchmark workflow[/cyan]   or   [cyan]alflow benchmark workflow --cycles 10 "
    "--runs 10,1000[/cyan]"
)(benchmark_costs.workflow)
app.command(
    epilog="Examples:  [cyan]alflow benchmark campaign[/cyan]   or   [cyan]alflow benchmark campaign --submit 0 "
    "--members 200 --sleep 10 --workers 4[/cyan]"
)(benchmark_costs.campaign)
app.command(
    epilog="Examples:  [cyan]alflow benchmark dashboard[/cyan]   or   [cyan]alflow benchmark dashboard --members 1000 "
    "--viewers 5 --seconds 20[/cyan]"
)(benchmark_costs.dashboard)
