"""Which database a command talks to, and the configuration files by which FireWorks' own commands find the same one.

`resolve` goes through these places; the first one that is there decides:

1. the file given with ``--launchpad FILE``;
2. ``AL_WORKFLOWS_MONGODB_URI``: a MongoDB URI;
3. ``AL_WORKFLOWS_MONGODB_URI_FILE``: a file that holds one, private to its owner;
4. FireWorks' own: ``my_launchpad.yaml`` in the working directory, else what FireWorks' configuration
   (``FW_CONFIG_FILE``, ``FW_config.yaml``, ``~/.fireworks``) names;
5. the local database in ``$AL_WORKFLOWS_DATA/mongo``, else ``$XDG_DATA_HOME/al-workflows/mongo``, else
   ``~/.local/share/al-workflows/mongo``.

This module is the only one below the command line that reads the environment, in `resolve` and `default_data_dir`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import yaml

from al_workflows.errors import EnvironmentProblem, InputError
from launchpad.local_mongo import FIREWORKS_TIMES, LocalMongo
from launchpad.mongo_status import MongoState
from launchpad.mongo_uri import PATIENT_CLIENT, SCHEMES, launchpad_document, redacted
from launchpad.private_files import open_to_others, write_private

if TYPE_CHECKING:
    from fireworks import LaunchPad

FIREWORKS_FILES = {"launchpad": "LAUNCHPAD_LOC", "fworker": "FWORKER_LOC", "qadapter": "QUEUEADAPTER_LOC"}
OUR_MARK = "# written by al-workflows\n"
TLS_FILES = ("tlscafile", "tlscertificatekeyfile", "tlscrlfile")


@dataclass(frozen=True)
class Source:
    """The database that was chosen.

    Attributes
    ----------
    origin
        What chose it, in words.
    address
        Where it is, without secrets.
    document
        FireWorks' connection parameters; None for the local database.
    local
        The local database, or None.
    """

    origin: str
    address: str
    document: dict[str, Any] | None = field(default=None, repr=False)
    local: LocalMongo | None = None


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Give the directory of the local database that a user gets without naming one."""
    environ = os.environ if environ is None else environ
    if data := environ.get("AL_WORKFLOWS_DATA"):
        return Path(data).expanduser() / "mongo"
    base = environ.get("XDG_DATA_HOME") or Path(environ.get("HOME") or Path.home(), ".local", "share")
    return Path(base, "al-workflows", "mongo")


def resolve(launchpad_file: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Source:
    """Choose the database; nothing is connected or started yet.

    Parameters
    ----------
    launchpad_file
        FireWorks' ``my_launchpad.yaml`` that the user named on the command line.
    environ
        The environment; by default that of this process.

    Raises
    ------
    InputError
        When the place that decides holds something that cannot be used. The next one is not tried then.
    """
    environ = os.environ if environ is None else environ
    if launchpad_file is not None:
        return _from_file(launchpad_file, "--launchpad")
    if uri := environ.get("AL_WORKFLOWS_MONGODB_URI"):
        return _from_uri(uri, "AL_WORKFLOWS_MONGODB_URI")
    if uri_file := environ.get("AL_WORKFLOWS_MONGODB_URI_FILE"):
        return _from_uri(_read_uri(Path(uri_file).expanduser()), "AL_WORKFLOWS_MONGODB_URI_FILE")
    _check_fireworks_config(environ.get("FW_CONFIG_FILE"))
    if (found := find_fireworks_file("launchpad")) is not None:
        return _from_file(found, "FireWorks' configuration")
    local = LocalMongo(default_data_dir(environ))
    return Source("no other setting", f"the local database in {local.data_dir}", local=local)


def connect(
    source: Source,
    *,
    start_local: bool = True,
    timeout_s: float = 5.0,
    read_only: bool = False,
    patient: bool = True,
) -> LaunchPad:
    """Open the LaunchPad of the chosen database.

    Parameters
    ----------
    source
        From `resolve`.
    start_local
        Whether the local database may be started.
    timeout_s
        How long the database may take to answer the first time (s). The LaunchPad itself is patient: it waits ten
        minutes for a database that is away, unless the user's own parameters say otherwise.
    read_only
        Whether the caller only looks: nothing is written then, and a user with MongoDB's role ``read`` will do.
    patient
        False: the LaunchPad gives up after ``timeout_s`` every time, for a caller who has something to say meanwhile.

    Raises
    ------
    EnvironmentProblem
        When it does not answer, refuses the user, or the local one is not running and may not be started.
    """
    from launchpad.connection import open_launchpad

    document = {"strm_lvl": "WARNING", **connection_document(source, start_local=start_local)}
    return open_launchpad(
        document, source.address, source.origin, timeout_s=timeout_s, prepare=not read_only, patient=patient
    )


def connection_document(source: Source, *, start_local: bool = True) -> dict[str, Any]:
    """Give FireWorks' connection parameters (with the password), starting the local database if allowed."""
    if source.local is None:
        return dict(source.document or {})
    if start_local:
        source.local.start()
    elif (status := source.local.status()).state is not MongoState.RUNNING:
        raise EnvironmentProblem(
            f"the local database in `{status.data_dir}` is {status.state}{status.detail and ': '}{status.detail}; "
            f"start it with `alflow db start --data {status.data_dir}`"
        )
    return _read_launchpad(source.local.launchpad_file(), "the local database")


def find_fireworks_file(kind: str) -> Path | None:
    """Find a file of FireWorks: in the working directory, else where FireWorks' configuration says.

    Parameters
    ----------
    kind
        ``launchpad``, ``fworker`` or ``qadapter``, for ``my_<kind>.yaml``.
    """
    if kind not in FIREWORKS_FILES:
        raise InputError(f"`kind` is `{kind}` but must be one of {', '.join(FIREWORKS_FILES)}")
    here = Path(f"my_{kind}.yaml").absolute()
    if here.is_file():
        return here
    from fireworks import fw_config

    configured = getattr(fw_config, FIREWORKS_FILES[kind])
    return Path(configured).absolute() if configured else None


def write_worker_config(
    directory: Path, source: Source, *, name: str = "al-workflows", categories: Sequence[str] = ()
) -> None:
    """Write the files with which plain ``lpad`` and ``rlaunch`` work in a directory.

    They are ``my_launchpad.yaml`` (mode 600; a link to the local database's own, so that it follows a change of port),
    ``my_fworker.yaml`` and ``FW_config.yaml``. A file that the user wrote is kept, except that another
    ``my_launchpad.yaml`` is refused: it may name another database.

    Parameters
    ----------
    directory
        Where; it is created when missing.
    source
        The database.
    name, categories
        Of the worker; without categories it takes every Firework.
    """
    document = connection_document(source)
    worker: dict[str, Any] = {"name": name, "category": list(categories) or "", "query": "{}"}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        folder = directory.absolute()
        launchpad = folder / "my_launchpad.yaml"
        if not launchpad.is_symlink() and launchpad.exists() and not launchpad.read_text().startswith(OUR_MARK):
            raise InputError(f"`{launchpad}` is not ours and may name another database: remove it, or use it as it is")
        if source.local is not None:
            launchpad.unlink(missing_ok=True)
            launchpad.symlink_to(source.local.launchpad_file())
        else:
            write_private(launchpad, OUR_MARK + yaml.safe_dump(document, sort_keys=False))
        locations = {"LAUNCHPAD_LOC": str(launchpad), "FWORKER_LOC": str(folder / "my_fworker.yaml"), **FIREWORKS_TIMES}
        for file, content in {"my_fworker.yaml": worker, "FW_config.yaml": locations}.items():
            if not (folder / file).exists():
                (folder / file).write_text(yaml.safe_dump(content, sort_keys=False))
    except OSError as error:
        raise EnvironmentProblem(f"`{directory}` cannot be written: {error.strerror}") from error


def _check_fireworks_config(named: str | None) -> None:
    """Say in one line what FireWorks would pass over (a missing file) or end with a traceback for (a broken one)."""
    if named and not Path(named).is_file():
        raise InputError(f"`FW_CONFIG_FILE` is `{named}` but must name an existing file; correct or unset it")
    for path in [Path("FW_config.yaml"), *([Path(named)] if named else [])]:
        try:
            content = yaml.safe_load(path.read_text()) if path.is_file() else {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            content = None
        if not isinstance(content, dict):
            raise InputError(f"`{path.absolute()}` is not a valid FireWorks configuration: correct or remove it")


def _refuse_relative(options: Mapping[str, Any], name: str) -> None:
    """Raise an InputError for a file of TLS that a worker, which runs elsewhere, would not find."""
    for key, value in options.items():
        if key.lower() in TLS_FILES and not os.path.isabs(str(value)):
            raise InputError(f"`{key}` of {name} is `{value}` but must be an absolute path: workers run elsewhere")


def _from_uri(uri: str, name: str) -> Source:
    document = launchpad_document(uri, name)
    _refuse_relative(dict(parse_qsl(uri.partition("?")[2])), name)
    return Source(name, _address(document), document)


def _from_file(path: Path, origin: str) -> Source:
    if (local := LocalMongo.of_file(path)) is not None:  # it can be started, and its port may change
        return Source(f"{origin} `{path}`", f"the local database in {local.data_dir}", local=local)
    document = _read_launchpad(path.expanduser(), origin)
    return Source(f"{origin} `{path}`", _address(document), document)


def _address(document: dict[str, Any]) -> str:
    host = str(document["host"])
    if host.startswith(SCHEMES):
        return f"{redacted(host)} (database {document['name']})"
    return f"{host}:{document.get('port') or 27017}/{document['name']}"


def _read_uri(path: Path) -> str:
    try:
        if open_to_others(path):
            raise InputError(f"`{path}` can be read by others but holds a password: run `chmod 600 {path}`")
        uri = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"`AL_WORKFLOWS_MONGODB_URI_FILE` is `{path}` but cannot be read: {reason}") from None
    if not uri:
        raise InputError(f"`{path}` is empty but must hold a MongoDB URI (AL_WORKFLOWS_MONGODB_URI_FILE names it)")
    return uri


def _read_launchpad(path: Path, origin: str) -> dict[str, Any]:
    """Read FireWorks' connection file, check what FireWorks would stumble over, and fill in what we want."""
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"`{path}` ({origin}) cannot be read: {reason}") from None
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f" in line {line + 1}"
        raise InputError(f"`{path}` ({origin}) is not valid YAML{where}; `lpad init` writes such a file") from None
    if not isinstance(document, dict) or not document.get("host"):
        raise InputError(
            f"`{path}` ({origin}) has no `host`, so it is no FireWorks launchpad file; `lpad init` writes one"
        )
    for key, kind in {"port": int, "name": str, "username": str, "password": str, "mongoclient_kwargs": dict}.items():
        if document.get(key) is not None and not isinstance(document[key], kind):
            raise InputError(f"`{key}` in `{path}` is a {type(document[key]).__name__} but must be a {kind.__name__}")
    given = {key: value for key, value in document.items() if value is not None}
    options = given.pop("mongoclient_kwargs", {})
    if document.get("uri_mode") or (str(document["host"]).startswith(SCHEMES) and not document.get("username")):
        beside = {key: given[key] for key in ("logdir", "strm_lvl", "user_indices", "wf_user_indices") if key in given}
        filled = {**beside, **launchpad_document(str(document["host"]), f"host in {path}", given.get("name"))}
    else:
        filled = {"name": "fireworks", **given, "mongoclient_kwargs": PATIENT_CLIENT}
    _refuse_relative({**options, **dict(parse_qsl(str(filled["host"]).partition("?")[2]))}, f"`{path}`")
    return {**filled, "mongoclient_kwargs": {**filled["mongoclient_kwargs"], **options}}
