"""`alflow db user`: users of the local database with few rights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from launchpad.cli.options import DataOption, JsonOption

if TYPE_CHECKING:
    from launchpad.local_mongo import LocalMongo

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Add, list and remove users of the local database who may do less than you.",
    short_help="Users of the local database with few rights.",
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@app.command(
    epilog="Examples:  [cyan]alflow db user add dashboard --role reader[/cyan]   or   "
    "[cyan]alflow db user add worker --role worker --output worker/my_launchpad.yaml[/cyan]"
)
def add(
    name: NameArgument,
    role: Annotated[Literal["worker", "reader"], typer.Option(help="A worker may read and write, a reader only look.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="By default NAME_launchpad.yaml.", show_default=False),
    ] = None,
    data: DataOption = None,
) -> None:
    """Make a user, and a connection file (mode 600) with its password for --launchpad FILE, `lpad -l`, `rlaunch -l`."""
    from launchpad.mongo_users import Role, add_user

    file = output or Path(f"{name}_launchpad.yaml")
    add_user(_running(data), name, Role(role), file)
    print(f"user {name} ({role}) of the local database; its connection file is {file} (mode 600)")
    example = "status" if role == "reader" else "submit relax.yaml"
    print(f"  for example:  alflow {example} --launchpad {file}")


@app.command("list", epilog="Example:  [cyan]alflow db user list[/cyan]")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the users that were added, and what they may do."""
    from launchpad.cli.output import print_document
    from launchpad.mongo_users import list_users

    found = list_users(_running(data))
    if as_json:
        print_document({"users": [{"name": name, "role": role.value} for name, role in found.items()]})
        return
    for name, role in found.items():
        print(f"{name}  {role}")
    if not found:
        print("no users yet: `alflow db user add dashboard --role reader`")


@app.command(epilog="Example:  [cyan]alflow db user remove dashboard[/cyan]")
def remove(name: NameArgument, data: DataOption = None) -> None:
    """Remove a user; its connection file is of no use then."""
    from launchpad.mongo_users import remove_user

    remove_user(_running(data), name)
    print(f"user {name} is removed")


def _running(data: Path | None) -> LocalMongo:
    from launchpad.local_mongo import LocalMongo
    from launchpad.settings import default_data_dir

    local = LocalMongo(data or default_data_dir())
    local.start()
    return local
