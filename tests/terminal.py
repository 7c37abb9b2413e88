"""A command on a real terminal of so many columns and lines, and what is seen on it."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

HOME, LEFT = "\x1b[H", "\x1b[?1049l"
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs ``words`` on a terminal of its own, of which ``output`` is all that was written to it."""

    def __init__(self, words: Sequence[str], cwd: Path, columns: int = 80, lines: int = 24, **environment: str) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        unset = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PYTEST_CURRENT_TEST")
        env = {name: value for name, value in os.environ.items() if name not in unset}
        env |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", **environment}
        self.process = subprocess.Popen(
            list(words), cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.output = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    @property
    def frames(self) -> list[list[str]]:
        """What was drawn on the screen of its own, one after the other, in lines without what is no text."""
        drawn = self.output.partition(LEFT)[0].split(HOME)[1:]
        return [[line.rstrip() for line in plain(frame).splitlines()] for frame in drawn]

    @property
    def kept(self) -> str:
        """What stays when the command has given the terminal back."""
        return plain(self.output.rpartition(LEFT)[2])

    def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Read on until ``condition`` holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, plain(self.output)[-3000:]
            self._read(0.1)

    def shows(self, text: str, seconds: float = 30.0) -> list[str]:
        """The first whole frame from now on that holds ``text``."""
        begin = max(0, len(self.frames) - 1)
        self.until(lambda: any(text in "\n".join(frame) for frame in self.frames[begin:-1]), seconds)
        return next(frame for frame in self.frames[begin:-1] if text in "\n".join(frame))

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, seconds: float = 30.0) -> int:
        """Its exit code, once it has ended."""
        self.until(lambda: self.process.poll() is not None, seconds)
        while self._read(0.0):
            pass
        return int(self.process.returncode)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # nobody has the other end any more
            time.sleep(seconds)
            return False
        self._rest = getattr(self, "_rest", b"") + data
        text = self._rest.decode(errors="ignore")
        self.output, self._rest = self.output + text, self._rest[len(text.encode()) :]
        return bool(data)


def plain(text: str) -> str:
    """The text without what moves the cursor and colours."""
    return _SEQUENCE.sub("", text).replace("\r", "")
