"""`alflow dashboard user`: who may log in to the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Add, list and remove those who may log in to the dashboard.",
    short_help="Those who may log in to the dashboard.",
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
FileOption = Annotated[
    Path, typer.Option("--users", metavar="FILE", help="The file of users, mode 600.", show_default=False)
]


@contextmanager
def installed() -> Iterator[None]:
    """Say in a line that the dashboard's packages are not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        from al_workflows.errors import EnvironmentProblem

        raise EnvironmentProblem(
            f"the dashboard needs the package `{error.name}`; pip install 'al-workflows[dashboard]'"
        ) from None


@app.command(
    epilog="Examples:  [cyan]alflow dashboard user add anna --users dashboard-users.yaml --may-write[/cyan]   or   "
    "[cyan]pwgen 20 1 | alflow dashboard user add anna --users dashboard-users.yaml[/cyan]"
)
def add(
    name: NameArgument,
    users: FileOption,
    may_write: Annotated[
        bool, typer.Option("--may-write", help="May pause, resume, cancel and rerun, where --actions offers that.")
    ] = False,
) -> None:
    """Add a user. The password is asked for twice, or is the first line of standard input; 12 letters or more.

    A dashboard that runs with the file takes the change at once. Exit code 0: added; 2: the name is taken, the password
    too short, or the file can be read by others.
    """
    with installed():
        from launchpad.dashboard.users import add_user

    add_user(users, name, _password(), may_write=may_write)
    print(f"user {name} may log in{' and act' if may_write else ''}; the file is {users} (mode 600)")


@app.command(epilog="Example:  [cyan]alflow dashboard user password anna --users dashboard-users.yaml[/cyan]")
def password(name: NameArgument, users: FileOption) -> None:
    """Change a user's password; sessions that began with the old one end."""
    with installed():
        from launchpad.dashboard.users import change_password

    change_password(users, name, _password())
    print(f"user {name} has another password; whoever was logged in with the old one is no longer")


@app.command("list", epilog="Example:  [cyan]alflow dashboard user list --users dashboard-users.yaml[/cyan]")
def list_(users: FileOption) -> None:
    """List who may log in, and who of them may act."""
    with installed():
        from launchpad.dashboard.users import read_users

    found = read_users(users)
    for user in found.values():
        print(f"{user.name}  {'may write' if user.may_write else 'may look'}")
    if not found:
        print(f"no users yet: `alflow dashboard user add NAME --users {users}`")


@app.command(epilog="Example:  [cyan]alflow dashboard user remove anna --users dashboard-users.yaml[/cyan]")
def remove(name: NameArgument, users: FileOption) -> None:
    """Remove a user; whoever is logged in as that user is no longer."""
    with installed():
        from launchpad.dashboard.users import remove_user

    remove_user(users, name)
    print(f"user {name} is removed")


def _password() -> str:
    """From the terminal, unseen, or the first line of what is piped."""
    import getpass
    import sys

    from al_workflows.errors import InputError

    with installed():
        from launchpad.dashboard.users import check_password

    if not sys.stdin.isatty():
        return check_password(sys.stdin.readline().rstrip("\r\n"))
    first = check_password(getpass.getpass("password: "))
    if getpass.getpass("again: ") != first:
        raise InputError("the two passwords differ; nothing was changed")
    return first
