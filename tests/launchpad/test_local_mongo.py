"""The local database against a real mongod: life cycle, crashes, secrets, FireWorks' own commands."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import socketserver
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fireworks import Firework, LaunchPad, PyTask, ScriptTask
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from al_workflows.errors import EnvironmentProblem, InputError
from launchpad import mongod
from launchpad.local_mongo import LocalMongo
from launchpad.mongo_status import MongoState
from launchpad.settings import Source, connect
from tests.conftest import discard

BIN = Path(sys.executable).parent


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalMongo]:
    """A local database that the test may stop, kill and damage."""
    local = LocalMongo(tmp_path / "mongo")
    yield local
    discard(local)


def app_client(local: LocalMongo) -> MongoClient[dict[str, Any]]:
    document = yaml.safe_load(local.launchpad_file().read_text())
    return MongoClient(
        document["host"],
        document["port"],
        username=document["username"],
        password=document["password"],
        authSource=document["authsource"],
        **{**document["mongoclient_kwargs"], "serverSelectionTimeoutMS": 5000},
    )


@contextlib.contextmanager
def other_server(port: int) -> Iterator[None]:
    """Some other program on a port: it hangs up on whoever speaks to it."""
    with socketserver.TCPServer(("127.0.0.1", port), socketserver.BaseRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def passwords(local: LocalMongo) -> list[str]:
    stored = json.loads((local.data_dir / "credentials.json").read_text())
    return [stored["admin_password"], stored["app_password"]]


def test_life_cycle(own: LocalMongo) -> None:
    assert own.status().state is MongoState.STOPPED
    assert not own.data_dir.exists()  # looking creates nothing
    first = own.start()
    assert first.state is MongoState.RUNNING
    assert first.version is not None
    assert first.size_bytes < 60e6
    again = own.start()
    assert (again.pid, again.port) == (first.pid, first.port)
    own.stop()
    own.stop()
    stopped = own.status()
    assert (stopped.state, stopped.pid) == (MongoState.STOPPED, None)
    assert mongod.find_process(own.data_dir / "db") is None
    restarted = own.start()
    assert restarted.port == first.port
    assert restarted.pid != first.pid


def test_data_survive_kill_9_and_stale_pid(own: LocalMongo) -> None:
    status = own.start()
    with app_client(own) as client:
        client.al_workflows.things.insert_one({"_id": 1, "kept": True})
    kill(status.pid)
    assert own.start().state is MongoState.RUNNING
    with app_client(own) as client:
        assert client.al_workflows.things.find_one({"_id": 1}) == {"_id": 1, "kept": True}
    own.stop()
    # after a crash the recorded pid may be another program's: here, our own
    (own.data_dir / "db" / "mongod.lock").write_text(f"{os.getpid()}\n")
    assert own.status().state is MongoState.STOPPED
    own.stop()
    assert own.start().state is MongoState.RUNNING


def test_a_killed_process_is_seen_as_ended_at_once(tmp_path: Path) -> None:
    """It may not have been scheduled since the signal, and nobody has waited for it."""
    code = "import time; print(flush=True); time.sleep(60)"
    for _ in range(20):
        command = ["mongod", "-c", code, "--dbpath", str(tmp_path), "--port", "27000"]
        process = subprocess.Popen(command, executable=sys.executable, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        (tmp_path / "mongod.lock").write_text(f"{process.pid}\n")
        assert mongod.find_process(tmp_path) == mongod.MongodProcess(process.pid, 27000)
        process.kill()
        found = mongod.find_process(tmp_path)
        process.communicate()
        assert found is None


def test_moves_when_its_port_is_taken(own: LocalMongo) -> None:
    port = own.start().port
    assert port is not None
    with app_client(own) as client:
        client.al_workflows.things.insert_one({"_id": 1})
    own.stop()
    with other_server(port):
        status = own.start()
        assert status.state is MongoState.RUNNING
        assert status.port != port
        with app_client(own) as client:  # by the rewritten file, through the replica set
            assert client.al_workflows.things.find_one({}) == {"_id": 1}
            client.al_workflows.things.insert_one({"_id": 2})


def test_concurrent_starts_make_one_server(own: LocalMongo) -> None:
    code = (
        "import sys; from pathlib import Path; from launchpad.local_mongo import LocalMongo; "
        "s = LocalMongo(Path(sys.argv[1])).start(); print(s.state, s.pid, s.port)"
    )
    command = [sys.executable, "-c", code, str(own.data_dir)]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {starter.communicate(timeout=60)[0] for starter in starters}
    assert len(answers) == 1
    assert answers.pop().startswith("running ")


def test_interrupted_first_start_is_repaired(own: LocalMongo) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from launchpad import mongo_bootstrap; "
        "from launchpad.local_mongo import LocalMongo; "
        "mongo_bootstrap._create_users = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
        "LocalMongo(Path(sys.argv[1])).start()"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(own.data_dir)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert mongod.find_process(own.data_dir / "db.new") is not None  # the half-made server was left behind
    assert own.start().state is MongoState.RUNNING
    assert mongod.find_process(own.data_dir / "db.new") is None


def test_survives_the_terminal(own: LocalMongo) -> None:
    code = "import sys; from pathlib import Path; from launchpad.local_mongo import LocalMongo; "
    code += "LocalMongo(Path(sys.argv[1])).start(); input()"
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(own.data_dir)], stdin=subprocess.PIPE, start_new_session=True
    )
    with starter:
        deadline = time.monotonic() + 30
        while own.status().state is not MongoState.RUNNING and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(starter.pid, signal.SIGINT)  # Ctrl-C
        os.killpg(starter.pid, signal.SIGHUP)  # the terminal closes
    status = own.status()
    assert status.state is MongoState.RUNNING
    assert status.pid is not None
    assert os.getsid(status.pid) not in (starter.pid, os.getsid(0))


def test_secrets_are_private_and_never_shown(mongo: LocalMongo) -> None:
    assert stat.S_IMODE(mongo.data_dir.stat().st_mode) == 0o700
    for name in ("keyfile", "credentials.json", "my_launchpad.yaml"):
        assert stat.S_IMODE((mongo.data_dir / name).stat().st_mode) == 0o600
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    shown += (mongo.data_dir / "mongod.log").read_text() + repr(mongo) + repr(mongo.status())
    assert str(mongo.data_dir) in shown
    for password in passwords(mongo):
        assert password not in shown


def test_nobody_without_a_password(mongo: LocalMongo) -> None:
    port = mongo.status().port
    with MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True) as stranger:
        for attempt in (
            lambda: stranger.al_workflows.things.find_one(),
            lambda: stranger.list_database_names(),
            lambda: stranger.admin.command("createUser", "first", pwd="x", roles=["root"]),
            lambda: stranger.admin.command("replSetGetConfig"),
        ):
            with pytest.raises(OperationFailure, match="authentication"):
                attempt()
    listening = Path("/proc/net/tcp").read_text().upper()
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


def test_the_application_user_has_one_database(mongo: LocalMongo) -> None:
    with app_client(mongo) as client:
        client.al_workflows.things.insert_one({"_id": "mine"})
        client.al_workflows.things.drop()
        for attempt in (
            lambda: client.other.things.find_one(),
            lambda: client.other.things.insert_one({}),
            lambda: client.admin.system.users.find_one(),
            lambda: client.admin.command("shutdown"),
            lambda: client.al_workflows.command("createUser", "more", pwd="x", roles=["dbOwner"]),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                attempt()


def test_plain_fireworks_commands(mongo: LocalMongo, tmp_path: Path) -> None:
    launchpad = connect(Source("test", "test", local=mongo))
    launchpad.add_wf(Firework(ScriptTask.from_str("echo done > proof"), name="trivial"))
    launchpad.connection.close()
    by_file = ["-l", str(mongo.launchpad_file())]
    by_variable = {**os.environ, "FW_CONFIG_FILE": str(mongo.fw_config_file()), "HOME": str(tmp_path)}

    def run(*command: str, **options: Any) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, **options)
        return done.stdout

    assert '"state": "READY"' in run(str(BIN / "lpad"), *by_file, "get_wflows")
    run(str(BIN / "rlaunch"), *by_file, "singleshot")
    assert (tmp_path / "proof").read_text() == "done\n"
    assert '"state": "COMPLETED"' in run(str(BIN / "lpad"), "get_wflows", env=by_variable)


def test_lpad_fixture_is_a_fresh_database(lpad: LaunchPad) -> None:
    assert lpad.add_wf(Firework(PyTask(func="time.time", args=[]))) == {-1: 1} or lpad.get_fw_ids() == [1]


@pytest.mark.parametrize("kind", ["foreign files", "a file", "too long", "full disk"])
def test_unusable_directories(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "data"
    expected: type[Exception] = EnvironmentProblem
    if kind == "foreign files":
        directory.mkdir()
        (directory / "thesis.tex").touch()
        expected = InputError
    elif kind == "a file":
        directory.touch()
    elif kind == "too long":
        directory = tmp_path / ("x" * 300)
    else:
        monkeypatch.setattr("launchpad.data_directory.LEAST_FREE_BYTES", 10**18)
    with pytest.raises(expected, match="data directory") as caught:
        LocalMongo(directory).start()
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a moment")
def test_directory_of_another_user(mongo: LocalMongo) -> None:
    os.seteuid(65534)
    try:
        status = mongo.status()
        assert (status.state, "Permission denied" in status.detail) == (MongoState.UNHEALTHY, True)
        for action in (mongo.start, mongo.stop, mongo.launchpad_file):
            with pytest.raises(EnvironmentProblem, match=r"cannot be used: Permission denied|does not exist"):
                action()
    finally:
        os.seteuid(0)
    assert mongo.status().state is MongoState.RUNNING


def test_reason_of_a_failed_start_is_mongods(own: LocalMongo) -> None:
    own.start()
    own.stop()
    (own.data_dir / "db" / "WiredTiger").write_text("damaged")
    (own.data_dir / "db" / "WiredTiger.turtle").write_text("damaged")
    with pytest.raises(EnvironmentProblem, match="mongod did not start") as caught:
        own.start()
    assert "\n" not in str(caught.value)
    assert "WiredTiger" in str(caught.value) or "storage" in str(caught.value)


def test_lost_passwords_are_not_made_anew(own: LocalMongo) -> None:
    own.start()
    own.stop()
    (own.data_dir / "credentials.json").unlink()
    with pytest.raises(EnvironmentProblem, match=r"credentials\.json.*restore"):
        own.start()


def test_another_machine_may_still_serve_it(own: LocalMongo) -> None:
    status = own.start()
    record = own.data_dir / "server.json"
    record.write_text(record.read_text().replace(socket.gethostname(), "login-7"))
    kill(status.pid)
    deadline = time.monotonic() + 10
    while own.status().pid is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert own.status().state is MongoState.UNHEALTHY
    for action in (own.start, own.stop):
        with pytest.raises(EnvironmentProblem, match="login-7"):
            action()
    record.unlink()  # the remedy that the message names
    assert own.start().state is MongoState.RUNNING


def test_no_mongod_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda kind: str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=r"al-workflows\[local\]"):
        mongod.find_mongod()


def test_executable_bit_is_repaired(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda kind: str(tmp_path))
    binary = tmp_path / "fiftyone" / "db" / "bin" / "mongod"
    binary.parent.mkdir(parents=True)
    binary.touch(mode=0o644)
    assert mongod.find_mongod() == binary
    assert os.access(binary, os.X_OK)
