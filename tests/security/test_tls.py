"""TLS: a server with a certificate of its owner's own authority; what is signed by another is not talked to."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from pymongo import MongoClient

from al_workflows.errors import EnvironmentProblem, InputError
from launchpad import mongod
from launchpad.mongo_bootstrap import SMALL_FOOTPRINT
from launchpad.private_files import write_private
from launchpad.settings import connect, resolve
from tests.launchpad.test_rlaunch import command

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates"),
]


def openssl(*words: str, cwd: Path) -> None:
    done = subprocess.run(["openssl", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def authority(directory: Path, name: str) -> None:
    """``name.pem`` and ``name.key``: an authority of one's own."""
    words = ["req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj", f"/CN={name}"]
    openssl(*words, "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=directory)


def certificate(directory: Path, name: str, issuer: str, usage: str) -> Path:
    """Key and certificate in one file, as MongoDB wants them."""
    (directory / "ext").write_text(f"subjectAltName=IP:127.0.0.1\nextendedKeyUsage={usage}\n")
    words = ["req", "-newkey", "rsa:2048", "-noenc", "-subj", f"/O=test/CN={name}"]
    openssl(*words, "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=directory)
    signing = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial", "-days", "2", "-extfile", "ext"]
    openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt", cwd=directory)
    both = directory / f"{name}.pem"
    write_private(both, (directory / f"{name}.key").read_text() + (directory / f"{name}.crt").read_text())
    return both


@dataclass(frozen=True)
class Server:
    """A mongod that wants TLS, a password, and a certificate of its clients."""

    directory: Path
    port: int
    password: str

    def uri(self, **options: Any) -> str:
        given = {"tls": "true", "tlsCAFile": self.directory / "ours.pem"} | options
        given |= {"tlsCertificateKeyFile": self.directory / "client.pem", "serverSelectionTimeoutMS": 4000}
        words = "&".join(f"{key}={quote(str(value))}" for key, value in given.items())
        return f"mongodb://ann:{self.password}@127.0.0.1:{self.port}/campaign?authSource=admin&{words}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("tls")
    for name in ("ours", "foreign"):
        authority(directory, name)
    certificate(directory, "server", "ours", "serverAuth")
    certificate(directory, "client", "ours", "clientAuth")
    (directory / "db").mkdir(mode=0o700)
    port, password = mongod.free_ports(None)[0], secrets.token_urlsafe(16)
    arguments = ["--dbpath", str(directory / "db"), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    arguments += SMALL_FOOTPRINT
    tls = ["--auth", "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(directory / "server.pem")]
    tls += ["--tlsCAFile", str(directory / "ours.pem")]
    try:
        assert mongod.launch(mongod.find_mongod(), arguments, directory / "log") == 0
        with MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{port}") as client:
            client.admin.command("createUser", "ann", pwd=password, roles=[{"role": "readWrite", "db": "campaign"}])
        mongod.terminate(directory / "db")
        assert mongod.launch(mongod.find_mongod(), [*arguments, *tls], directory / "log") == 0
        yield Server(directory, port, password)
    finally:
        mongod.terminate(directory / "db")


def test_a_server_of_our_own_authority(server: Server) -> None:
    launchpad = connect(resolve(environ={"AL_WORKFLOWS_MONGODB_URI": server.uri()}))
    assert launchpad.get_fw_ids() == []
    launchpad.connection.close()


def test_a_launchpad_file_serves_fireworks_own_commands_as_well(server: Server, tmp_path: Path) -> None:
    files = {"tlsCAFile": "ours.pem", "tlsCertificateKeyFile": "client.pem"}
    options = {"tls": True} | {key: str(server.directory / name) for key, name in files.items()}
    document = {"host": "127.0.0.1", "port": server.port, "name": "campaign", "username": "ann"}
    document |= {"password": server.password, "authsource": "admin", "mongoclient_kwargs": options}
    write_private(tmp_path / "tls.yaml", yaml.safe_dump(document))
    connect(resolve(tmp_path / "tls.yaml")).connection.close()
    assert "[]" in command("lpad", "-l", "tls.yaml", "get_wflows", cwd=tmp_path)


@pytest.mark.parametrize("what", ["a foreign authority", "the system's authorities", "no TLS"])
def test_what_is_not_trusted_is_not_talked_to(what: str, server: Server) -> None:
    uri = server.uri(tlsCAFile=server.directory / "foreign.pem")
    if what == "the system's authorities":
        uri = uri.replace(f"&tlsCAFile={server.directory}/foreign.pem", "")
    if what == "no TLS":
        uri = uri.partition("?")[0] + "?authSource=admin"
    with pytest.raises(EnvironmentProblem, match=r"did not answer|cannot be used") as caught:
        connect(resolve(environ={"AL_WORKFLOWS_MONGODB_URI": uri}), timeout_s=2)
    assert server.password not in str(caught.value)
    assert "\n" not in str(caught.value)
    if what != "no TLS":
        assert "certificate verify failed" in str(caught.value)


def test_a_path_that_only_holds_here_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ours.pem").touch()
    with pytest.raises(InputError, match=r"tlsCAFile.*ours\.pem.*absolute"):
        resolve(environ={"AL_WORKFLOWS_MONGODB_URI": "mongodb://a:b@h/d?tls=true&tlsCAFile=ours.pem"})
    write_private(tmp_path / "f.yaml", yaml.safe_dump({"host": "h", "mongoclient_kwargs": {"tlsCAFile": "ours.pem"}}))
    with pytest.raises(InputError, match=r"tlsCAFile.*ours\.pem.*absolute"):
        resolve(tmp_path / "f.yaml")
