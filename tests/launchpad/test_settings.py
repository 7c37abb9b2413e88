"""Which database is chosen, what is said when it cannot be used, and the files for FireWorks' own commands."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fireworks import Firework, LaunchPad, ScriptTask, fw_config
from hypothesis import given
from hypothesis import strategies as st

from al_workflows.errors import AlWorkflowsError, EnvironmentProblem, InputError
from launchpad.local_mongo import LocalMongo
from launchpad.mongo_uri import launchpad_document, parse, redacted
from launchpad.settings import Source, connect, default_data_dir, find_fireworks_file, resolve, write_worker_config

BIN = Path(sys.executable).parent
URI = "mongodb://ann:s3cr%3At@db.example:27018/alloys?authSource=admin&tls=true"


@pytest.fixture(autouse=True)
def empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No configuration of FireWorks in reach, whoever runs the tests."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for location in ("LAUNCHPAD_LOC", "FWORKER_LOC", "QUEUEADAPTER_LOC"):
        monkeypatch.setattr(fw_config, location, None)
    return folder


def write_launchpad(path: Path, **content: Any) -> Path:
    path.write_text(yaml.safe_dump({"host": path.stem, "port": 27017, "name": "fireworks", **content}))
    return path


def uri_file(tmp_path: Path, text: str = "mongodb://from-uri-file/x\n", mode: int = 0o600) -> Path:
    path = tmp_path / "uri"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place decides when all that come before it are silent."""
    environ = {
        "AL_WORKFLOWS_MONGODB_URI": "mongodb://from-uri/x",
        "AL_WORKFLOWS_MONGODB_URI_FILE": str(uri_file(tmp_path)),
        "AL_WORKFLOWS_DATA": str(tmp_path / "data"),
    }
    named = write_launchpad(tmp_path / "from-option")
    here = write_launchpad(Path("my_launchpad.yaml"), host="from-here")
    monkeypatch.setattr(fw_config, "LAUNCHPAD_LOC", str(write_launchpad(tmp_path / "from-config")))

    assert "from-option" in resolve(named, environ=environ).address
    assert "from-uri" in resolve(environ=environ).address
    del environ["AL_WORKFLOWS_MONGODB_URI"]
    assert "from-uri-file" in resolve(environ=environ).address
    del environ["AL_WORKFLOWS_MONGODB_URI_FILE"]
    assert "from-here" in resolve(environ=environ).address
    here.unlink()
    assert "from-config" in resolve(environ=environ).address
    monkeypatch.setattr(fw_config, "LAUNCHPAD_LOC", None)
    assert resolve(environ=environ).local == LocalMongo(tmp_path / "data" / "mongo")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AL_WORKFLOWS_DATA": "/a", "XDG_DATA_HOME": "/b", "HOME": "/c"}, "/a/mongo"),
        ({"XDG_DATA_HOME": "/b", "HOME": "/c"}, "/b/al-workflows/mongo"),
        ({"HOME": "/c"}, "/c/.local/share/al-workflows/mongo"),
    ],
)
def test_default_data_dir(environ: dict[str, str], expected: str) -> None:
    assert default_data_dir(environ) == Path(expected)


def test_uri_becomes_fireworks_parameters() -> None:
    document = launchpad_document(URI, "x")
    assert document["username"] == "ann"
    assert document["password"] == "s3cr:t"
    assert (document["name"], document["authsource"]) == ("alloys", "admin")
    assert document["host"] == "mongodb://db.example:27018/alloys?authSource=admin&tls=true"
    assert document["mongoclient_kwargs"] == {"w": "majority", "serverSelectionTimeoutMS": 600_000}


@pytest.mark.parametrize(
    ("uri", "name", "authsource"),
    [
        ("mongodb://u:p@h", "al_workflows", "admin"),
        ("mongodb://u:p@h/", "al_workflows", "admin"),
        ("mongodb://u:p@h1,h2:27018/db", "db", "db"),
        ("mongodb+srv://u:p@cluster.example/db?authSource=other", "db", "other"),
        ("mongodb://h/?w=1&serverselectiontimeoutms=50", "al_workflows", None),
    ],
)
def test_database_and_authsource(uri: str, name: str, authsource: str | None) -> None:
    document = launchpad_document(uri, "x")
    assert document["name"] == name
    assert document.get("authsource") == authsource
    if "w=1" in uri:  # what the user says stays
        assert document["mongoclient_kwargs"] == {}


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        ("db.example:27017", "must read mongodb://"),
        ("mongodb://ann:s3cr/t@db", "%2F"),
        ("mongodb://ann:s3cr@t@db", "%40"),
        ("mongodb://ann:s3cr:t@db", "%3A"),
        ("mongodb://ann:s3cr?t@db", "%3F"),
        ("mongodb://ann:s3crt@db:port/x", "Port"),
        ("mongodb://ann:s3crt@db/x?replicaSte=rs0", "replicaSte"),
        ("mongodb://ann:s3crt@/x", "must read"),
    ],
)
def test_malformed_uris(uri: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule) as caught:
        resolve(environ={"AL_WORKFLOWS_MONGODB_URI": uri})
    text = str(caught.value)
    assert "AL_WORKFLOWS_MONGODB_URI" in text
    assert "\n" not in text
    assert "s3cr" not in text
    assert caught.value.__cause__ is None


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=4, max_size=20))
def test_no_password_is_ever_shown(password: str) -> None:
    uri = f"mongodb://ann:<<{password}>>@db.example:27017/alloys"
    assert f"<<{password}>>" not in redacted(uri)
    try:
        shown = repr(parse(uri, "x"))
    except InputError as error:
        shown = str(error)
    assert f"<<{password}>>" not in shown


def test_source_shows_no_secret() -> None:
    source = resolve(environ={"AL_WORKFLOWS_MONGODB_URI": URI})
    assert "s3cr" not in repr(source)
    assert "db.example:27018" in source.address
    assert redacted(URI).startswith("mongodb://ann:***@db.example:27018/alloys?")
    assert "hidden" not in redacted("mongodb://h/?tlsCertificateKeyFilePassword=hidden")


@pytest.mark.parametrize(
    ("mode", "text", "rule"),
    [(0o640, "mongodb://h/x", "chmod 600"), (0o604, "mongodb://h/x", "chmod 600"), (0o600, " \n", "empty")],
)
def test_uri_file_is_checked(mode: int, text: str, rule: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rule):
        resolve(environ={"AL_WORKFLOWS_MONGODB_URI_FILE": str(uri_file(tmp_path, text, mode))})


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "No such file"),
        ("host: [", r"not valid YAML in line 1"),
        ("- a list", "no `host`"),
        ("name: fireworks", "no `host`"),
        ("host: h\nport: '27017'", "`port`.*must be a int"),
        ("host: h\npassword: 12345", "`password`.*must be a str"),
        ("host: mongodb://u:s3cr@t@h\nuri_mode: true", "%40"),
    ],
)
def test_unusable_launchpad_files(content: str | None, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "my_launchpad.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=rule) as caught:
        resolve(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("s3cr", "12345"))


def test_a_broken_first_place_is_not_passed_over(tmp_path: Path) -> None:
    write_launchpad(Path("my_launchpad.yaml"))
    with pytest.raises(InputError, match="AL_WORKFLOWS_MONGODB_URI_FILE"):
        resolve(environ={"AL_WORKFLOWS_MONGODB_URI_FILE": str(tmp_path / "absent")})
    with pytest.raises(InputError, match="FW_CONFIG_FILE"):
        resolve(environ={"FW_CONFIG_FILE": str(tmp_path / "absent")})
    Path("FW_config.yaml").write_text("LAUNCHPAD_LOC: [")
    with pytest.raises(InputError, match=r"FW_config\.yaml.*correct or remove"):
        resolve(environ={})


def test_uri_mode_file_is_read_as_fireworks_reads_it(tmp_path: Path) -> None:
    path = write_launchpad(tmp_path / "f.yaml", host=URI, name="other", uri_mode=True, logdir="/logs")
    source = resolve(path)
    assert source.document is not None
    assert (source.document["name"], source.document["password"]) == ("other", "s3cr:t")
    assert source.document["logdir"] == "/logs"
    plain = resolve(write_launchpad(tmp_path / "g.yaml", name="mine", mongoclient_kwargs={"w": 1})).document
    assert plain is not None
    assert (plain["host"], plain["name"], plain["mongoclient_kwargs"]["w"]) == ("g", "mine", 1)


def port_of(mongo: LocalMongo) -> int:
    port = mongo.status().port
    assert port is not None
    return port


def test_unreachable() -> None:
    source = resolve(environ={"AL_WORKFLOWS_MONGODB_URI": "mongodb://ann:s3cr@127.0.0.1:1/x"})
    with pytest.raises(EnvironmentProblem, match=r"127\.0\.0\.1:1.*0\.2 s.*refused") as caught:
        connect(source, timeout_s=0.2)
    assert "s3cr" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_password(mongo: LocalMongo) -> None:
    uri = f"mongodb://alflow:s3cr@127.0.0.1:{port_of(mongo)}/al_workflows"
    with pytest.raises(EnvironmentProblem, match="authentication failed for user `alflow`") as caught:
        connect(resolve(environ={"AL_WORKFLOWS_MONGODB_URI": uri}))
    assert "s3cr" not in str(caught.value)


def test_no_right_to_the_database(mongo: LocalMongo) -> None:
    document = yaml.safe_load(mongo.launchpad_file().read_text())
    with pytest.raises(EnvironmentProblem, match=r"may not use `foreign`.*readWrite"):
        connect(Source("test", "here", {**document, "name": "foreign"}))


def test_tls_options_reach_the_client(mongo: LocalMongo, tmp_path: Path) -> None:
    uri = f"mongodb://127.0.0.1:{port_of(mongo)}/x?tls=true"
    with pytest.raises(EnvironmentProblem, match="did not answer"):
        connect(resolve(environ={"AL_WORKFLOWS_MONGODB_URI": uri}), timeout_s=0.5)
    with pytest.raises(AlWorkflowsError, match=r"absent\.pem"):
        connect(resolve(environ={"AL_WORKFLOWS_MONGODB_URI": f"{uri}&tlsCAFile={tmp_path}/absent.pem"}), timeout_s=0.5)


def test_unknown_client_option(lpad_file: Path) -> None:
    document = yaml.safe_load(lpad_file.read_text())
    with pytest.raises(InputError, match="not valid"):
        connect(Source("test", "here", {**document, "mongoclient_kwargs": {"replicaSet": 7}}))


def test_stopped_local_database_is_named(tmp_path: Path) -> None:
    source = Source("test", "local", local=LocalMongo(tmp_path / "mongo"))
    with pytest.raises(EnvironmentProblem, match="is stopped; start it with `alflow db start"):
        connect(source, start_local=False)


def test_preparing_never_touches_what_is_stored(lpad_file: Path) -> None:
    launchpad = connect(resolve(lpad_file))
    assert launchpad.fireworks.index_information()["fw_id_1"]["unique"]
    launchpad.add_wf(Firework(ScriptTask.from_str("true")))
    launchpad.connection.close()
    again = connect(resolve(lpad_file))
    assert again.get_fw_ids() == [1]
    # a counter that was lost goes on behind the largest id
    again.fw_id_assigner.delete_many({})
    again.connection.close()
    third = connect(resolve(lpad_file))
    assert third.get_new_fw_id() == 2
    assert third.connection.options.server_selection_timeout == 600
    third.connection.close()


def test_worker_directory(lpad_file: Path, tmp_path: Path) -> None:
    launchpad = LaunchPad.from_file(str(lpad_file))
    launchpad.add_wf(Firework(ScriptTask.from_str("true"), spec={"_category": "ml"}))
    folder = tmp_path / "worker"
    write_worker_config(folder, resolve(lpad_file), name="gpu", categories=["ml", "control"])
    write_worker_config(folder, resolve(lpad_file))  # again is fine, and keeps what is there
    assert stat.S_IMODE((folder / "my_launchpad.yaml").stat().st_mode) == 0o600
    worker = yaml.safe_load((folder / "my_fworker.yaml").read_text())
    assert worker == {"name": "gpu", "category": ["ml", "control"], "query": "{}"}
    environ = {**os.environ, "HOME": str(tmp_path)}
    for command in (["rlaunch", "singleshot"], ["lpad", "get_wflows"]):
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]], cwd=folder, env=environ, capture_output=True, text=True, check=True
        )
    assert '"state": "COMPLETED"' in done.stdout
    launchpad.connection.close()


def test_worker_directory_follows_the_local_database(mongo: LocalMongo, tmp_path: Path) -> None:
    write_worker_config(tmp_path, Source("test", "here", local=mongo))
    write_worker_config(tmp_path, Source("test", "here", local=mongo))
    assert (tmp_path / "my_launchpad.yaml").readlink() == mongo.launchpad_file()
    assert resolve(tmp_path / "my_launchpad.yaml").local == mongo
    assert resolve(mongo.launchpad_file()).local == mongo


def test_worker_directory_with_another_database_is_refused(lpad_file: Path, tmp_path: Path) -> None:
    write_launchpad(tmp_path / "my_launchpad.yaml")
    with pytest.raises(InputError, match="not ours"):
        write_worker_config(tmp_path, resolve(lpad_file))


def test_fireworks_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_fireworks_file("qadapter") is None
    monkeypatch.setattr(fw_config, "QUEUEADAPTER_LOC", str(tmp_path / "site.yaml"))
    assert find_fireworks_file("qadapter") == tmp_path / "site.yaml"
    Path("my_qadapter.yaml").touch()
    assert find_fireworks_file("qadapter") == Path.cwd() / "my_qadapter.yaml"
    with pytest.raises(InputError, match="fworker"):
        find_fireworks_file("worker")
