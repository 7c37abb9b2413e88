"""The database as the pages read it: a user who may only read, and an answer within seconds or a clear error."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import yaml
from fireworks import LaunchPad

from al_workflows.errors import InputError
from launchpad.local_mongo import LocalMongo
from launchpad.mongo_users import Role, add_user, list_users, remove_user
from launchpad.settings import Source, connection_document

#: who the dashboard is to the local database
READER = "alflow-dashboard"
#: s that a page waits for a database that is away
PATIENCE = 3.0


class Database:
    """The LaunchPad of one database; connects when it is first asked for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._lock = threading.Lock()
        self._launchpad: LaunchPad | None = None

    @property
    def address(self) -> str:
        """Where it is, without secrets."""
        return self.source.address

    def launchpad(self) -> LaunchPad:
        """The LaunchPad, for reading.

        Raises
        ------
        EnvironmentProblem
            The local database is not running.
        InputError
            The connection parameters are not valid.
        """
        with self._lock:
            if self._launchpad is None:
                document = connection_document(self.source, start_local=False)
                if self.source.local is not None:
                    document |= _reader(self.source.local)
                self._launchpad = LaunchPad.from_dict(_hasty(document))
            return self._launchpad

    def forget(self) -> None:
        """Look for the local database anew the next time: it may come back elsewhere."""
        if self.source.local is not None:
            self.close()

    def close(self) -> None:
        """Close the connection; it is opened again when it is asked for."""
        with self._lock:
            if self._launchpad is not None:
                self._launchpad.connection.close()
            self._launchpad = None

    def may_write(self) -> bool:
        """Whether the user that reads has rights to write as well; True where that cannot be known."""
        status = self.launchpad().db.command("connectionStatus", showPrivileges=True)
        privileges = status["authInfo"].get("authenticatedUserPrivileges") or [{"actions": ["insert"]}]
        return any("insert" in one["actions"] for one in privileges)


def _hasty(document: dict[str, Any]) -> dict[str, Any]:
    limit = int(1000 * PATIENCE)
    options = {**(document.get("mongoclient_kwargs") or {})}
    options |= {"serverSelectionTimeoutMS": limit, "connectTimeoutMS": limit, "socketTimeoutMS": 20 * limit}
    return {**document, "strm_lvl": "WARNING", "mongoclient_kwargs": options}


def _reader(local: LocalMongo) -> dict[str, str]:
    """Name and password of the local database's user who may only read; made when it is not there."""
    file = local.data_dir / f"{READER}_launchpad.yaml"
    if file.exists() and READER not in list_users(local):
        file.unlink()
    if not file.exists():
        if READER in list_users(local):  # its password is lost with its file
            remove_user(local, READER)
        add_user(local, READER, Role.READER, file)
    return _credentials(file)


def _credentials(file: Path) -> dict[str, str]:
    found = yaml.safe_load(file.read_text())
    try:
        return {"username": found["username"], "password": found["password"]}
    except (TypeError, KeyError):
        raise InputError(f"`{file}` has no `username` and `password`; remove it, and it is written anew") from None
