"""Who may log in to the dashboard: a private YAML file of names, hashed passwords and rights."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from werkzeug.security import check_password_hash, generate_password_hash

from al_workflows.errors import EnvironmentProblem, InputError
from launchpad.private_files import open_to_others, write_private

#: letters of a password
SHORTEST, LONGEST = 12, 1000
#: how passwords are hashed: werkzeug's scrypt, which takes 32 MiB each
METHOD = "scrypt"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")


@dataclass(frozen=True)
class User:
    """Somebody who may log in; ``password`` is the hash. ``may_write``: pause, resume, cancel and rerun, if offered."""

    name: str
    password: str = field(repr=False)
    may_write: bool = False


class Users:
    """The users of a file, read again when it has changed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._known: tuple[tuple[int, ...], Mapping[str, User]] | None = None
        #: what the password of somebody who is not there is compared with, so that it takes as long
        self._nobody = generate_password_hash(secrets.token_urlsafe(), METHOD)

    def read(self) -> Mapping[str, User]:
        """By name.

        Raises
        ------
        InputError
            The file cannot be used: see :func:`read_users`.
        """
        with self._lock:
            try:
                now = os.stat(self.file)
            except OSError as error:
                raise InputError(_unreadable(self.file, error)) from None
            mark = (now.st_ino, now.st_mtime_ns, now.st_ctime_ns, now.st_size, now.st_mode)
            if self._known is None or self._known[0] != mark:
                self._known = (mark, read_users(self.file))
            return self._known[1]

    def check(self, name: str, password: str) -> User | None:
        """The user, if the password is right; it takes as long for a name that is not there."""
        user = self.read().get(name)
        right = check_password_hash(self._nobody if user is None else user.password, password[:LONGEST])
        return user if right else None


def read_users(file: Path) -> dict[str, User]:
    """The users of a file, by name.

    Raises
    ------
    InputError
        It is not there, others can read or write it, or it is no users file.
    """
    try:
        if open_to_others(file):
            raise InputError(
                f"`{file}` can be read or written by others but decides who may log in: run `chmod 600 {file}`"
            )
        found = yaml.safe_load(file.read_text())
    except OSError as error:
        raise InputError(_unreadable(file, error)) from None
    except (UnicodeDecodeError, yaml.YAMLError):
        found = None
    listed = found.get("users") if isinstance(found, dict) else None
    if not isinstance(listed, dict):
        raise InputError(f"`{file}` has no `users`, so it is no users file; `alflow dashboard user add` writes one")
    return {str(name): _user(file, str(name), value) for name, value in listed.items()}


def add_user(file: Path, name: str, password: str, *, may_write: bool) -> None:
    """Add a user; the file is made where there is none.

    Raises
    ------
    InputError
        The name is taken or no name, the password is too short or too long, or the file cannot be used.
    """
    if _NAME.fullmatch(name) is None:
        raise InputError(f"the user is {name[:80]!r} but must be 1 to 64 letters, digits and any of _ . @ -")
    users = read_users(file) if file.exists() else {}
    if name in users:
        raise InputError(f"user `{name}` is in `{file}`; `alflow dashboard user password {name}` changes the password")
    _write(file, users | {name: User(name, _hashed(password), may_write)})


def change_password(file: Path, name: str, password: str) -> None:
    """Give a user another password; whoever is logged in by the old one has to log in again.

    Raises
    ------
    InputError
        There is no such user, the password is too short or too long, or the file cannot be used.
    """
    users = read_users(file)
    before = _known(file, users, name)
    _write(file, users | {name: User(name, _hashed(password), before.may_write)})


def remove_user(file: Path, name: str) -> None:
    """Take a user out; whoever is logged in as that user is no longer.

    Raises
    ------
    InputError
        There is no such user, or the file cannot be used.
    """
    users = read_users(file)
    _known(file, users, name)
    _write(file, {other: user for other, user in users.items() if other != name})


def secret_key(users: Path) -> bytes:
    """The key by which sessions are signed, in a private file beside that of the users; drawn when it is not there.

    Raises
    ------
    InputError
        Others can read or write the file, or it is no key.
    EnvironmentProblem
        It cannot be written.
    """
    file = users.with_name(f"{users.name}.key")
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    except OSError as error:
        raise EnvironmentProblem(f"`{file}`, the key of sessions, cannot be written: {error.strerror}") from None
    else:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32))
    if open_to_others(file):
        raise InputError(f"`{file}` can be read or written by others but is the key of sessions: remove it")
    found = file.read_bytes().strip()
    if len(found) < 64:
        raise InputError(f"`{file}` is no key of sessions; remove it, and it is drawn anew")
    return found


def check_password(password: str) -> str:
    """The password, if it may be one.

    Raises
    ------
    InputError
        It is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"the password has {len(password)} letters but must have {SHORTEST} to {LONGEST}")
    return password


def _hashed(password: str) -> str:
    return generate_password_hash(check_password(password), METHOD)


def _user(file: Path, name: str, value: Any) -> User:
    known = value if isinstance(value, dict) else {}
    password, may_write = known.get("password"), known.get("may_write", False)
    hashed = isinstance(password, str) and password.startswith(f"{METHOD}:") and password.count("$") == 2
    if not hashed or not isinstance(may_write, bool) or set(known) - {"password", "may_write"}:
        raise InputError(
            f"user `{name}` of `{file}` must have a `password` that `alflow dashboard user add` hashed, and "
            "`may_write: true` or `false`; remove it there and add it anew"
        )
    return User(name, str(password), may_write)


def _known(file: Path, users: Mapping[str, User], name: str) -> User:
    if name not in users:
        raise InputError(f"user {name[:80]!r} is not in `{file}`; there are: {', '.join(users) or 'none'}")
    return users[name]


def _write(file: Path, users: Mapping[str, User]) -> None:
    shown = {user.name: {"password": user.password, "may_write": user.may_write} for user in users.values()}
    try:
        write_private(file, yaml.safe_dump({"users": shown}, sort_keys=False, width=1000))
    except OSError as error:
        raise EnvironmentProblem(f"`{file}` cannot be written: {error.strerror}") from error


def _unreadable(file: Path, error: OSError) -> str:
    return (
        f"`{file}`, the file of those who may log in, cannot be read: {error.strerror}; "
        f"`alflow dashboard user add NAME --users {file}` makes one"
    )
