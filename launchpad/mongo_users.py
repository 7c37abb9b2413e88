"""Users of the local database with no more rights than they need, each with a private connection file of its own."""

from __future__ import annotations

import enum
import re
import secrets
from pathlib import Path
from typing import Any

import yaml
from pymongo.errors import PyMongoError

from al_workflows.errors import EnvironmentProblem, InputError
from launchpad.local_mongo import LocalMongo
from launchpad.mongo_bootstrap import DATABASE, first_clause
from launchpad.private_files import write_private

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Role(enum.StrEnum):
    """What a user may do: a worker all that a run needs, a reader nothing but look."""

    WORKER = "worker"
    READER = "reader"


#: MongoDB's role on the one database
MONGODB_ROLES = {Role.WORKER: "readWrite", Role.READER: "read"}


def add_user(local: LocalMongo, name: str, role: Role, file: Path) -> None:
    """Make the user ``name`` of a running local database; ``file`` becomes a ``my_launchpad.yaml`` (mode 600) for it.

    The password is drawn here and is nowhere but in that file.

    Raises
    ------
    InputError
        The name is taken or no name, or the file exists.
    EnvironmentProblem
        The file cannot be written, or the database refuses.
    """
    if _NAME.fullmatch(name) is None:
        raise InputError(f"the user is {name!r} but must be 1 to 64 letters, digits and any of _ . -")
    if file.exists():
        raise InputError(f"`{file}` exists and may hold another password; name another file with --output")
    if name in list_users(local):
        raise InputError(f"user `{name}` exists; `alflow db user remove {name}` first, or take another name")
    password = secrets.token_urlsafe(32)
    document = yaml.safe_load(local.launchpad_file().read_text()) | {"username": name, "password": password}
    write_private(file, yaml.safe_dump(document, sort_keys=False))
    try:
        _command(local, "createUser", name, pwd=password, roles=[MONGODB_ROLES[role]])
    except EnvironmentProblem:
        file.unlink(missing_ok=True)
        raise


def remove_user(local: LocalMongo, name: str) -> None:
    """Take away all rights of the user ``name``, which :func:`add_user` made.

    Raises
    ------
    InputError
        There is none.
    """
    found = list_users(local)
    if name not in found:
        raise InputError(f"user {name!r} was not made by `alflow db user add`; there are: {', '.join(found) or 'none'}")
    _command(local, "dropUser", name)


def list_users(local: LocalMongo) -> dict[str, Role]:
    """The users that :func:`add_user` made, and what they may do."""
    roles = {mongo: role for role, mongo in MONGODB_ROLES.items()}
    found = {
        user["user"]: [role["role"] for role in user["roles"]] for user in _command(local, "usersInfo", 1)["users"]
    }
    return {name: roles[own[0]] for name, own in sorted(found.items()) if len(own) == 1 and own[0] in roles}


def _command(local: LocalMongo, *arguments: Any, **options: Any) -> dict[str, Any]:
    try:
        with local.admin_client() as client:
            return dict(client[DATABASE].command(*arguments, **options))
    except PyMongoError as error:
        raise EnvironmentProblem(f"the local database refused: {first_clause(error)}") from None
