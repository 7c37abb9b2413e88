"""No DFT process outlives the one that asked for it, however that one ends. Linux only.

A process that calls :func:`guard` splits in two. The upper half stays small and watches: the kernel sends it SIGTERM
when its parent dies (``PR_SET_PDEATHSIG``; SIGKILL of the parent included), and every orphan below it becomes its child
(``PR_SET_CHILD_SUBREAPER``), sessions and daemons of launchers such as mpirun included. The lower half goes on and
computes; the kernel kills it should the upper half be killed. When either is asked to end, or the lower half has
finished, whatever is left below is stopped before the upper half ends as the lower half did.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from pathlib import Path
from typing import NoReturn

#: s between SIGTERM, after which srun and mpirun stop their remote ranks, and SIGKILL
GRACE = 1.0
#: what a queue, a user or a closing terminal ends a job with; a code does not end itself so
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36


def guard(parent: int) -> None:
    """Return in the process that is to compute; the calling process itself watches, and never returns.

    Parameters
    ----------
    parent
        Process id of the one that must not be outlived: the direct parent.
    """
    watched = {*STOP_SIGNALS, signal.SIGCHLD}
    for number in watched:  # whatever the parent had set for itself
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    die_with(parent, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    watcher = os.getpid()
    worker = os.fork()
    if worker:
        _watch(worker, watched)
    die_with(watcher, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)


def die_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send ``number`` to the calling process when its direct parent, the process ``parent``, ends."""
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def _watch(worker: int, watched: set[signal.Signals]) -> NoReturn:
    status = None
    while status is None:
        number = signal.sigwait(watched)
        if number != signal.SIGCHLD:
            _stop_descendants()
            _die_of(number)
        status = _collect().get(worker)
    _stop_descendants()
    if os.WIFSIGNALED(status):
        _die_of(os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def _collect() -> dict[int, int]:
    """Wait statuses of the children that have ended."""
    statuses: dict[int, int] = {}
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return statuses
        if child == 0:
            return statuses
        statuses[child] = status


def _stop_descendants() -> None:
    """SIGTERM, then SIGKILL, to every child, until none is left: the children of one that ended become ours."""
    deadline = time.monotonic() + GRACE
    asked: set[int] = set()
    while _has_children():
        late = time.monotonic() > deadline
        for child in _children():
            if late or child not in asked:
                asked.add(child)
                os.kill(child, signal.SIGKILL if late else signal.SIGTERM)  # not yet reaped, so the id is still its own
        time.sleep(0.005)
        _collect()


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    own = os.getpid()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(errors="replace")
            except OSError:  # ended meanwhile
                continue
            # "pid (any name) state ppid …"
            if int(stat.rpartition(")")[2].split()[1]) == own:
                found.append(int(entry.name))
    return found


def _die_of(number: int) -> NoReturn:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the worker has left the core file, if one was wanted
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(1)
