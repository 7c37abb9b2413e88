"""A real SLURM cluster on this machine: munged, slurmctld and virtual slurmd nodes in a directory of their own.

In a test use the fixture ``slurm_cluster`` (tests/conftest.py); in a script::

    with SlurmCluster(directory) as cluster:
        subprocess.run(["sbatch", "job.sh"], env=cluster.environment)

Nothing outlives the block, or the process that opened it: the daemons, the jobs and what these started hang below one
watching process (`al_workflows.dft.guard`). Several clusters run side by side: each has its own ports and sockets.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from al_workflows.dft.guard import guard

ROOT = Path(__file__).parents[1]
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sacct", "sinfo")
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
#: s; the daemons are up in a second or two, on a loaded machine in some more
START_PATIENCE = 60.0
_FIELDS = {"id": "%A", "name": "%j", "state": "%T", "partition": "%P", "user": "%u", "nodes": "%N", "reason": "%r"}


class SlurmError(RuntimeError):
    """The cluster did not do what it was asked."""


@dataclass(frozen=True)
class Job:
    """A line of `squeue`."""

    id: int
    name: str
    state: str
    partition: str
    user: str
    nodes: str
    reason: str


def why_not() -> str:
    """Why no cluster can be started here; empty when one can."""
    missing = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
    if missing:
        return f"{', '.join(missing)} not installed: as root run .ci/install_slurm"
    return "" if os.geteuid() == 0 else "only root can start slurmctld and slurmd with virtual nodes"


@dataclass
class SlurmCluster:
    """A context manager; partitions ``dft`` (the default; all nodes), ``ml`` and ``control`` (the first node).

    Parameters
    ----------
    directory
        New or empty; by default a temporary one that is removed in the end.
    nodes, cpus, memory_mb
        How many virtual nodes (n1, n2, …), and what each claims to have.
    settings
        Further lines of slurm.conf, or others in the place of ours (``{"KillWait": 1}``).
    """

    directory: Path | None = None
    nodes: int = 3
    cpus: int = 4
    memory_mb: int = 4000
    settings: Mapping[str, Any] = field(default_factory=dict)
    _keeper: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _temporary: bool = False

    def __enter__(self) -> SlurmCluster:
        """Start it, and wait until every node is idle.

        Raises
        ------
        SlurmError
            It did not come up; with the daemons' last words.
        """
        if reason := why_not():
            raise SlurmError(reason)
        if self.directory is None:
            self.directory, self._temporary = Path(tempfile.mkdtemp(prefix="alflow-slurm-")), True
        self.directory = self.directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            for last in (False, False, True):  # a port may be taken between its choice and its use
                try:
                    self._start()
                    return self
                except SlurmError:
                    self._stop()
                    if last:
                        raise
        except BaseException:
            self.__exit__(None, None, None)
            raise
        raise AssertionError("unreachable")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End every job and daemon."""
        self._stop()
        if self._temporary and self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def conf(self) -> Path:
        """The cluster's slurm.conf."""
        return self._place / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        """Of this process, and such that SLURM's commands, `alflow`, `qlaunch`, `rlaunch` and `lpad` are found."""
        return os.environ | {
            "SLURM_CONF": str(self.conf),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), _path()]),
            "PYTHONPATH": str(ROOT),
        }

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Run one of SLURM's commands on this cluster; its output.

        Raises
        ------
        SlurmError
            It failed; with its words.
        """
        done = subprocess.run(command, cwd=cwd, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SlurmError(f"`{' '.join(command)}` gave {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def squeue(self, *options: str) -> list[Job]:
        """The jobs that wait or run; ``options`` go to `squeue` (``--name``, ``--states`` …)."""
        text = self.run("squeue", "--noheader", "--all", "--format", "|".join(_FIELDS.values()), *options)
        lines = (line.split("|") for line in text.splitlines() if line)
        return [Job(int(line[0]), *(word.strip() for word in line[1:])) for line in lines]

    def sacct(self, *fields: str) -> list[dict[str, str]]:
        """The jobs that have ended, from the text job log (`sacct -c`; there is no slurmdbd)."""
        names = fields or ("jobid", "jobname", "state", "partition", "user")
        text = self.run("sacct", "-c", "--noheader", "--parsable2", "--format", ",".join(names))
        return [dict(zip(names, line.split("|"), strict=False)) for line in text.splitlines() if line]

    def job(self, number: int) -> dict[str, str]:
        """What `scontrol show job` says."""
        words = self.run("scontrol", "--oneliner", "show", "job", str(number)).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def sbatch(self, script: Path, *options: str, cwd: Path | None = None) -> int:
        """Submit ``script``; the job's number."""
        return int(self.run("sbatch", "--parsable", *options, str(script), cwd=cwd).split(";")[0])

    def scancel(self, *jobs: int, options: Iterable[str] = ()) -> None:
        """Cancel ``jobs``."""
        self.run("scancel", *options, *map(str, jobs))

    def wait_until_empty(self, seconds: float = 240.0) -> None:
        """Until no job waits or runs."""
        until(lambda: not self.squeue(), seconds, f"jobs are left after {seconds} s")

    # ---- how it runs

    @property
    def _place(self) -> Path:
        if self.directory is None:
            raise SlurmError("the cluster was not started")
        return self.directory

    def _start(self) -> None:
        self._write_configuration()
        command = [sys.executable, "-m", "tests.slurm", str(os.getpid()), str(self._place), str(self.nodes)]
        with (self._place / "keeper.log").open("ab") as log:
            self._keeper = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        until(self._is_up, START_PATIENCE, f"SLURM did not start:\n{self._last_words()}")

    def _is_up(self) -> bool:
        if self._keeper is None or self._keeper.poll() is not None:
            raise SlurmError(f"a daemon of SLURM ended at once:\n{self._last_words()}")
        try:
            return (
                self.run("sinfo", "--noheader", "--Node", "--partition", "dft", "--format", "%t").split()
                == ["idle"] * self.nodes
            )
        except SlurmError:
            return False

    def _last_words(self) -> str:
        logs = sorted(self._place.glob("*.log"))
        return "\n".join(f"{log.name}: …{log.read_text(errors='replace')[-600:]}" for log in logs)

    def _stop(self) -> None:
        if self._keeper is not None:
            with contextlib.suppress(ProcessLookupError):
                self._keeper.send_signal(signal.SIGTERM)
            self._keeper.wait()
            self._keeper = None

    def _write_configuration(self) -> None:
        place, host, ports = self._place, socket.gethostname().partition(".")[0], _free_ports(self.nodes + 1)
        for name, mode in {"munge": 0o755, "keys": 0o700, "spool": 0o755, "state": 0o755}.items():
            (place / name).mkdir(exist_ok=True)
            (place / name).chmod(mode)
        key = place / "keys" / "munge.key"
        if not key.exists():
            key.write_bytes(secrets.token_bytes(128))
            key.chmod(0o400)
        options = {
            "ClusterName": f"alflow{ports[0]}",
            "SlurmctldHost": f"{host}(127.0.0.1)",
            "SlurmctldPort": ports[0],
            "SlurmUser": "root",
            "SlurmdUser": "root",
            "AuthType": "auth/munge",
            "AuthInfo": f"socket={place}/munge/socket",
            "ProctrackType": "proctrack/linuxproc",
            "TaskPlugin": "task/none",
            "SelectType": "select/cons_tres",
            "SelectTypeParameters": "CR_Core_Memory",
            "SlurmdParameters": "config_overrides",
            "SchedulerParameters": "sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0",
            "JobCompType": "jobcomp/filetxt",
            "JobCompLoc": place / "jobs.log",
            "AccountingStorageType": "accounting_storage/none",
            "JobAcctGatherType": "jobacct_gather/none",
            "MpiDefault": "none",
            "KillWait": 5,
            "ReturnToService": 2,
            "StateSaveLocation": place / "state",
            "SlurmdSpoolDir": f"{place}/spool/%n",
            "SlurmctldPidFile": place / "slurmctld.pid",
            "SlurmdPidFile": f"{place}/slurmd.%n.pid",
            "SlurmctldLogFile": place / "slurmctld.log",
            "SlurmdLogFile": f"{place}/slurmd.%n.log",
        }
        lines = [f"{name}={value}" for name, value in (options | dict(self.settings)).items()]
        claim = f"CPUs={self.cpus} Boards=1 SocketsPerBoard=1 CoresPerSocket={self.cpus} ThreadsPerCore=1"
        for number, port in enumerate(ports[1:], 1):
            address = f"NodeAddr=127.0.0.1 NodeHostname={host} Port={port}"
            lines.append(f"NodeName=n{number} {address} {claim} RealMemory={self.memory_mb} State=UNKNOWN")
        limits = "MaxTime=INFINITE State=UP"
        lines.append(f"PartitionName=dft Nodes=n[1-{self.nodes}] Default=YES {limits}")
        lines += [f"PartitionName={name} Nodes=n1 Default=NO {limits}" for name in ("ml", "control")]
        self.conf.write_text("\n".join(lines) + "\n")


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN])


def until(condition: Callable[[], bool], seconds: float, complaint: str) -> None:
    """Wait for ``condition``, at most so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SlurmError(complaint)
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    """Distinct ports that nobody listens on, below those that the kernel hands out for connections."""
    found: list[int] = []
    while len(found) < count:
        port = 12_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _keep(parent: int, place: Path, nodes: int) -> int:
    """Start the daemons, and stay until one of them ends or the process ``parent`` does."""
    guard(parent)
    munge, conf, path = place / "munge", str(place / "slurm.conf"), _path()
    environment = os.environ | {"SLURM_CONF": conf, "PATH": path}
    munged = {"socket": munge / "socket", "pid-file": munge / "pid", "seed-file": munge / "seed"}
    munged |= {"key-file": place / "keys" / "munge.key", "log-file": place / "munged.log"}
    commands = [
        ["munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in munged.items())],
        ["slurmctld", "-D", "-i", "-f", conf],
        *(["slurmd", "-D", "-N", f"n{number}", "-f", conf] for number in range(1, nodes + 1)),
    ]
    port = int(re.findall(r"^SlurmctldPort=(\d+)$", Path(conf).read_text(), re.MULTILINE)[0])
    daemons = []
    for command in commands:
        program = str(shutil.which(command[0], path=path))
        daemons.append(subprocess.Popen([program, *command[1:]], env=environment, cwd=place))
        if command[0] == "munged":
            until((munge / "socket").exists, 20, "munged has no socket")
        if command[0] == "slurmctld":  # a slurmd that finds none tries again only after a while
            until(lambda: _listening(port), 20, "slurmctld does not listen")
    while all(daemon.poll() is None for daemon in daemons):
        time.sleep(0.2)
    return 1


if __name__ == "__main__":
    sys.exit(_keep(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
