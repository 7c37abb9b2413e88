"""Fixtures shared by all tests: a real mongod, started only when a test asks for it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fireworks import LaunchPad

    from launchpad.local_mongo import LocalMongo
    from tests.slurm import SlurmCluster

OUR_VARIABLES = ("AL_WORKFLOWS_MONGODB_URI", "AL_WORKFLOWS_MONGODB_URI_FILE", "AL_WORKFLOWS_DATA", "FW_CONFIG_FILE")


@pytest.fixture(autouse=True)
def no_database_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the database of whoever runs them."""
    for name in OUR_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def back_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """FireWorks goes into the directory of what it runs; the next test is not to begin there."""
    yield
    os.chdir(request.config.rootpath)


def discard(local: LocalMongo) -> None:
    """End a server whose data nobody needs: at once, not cleanly."""
    import signal

    from launchpad.mongod import wait_for_exit

    if (pid := local.status().pid) is not None:
        os.kill(pid, signal.SIGKILL)
        wait_for_exit(local.data_dir / "db")


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMongo]:
    """A real mongod with authentication and a replica set, for the whole session."""
    from launchpad.local_mongo import LocalMongo

    local = LocalMongo(tmp_path_factory.mktemp("mongo"))
    local.start()
    yield local
    discard(local)


@pytest.fixture(scope="session")
def any_database(mongo: LocalMongo) -> dict[str, Any]:
    """FireWorks' connection parameters of a user who may use every database of the session's mongod."""
    import yaml

    password = secrets.token_urlsafe(16)
    with mongo.admin_client() as client:
        roles = ["readWriteAnyDatabase", "dbAdminAnyDatabase"]
        client.admin.command("createUser", "tester", pwd=password, roles=roles)
    document: dict[str, Any] = yaml.safe_load(mongo.launchpad_file().read_text())
    return {**document, "username": "tester", "password": password, "authsource": "admin", "strm_lvl": "WARNING"}


@pytest.fixture
def lpad_file(mongo: LocalMongo, any_database: dict[str, Any], tmp_path: Path) -> Iterator[Path]:
    """A my_launchpad.yaml of a fresh, prepared database, for `-l FILE` and `--launchpad FILE`; dropped afterwards."""
    import yaml

    from launchpad.private_files import write_private
    from launchpad.settings import connect, resolve

    name = f"test_{secrets.token_hex(6)}"
    path = tmp_path / "my_launchpad.yaml"
    write_private(path, yaml.safe_dump({**any_database, "name": name}))
    connect(resolve(path)).connection.close()
    yield path
    with mongo.admin_client() as client:
        client.drop_database(name)


@pytest.fixture
def lpad(lpad_file: Path) -> Iterator[LaunchPad]:
    """A LaunchPad on a fresh database (the one of `lpad_file`)."""
    from fireworks import LaunchPad

    launchpad = LaunchPad.from_file(str(lpad_file))
    yield launchpad
    launchpad.connection.close()


@pytest.fixture(scope="session")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """A real SLURM cluster of three virtual nodes for the whole session; needs root and .ci/install_slurm."""
    from tests.slurm import SlurmCluster, why_not

    if reason := why_not():
        pytest.skip(reason)
    with SlurmCluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster
