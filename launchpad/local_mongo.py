"""A MongoDB of one's own: one mongod on 127.0.0.1, a replica set of one node, with authentication from the start.

It is for the processes of one machine. Compute nodes need a MongoDB that they can reach: see `launchpad.settings`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from al_workflows.errors import EnvironmentProblem
from launchpad import data_directory, mongod
from launchpad import mongo_bootstrap as bootstrap
from launchpad.mongo_status import MongoState, MongoStatus, size_on_disk
from launchpad.private_files import write_private

SERVER_SELECTION_MS = 600_000  # a worker waits this long for a database that is away, rather than lose its work
# A worker that is gone shows after ten minutes, not after FireWorks' four hours. One that is killed while it updates
# its workflow leaves that locked, and FireWorks gives up on a locked workflow; an update takes milliseconds, so a lock
# of a minute is dead and is taken over.
FIREWORKS_TIMES = {
    "PING_TIME_SECS": 60,
    "RUN_EXPIRATION_SECS": 600,
    "WFLOCK_EXPIRATION_SECS": 60,
    "WFLOCK_EXPIRATION_KILL": True,
}
LONGEST_LOG_BYTES = 20_000_000


@dataclass(frozen=True)
class LocalMongo:
    """The MongoDB that lives in one directory.

    Parameters
    ----------
    data_dir
        An empty, new, or earlier used directory, on a local disk if possible.
    """

    data_dir: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_dir", Path(os.path.realpath(self.data_dir.expanduser())))

    @classmethod
    def of_file(cls, path: Path) -> LocalMongo | None:
        """Give the local database whose own FireWorks file `path` is (or links to), or None if it is another file."""
        found = cls(path.expanduser().resolve().parent)
        ours = found.data_dir / "my_launchpad.yaml"
        lock = found.data_dir / data_directory.LOCK
        return found if path.expanduser().resolve() == ours and os.path.lexists(lock) else None

    def start(self) -> MongoStatus:
        """Start the server if it does not run, and wait until it takes writes.

        Several processes may call this at once; after a crash it recovers; when its port is taken it moves to another
        one and rewrites the configuration files.

        Raises
        ------
        EnvironmentProblem
            With the reason, from mongod's log where it is mongod's.
        InputError
            When the directory holds files of somebody else.
        """
        data_directory.prepare(self.data_dir)
        with data_directory.locked(self.data_dir):
            self._refuse_elsewhere()
            process = mongod.find_process(self._db)
            if process is None or process.port is None:
                mongod.wait_for_exit(self._db)
                binary = mongod.find_mongod()
                if not self._db.exists():
                    bootstrap.create(binary, self._db, self._keyfile, self._credentials_file, self._log)
                port = self._launch(binary)
            else:
                port = process.port
            with self._client(port, admin=True) as client:
                bootstrap.form_replica_set(client, f"127.0.0.1:{port}")
            self._write_configuration(port)
            return self.status()

    def stop(self) -> None:
        """Shut the server down cleanly and wait for its end; when it does not run, do nothing.

        Raises
        ------
        EnvironmentProblem
            When it does not end, or seems to run on another machine.
        """
        if not data_directory.is_ours(self.data_dir):
            return
        with data_directory.locked(self.data_dir):
            self._refuse_elsewhere()
            mongod.terminate(bootstrap.staging_of(self._db))  # a first start that was cut off
            mongod.terminate(self._db)

    def status(self) -> MongoStatus:
        """Look at the server; this changes nothing."""
        try:
            data_directory.is_ours(self.data_dir)
        except EnvironmentProblem as error:
            return MongoStatus(MongoState.UNHEALTHY, self.data_dir, detail=str(error))
        size = size_on_disk(self.data_dir)
        process = mongod.find_process(self._db)
        if process is None:
            detail = self._elsewhere()
            state = MongoState.UNHEALTHY if detail else MongoState.STOPPED
            return MongoStatus(state, self.data_dir, port=self._recorded().get("port"), size_bytes=size, detail=detail)
        version, detail = None, ""
        try:
            with self._client(process.port, timeout_ms=2000) as client:
                version = str(client.server_info()["version"])
                if not client.admin.command("hello").get("isWritablePrimary"):
                    detail = "it is not (yet) the primary of its replica set: try again, or `alflow db start`"
        except PyMongoError as error:
            detail = f"it does not answer on port {process.port}: {bootstrap.first_clause(error)}"
        except EnvironmentProblem as error:
            detail = str(error)
        state = MongoState.UNHEALTHY if detail else MongoState.RUNNING
        return MongoStatus(state, self.data_dir, process.port, process.pid, version, size, detail)

    def launchpad_file(self) -> Path:
        """Give FireWorks' own connection file (mode 600), for `lpad -l FILE` and `rlaunch -l FILE`."""
        return self._written("my_launchpad.yaml")

    def fw_config_file(self) -> Path:
        """Give a FireWorks configuration; with FW_CONFIG_FILE set to it plain `lpad` and `rlaunch` work."""
        return self._written("FW_config.yaml")

    @contextlib.contextmanager
    def admin_client(self) -> Iterator[MongoClient[dict[str, Any]]]:
        """Open a client that may do everything; for management only."""
        process = mongod.find_process(self._db)
        if process is None:
            raise EnvironmentProblem(f"the local database in `{self.data_dir}` is not running: `alflow db start`")
        with self._client(process.port, admin=True) as client:
            yield client

    # ---- files

    @property
    def _db(self) -> Path:
        return self.data_dir / "db"

    @property
    def _log(self) -> Path:
        return self.data_dir / "mongod.log"

    @property
    def _keyfile(self) -> Path:
        return self.data_dir / "keyfile"

    @property
    def _credentials_file(self) -> Path:
        return self.data_dir / "credentials.json"

    def _written(self, name: str) -> Path:
        path = self.data_dir / name
        if not os.path.isfile(path):  # unlike Path.is_file, no error where one may not look
            raise EnvironmentProblem(f"`{path}` does not exist: `alflow db start --data {self.data_dir}` writes it")
        return path

    def _recorded(self) -> dict[str, Any]:
        try:
            recorded: dict[str, Any] = json.loads((self.data_dir / "server.json").read_text())
        except (OSError, ValueError):
            return {}
        return recorded

    def _elsewhere(self) -> str:
        """Say where it may run when that is not here: mongod's lock is not empty and another machine wrote it."""
        host = self._recorded().get("host")
        lock = self._db / "mongod.lock"
        if host in (None, socket.gethostname()) or not lock.exists() or not lock.stat().st_size:
            return ""
        return (
            f"the database in `{self.data_dir}` was started on {host} and not stopped: run `alflow db stop` there, or, "
            f"if that machine is gone for good, delete `{self.data_dir / 'server.json'}`"
        )

    def _refuse_elsewhere(self) -> None:
        if mongod.find_process(self._db) is None and (where := self._elsewhere()):
            raise EnvironmentProblem(where)

    # ---- the server

    def _client(
        self, port: int | None, *, admin: bool = False, timeout_ms: int = 10_000
    ) -> MongoClient[dict[str, Any]]:
        credentials = bootstrap.read_credentials(self._credentials_file)
        return MongoClient(
            "127.0.0.1",
            port,
            directConnection=True,  # reach the node also while it is not a primary
            username=credentials.admin_user if admin else credentials.app_user,
            password=credentials.admin_password if admin else credentials.app_password,
            authSource="admin" if admin else bootstrap.DATABASE,
            serverSelectionTimeoutMS=timeout_ms,
            socketTimeoutMS=6 * timeout_ms,
        )

    def _launch(self, binary: Path) -> int:
        bootstrap.write_keyfile(self._keyfile)
        if self._log.exists() and self._log.stat().st_size > LONGEST_LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        offset = 0
        for port in mongod.free_ports(self._recorded().get("port")):
            offset = self._log.stat().st_size if self._log.exists() else 0
            code = mongod.launch(binary, self._arguments(self._db, port), self._log)
            if code == 0:
                return port
            if code != mongod.PORT_IN_USE:
                break
        raise EnvironmentProblem(
            f"mongod did not start in `{self.data_dir}`: {mongod.failure_reason(self._log, offset)}"
        )

    def _arguments(self, db: Path, port: int) -> list[str]:
        return [
            *("--dbpath", str(db), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"),
            *("--pidfilepath", str(self.data_dir / "mongod.pid")),
            *("--auth", "--keyFile", str(self._keyfile), "--replSet", bootstrap.REPLICA_SET, "--oplogSize", "256"),
            *("--setParameter", "enableLocalhostAuthBypass=false"),
            # there is no other member to hand over to: end at once on SIGTERM
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
            *bootstrap.SMALL_FOOTPRINT,
        ]

    def _write_configuration(self, port: int) -> None:
        credentials = bootstrap.read_credentials(self._credentials_file)
        launchpad = {
            # not FireWorks' uri_mode: its error messages print the whole URI, the password included
            "host": "127.0.0.1",
            "port": port,
            "name": bootstrap.DATABASE,
            "username": credentials.app_user,
            "password": credentials.app_password,
            "authsource": bootstrap.DATABASE,
            "mongoclient_kwargs": {
                "replicaSet": bootstrap.REPLICA_SET,
                "w": "majority",
                "serverSelectionTimeoutMS": SERVER_SELECTION_MS,
            },
        }
        fireworks = {"LAUNCHPAD_LOC": str(self.data_dir / "my_launchpad.yaml"), **FIREWORKS_TIMES}
        files = {
            "my_launchpad.yaml": yaml.safe_dump(launchpad, sort_keys=False),
            "FW_config.yaml": yaml.safe_dump(fireworks, sort_keys=False),
            "server.json": json.dumps({"host": socket.gethostname(), "port": port}),
        }
        for name, text in files.items():
            path = self.data_dir / name
            if not path.is_file() or path.read_text() != text:
                write_private(path, text)
