"""Several workers in one job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType

from launchpad.worker import LAST_WORDS, LEFT_BEHIND, SIGNALS, STOPPED
from launchpad.workers import TIED


def work_in_parallel(count: int, arguments: list[str], say: Callable[[str], None]) -> int:
    """Run ``count`` times `alflow worker` with ``arguments`` until all have ended; signals are passed on to them.

    They end with this process, whatever ends it.

    Returns
    -------
    int
        The exit code: the worst of theirs.
    """
    command = [*TIED, str(os.getpid()), sys.executable, "-P", "-m", "launchpad.cli", "worker", *arguments]
    processes: list[subprocess.Popen[bytes]] = []
    told: list[int] = []

    def tell(number: int, _: FrameType | None) -> None:
        told.append(number)
        for process in processes:
            if process.poll() is None:
                process.send_signal(number)
        if len(told) == 1:
            last = threading.Timer(LAST_WORDS + 2, kill)
            last.daemon = True
            last.start()

    def kill() -> None:
        for process in processes:
            process.kill()

    before = {number: signal.signal(number, tell) for number in SIGNALS}
    try:
        while len(processes) < count and not told:
            processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        codes = [process.wait() for process in processes]
    finally:
        kill()
        for number, handler in before.items():
            signal.signal(number, handler)
    say(f"{len(codes)} workers have ended")
    # a negative one is a signal: what that worker was at is not given back
    return max((LEFT_BEHIND if code < 0 and told else abs(code) for code in codes), default=STOPPED)
