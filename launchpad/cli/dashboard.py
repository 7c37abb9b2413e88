"""The command of the dashboard, and of those who may log in to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from launchpad.cli import dashboard_users
from launchpad.cli.errors import CommandGroup
from launchpad.cli.options import LaunchpadOption

app = typer.Typer(
    cls=CommandGroup,
    invoke_without_command=True,
    help="Show campaigns and runs in a browser, as they go on.",
    epilog="Examples:  [cyan]alflow dashboard[/cyan]   or   "
    "[cyan]alflow dashboard --users dashboard-users.yaml --actions --name al.example.org --tls[/cyan]",
)
app.add_typer(dashboard_users.app, name="user")

UsersOption = Annotated[
    Path | None,
    typer.Option("--users", metavar="FILE", help="Who may log in; without it nobody needs to.", show_default=False),
]


@app.callback()
def dashboard(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs --users.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any that is free.")] = 8050,
    users: UsersOption = None,
    actions: Annotated[
        bool, typer.Option("--actions", help="Have users who may write pause, resume, cancel and rerun.")
    ] = False,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", help="A host name by which browsers call it.", show_default=False),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="A proxy in front of it speaks TLS to browsers.")] = False,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Serve the dashboard on this machine until Ctrl-C; without --actions it reads the database and writes nothing.

    Exit code 0: ended by Ctrl-C or SIGTERM; 2: refused, or the database does not answer.
    """
    if context.invoked_subcommand is not None:
        return
    import signal
    import sys

    from launchpad.settings import resolve

    with dashboard_users.installed():
        from launchpad.dashboard.config import DashboardConfig
        from launchpad.dashboard.serve import serve

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config = DashboardConfig(resolve(launchpad_file), host, port, users, actions, tuple(name or ()), tls)

    def ready(address: str) -> None:
        print(f"dashboard of {config.source.address}:  {address}\nCtrl-C ends it", flush=True)
        if not (config.loopback or config.tls):
            warning = "passwords and pages travel unencrypted: let a proxy speak TLS (--tls), or use an SSH tunnel"
            print(f"alflow: {warning}", file=sys.stderr, flush=True)

    serve(config, ready)
