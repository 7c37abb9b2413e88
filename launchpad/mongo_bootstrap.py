"""Bring a new mongod of one's own to life: its secrets, its users, its replica set of one node.

The users are made while mongod listens only on a socket file in a private directory. When it opens its TCP port for the
first time they exist already, and MongoDB's exception for the first local user is off: at no moment can anybody else on
the machine use it without a password.
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from al_workflows.errors import EnvironmentProblem
from launchpad import mongod
from launchpad.private_files import write_private

DATABASE = "al_workflows"
REPLICA_SET = "rs0"
SMALL_FOOTPRINT = (
    *("--wiredTigerCacheSizeGB", "0.25"),
    *("--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=10MB)"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
)
LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 107
NOT_YET_INITIALIZED = 94  # MongoDB's error code of a node that is in no replica set yet


@dataclass(frozen=True)
class Credentials:
    """The users of the local database; the passwords never show in a repr."""

    admin_password: str = field(repr=False)
    app_password: str = field(repr=False)
    admin_user: str = "alflow_admin"
    app_user: str = "alflow"


def read_credentials(path: Path) -> Credentials:
    """Read what `create` wrote.

    Raises
    ------
    EnvironmentProblem
        When the file is missing or damaged; then nobody knows the passwords any more.
    """
    try:
        return Credentials(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise EnvironmentProblem(
            f"`{path}` cannot be read ({type(error).__name__}): the passwords of this database are only there; "
            "restore the file, or name another --data directory"
        ) from None


def write_keyfile(path: Path) -> None:
    """Write the key by which the members of a replica set know each other, unless it is there.

    The only member is the server itself, so a lost key may be replaced.
    """
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(600)).decode())
    path.chmod(0o600)


def staging_of(db_dir: Path) -> Path:
    """Give the directory in which `create` works until `db_dir` is complete."""
    return db_dir.with_name(f"{db_dir.name}.new")


def create(binary: Path, db_dir: Path, keyfile: Path, credentials_file: Path, log: Path) -> None:
    """Make the files of a new database with its two users; no server runs afterwards.

    `db_dir` appears in one step at the end: when it exists, it is complete.

    Parameters
    ----------
    binary
        The mongod program.
    db_dir
        The directory to create.
    keyfile, credentials_file
        Where to write the secrets (mode 600).
    log
        mongod's log.
    """
    staging = staging_of(db_dir)
    mongod.terminate(staging)  # left over from an attempt that was cut off
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    credentials = Credentials(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    write_private(credentials_file, json.dumps(asdict(credentials), indent=1))
    write_keyfile(keyfile)
    with tempfile.TemporaryDirectory(prefix="alflow-", dir=_short_directory()) as private:
        endpoint = f"{private}/s.sock"  # pymongo knows a socket by its suffix
        arguments = ["--dbpath", str(staging), "--bind_ip", endpoint, "--unixSocketPrefix", private]
        arguments += ["--auth", "--keyFile", str(keyfile), *SMALL_FOOTPRINT]
        offset = log.stat().st_size if log.exists() else 0
        if mongod.launch(binary, arguments, log):
            raise EnvironmentProblem(f"mongod did not start in `{db_dir.parent}`: {mongod.failure_reason(log, offset)}")
        try:
            _create_users(endpoint, credentials)
        finally:
            mongod.terminate(staging)
    staging.rename(db_dir)


def _short_directory() -> str | None:
    longest = len(tempfile.gettempdir()) + len("/alflow-xxxxxxxx/mongodb-27017.sock")
    return None if longest < LONGEST_SOCKET_PATH else "/tmp"


def _create_users(endpoint: str, credentials: Credentials) -> None:
    uri = f"mongodb://{quote_plus(endpoint)}"
    admin: MongoClient[dict[str, Any]]
    try:
        # without any user yet, a local client may make the first one, and nothing else
        with MongoClient(uri, directConnection=True) as admin:
            admin.admin.command("createUser", credentials.admin_user, pwd=credentials.admin_password, roles=["root"])
        with MongoClient(
            uri, directConnection=True, username=credentials.admin_user, password=credentials.admin_password
        ) as admin:
            admin[DATABASE].command(
                "createUser", credentials.app_user, pwd=credentials.app_password, roles=["readWrite", "dbAdmin"]
            )
    except PyMongoError as error:
        raise EnvironmentProblem(f"the users of the new database could not be made: {first_clause(error)}") from None


def form_replica_set(client: MongoClient[dict[str, Any]], host: str, *, timeout_s: float = 60.0) -> None:
    """Make the server behind `client` the primary of its replica set, and wait until it takes writes.

    Parameters
    ----------
    client
        Connected directly to the server, as its administrator.
    host
        The address by which the server knows itself, ``127.0.0.1:PORT``; after a change of port it is not what the
        replica set has stored, and the set is configured anew.
    timeout_s
        How long it may take (s).
    """
    deadline = time.monotonic() + timeout_s
    trouble = "it is no primary"
    while True:
        try:
            hello = client.admin.command("hello")
            if hello.get("isWritablePrimary") and hello.get("me") == host:
                return
            _configure(client, host)
        except ConnectionFailure as error:  # connections are dropped when the node changes its state
            trouble = first_clause(error)
        except PyMongoError as error:
            raise EnvironmentProblem(f"the local replica set could not be set up: {first_clause(error)}") from error
        if time.monotonic() > deadline:
            raise EnvironmentProblem(
                f"the local database at {host} takes no writes after {timeout_s:g} s: {trouble}; see its log"
            )
        time.sleep(0.02)


def _configure(client: MongoClient[dict[str, Any]], host: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": host}]})
        return
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def first_clause(error: PyMongoError) -> str:
    """Shorten pymongo's text to its first statement: no topology, no repeated document."""
    text = " ".join(str(error).split())
    for mark in (", full error:", " (configured timeouts:", ", Timeout:", ", Topology Description:"):
        text = text.split(mark)[0]
    return text[:300]
