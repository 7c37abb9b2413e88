"""`alflow db`: a MongoDB of one's own on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from launchpad.cli import db_users
from launchpad.cli.options import DataOption, JsonOption

if TYPE_CHECKING:
    from launchpad.local_mongo import LocalMongo
    from launchpad.mongo_status import MongoStatus

EXIT_CODES = {"running": 0, "unhealthy": 1, "stopped": 3}  # as systemctl has them

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Start, stop and look at a MongoDB of your own on this machine.",
    short_help="A MongoDB of your own on this machine.",
    epilog="Other commands start it by themselves when no other database is set.",
)
app.add_typer(db_users.app, name="user")


@app.command(
    epilog="Examples:  [cyan]alflow db start[/cyan]   or   [cyan]alflow db start --data /scratch/$USER/mongo[/cyan]"
)
def start(data: DataOption = None) -> None:
    """Start the local database, or say that it runs already.

    It listens on 127.0.0.1 only, asks for a password, and outlives this terminal.
    """
    local = _local(data)
    status = local.start()
    _print(status)
    print("  for FireWorks' own commands, either of:")
    print(f"    export FW_CONFIG_FILE={_quoted(local.fw_config_file())}")
    print(f"    lpad -l {_quoted(local.launchpad_file())} get_wflows")


@app.command(epilog="Example:  [cyan]alflow db stop[/cyan]")
def stop(data: DataOption = None) -> None:
    """Stop the local database cleanly; what it holds stays on disk."""
    local = _local(data)
    local.stop()
    _print(local.status())
    print("  `alflow` starts it again by itself; lpad and rlaunch wait for it: `alflow db start`")


@app.command(epilog="Example:  [cyan]alflow db status && echo it runs[/cyan]")
def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say whether the local database runs, where, and how large it is.

    Exit code 0: it runs; 3: it is stopped; 1: something is wrong.
    """
    from launchpad.cli.output import print_document

    found = _local(data).status()
    if as_json:
        print_document(found.plain())
    else:
        _print(found)
    raise typer.Exit(EXIT_CODES[found.state])


def _local(data: Path | None) -> LocalMongo:
    from launchpad.local_mongo import LocalMongo
    from launchpad.settings import default_data_dir

    return LocalMongo(data or default_data_dir())


def _print(status: MongoStatus) -> None:
    print(f"local database: {status.state}{status.detail and ': '}{status.detail}")
    print(f"  directory  {status.data_dir}  ({status.size_bytes / 1e6:.0f} MB)")
    if status.pid is not None:
        print(f"  address    127.0.0.1:{status.port}")
        print(f"  process    {status.pid}  (MongoDB {status.version or 'of unknown version'})")


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
