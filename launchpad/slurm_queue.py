"""This user's jobs in SLURM, by its own commands. A command that fails is an error, never an empty queue."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from al_workflows.errors import EnvironmentProblem

#: s that one of SLURM's commands may take
PATIENCE = 60.0
#: states of a job whose processes run, may run, or are being ended
STARTED = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "STAGE_OUT", "SIGNALING", "RESIZING"})
#: states of a job that will be started
WAITING = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
)
#: states of a job that SLURM still remembers and that is over
ENDED = frozenset(
    {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "BOOT_FAIL", "DEADLINE"}
    | {"REVOKED"}
)
_LINE = re.compile(r"(?P<id>\d+)\|(?P<state>[A-Z_]+)\|(?P<name>.*)")
_GONE = re.compile(r"Invalid job id|already complet", re.IGNORECASE)


class QueueProblem(EnvironmentProblem):
    """SLURM did not answer, or not as expected; ask again later."""


@dataclass(frozen=True)
class Job:
    """A job that SLURM knows of; ``state`` as `squeue` writes it out, ``parts`` of an array that have not begun."""

    id: str
    state: str
    name: str
    parts: int = 1

    @property
    def started(self) -> bool:
        """Whether its processes may run now. A state that we do not know counts as that."""
        return self.state not in WAITING | ENDED

    @property
    def over(self) -> bool:
        """Whether it has ended for good."""
        return self.state in ENDED


class SlurmQueue:
    """The queue as this user sees it."""

    def __init__(self, user: int | None = None) -> None:
        self.user = str(os.getuid() if user is None else user)

    @staticmethod
    def there() -> bool:
        """Whether this machine has SLURM's commands."""
        return shutil.which("squeue") is not None

    def jobs(self) -> dict[str, Job]:
        """The user's jobs by id, with those that ended so recently that SLURM remembers them.

        Raises
        ------
        QueueProblem
            `squeue` failed, or printed what it should not: nothing is known then.
        """
        text = run_command(
            "squeue", "--user", self.user, "--states", "all", "--array", "--noheader", "--format", "%A|%T|%j"
        )
        return parse_jobs(text)

    def cancel(self, jobs: Iterable[str], *, only_waiting: bool = False) -> None:
        """Cancel ``jobs``; with ``only_waiting`` those that have not begun. One that is over is no error.

        Raises
        ------
        QueueProblem
            `scancel` failed.
        """
        for job in sorted(set(jobs)):  # one by one: one that is gone is no reason to spare the others
            try:
                run_command("scancel", "--quiet", *(["--state", "PENDING"] if only_waiting else []), job)
            except QueueProblem as problem:
                if not _GONE.search(str(problem)):
                    raise

    def cluster(self) -> str:
        """The cluster's name.

        Raises
        ------
        QueueProblem
            `scontrol` failed.
        """
        found = re.search(r"^ClusterName\s*=\s*(\S+)", run_command("scontrol", "show", "config"), re.MULTILINE)
        if found is None:
            raise QueueProblem("`scontrol show config` names no ClusterName; ask again later")
        return found.group(1)


def parse_jobs(text: str) -> dict[str, Job]:
    """The lines ``id|state|name`` of `squeue`; the parts of an array that have not begun share one id.

    Raises
    ------
    QueueProblem
        A line is none.
    """
    found: dict[str, Job] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise QueueProblem(f"`squeue` printed `{line[:80]}`, which is no job; its answer is not used")
        job = Job(match["id"], match["state"], match["name"].strip())
        if (known := found.get(job.id)) is None or known.over:
            found[job.id] = job
        elif not job.over:
            found[job.id] = replace(known, parts=known.parts + 1)
    return found


def count(jobs: Mapping[str, Job], name: str, ids: Collection[str] = ()) -> int:
    """How many of ``jobs`` are not over and are called ``name`` or are among ``ids``."""
    return sum(job.parts for job in jobs.values() if not job.over and (job.name == name or job.id in ids))


def run_command(*command: str) -> str:
    """What one of SLURM's commands prints.

    Raises
    ------
    QueueProblem
        It is not there, did not answer in time, or failed; with its words.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except FileNotFoundError:
        raise QueueProblem(f"`{command[0]}` is not on PATH; load SLURM's commands") from None
    except subprocess.TimeoutExpired:
        raise QueueProblem(f"`{command[0]}` did not answer within {PATIENCE:g} s") from None
    except OSError as error:
        raise QueueProblem(f"`{command[0]}` cannot be run: {error.strerror}") from error
    if done.returncode or "error:" in done.stderr:
        words = " ".join((done.stderr or done.stdout).split())[:200] or "without a word"
        raise QueueProblem(f"`{command[0]}` failed ({done.returncode}): {words}")
    return done.stdout
