"""Time by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: what says how late it is, s
Clock = Callable[[], float]


@contextmanager
def timed(seconds: dict[str, float], step: str, clock: Clock = time.perf_counter) -> Iterator[None]:
    """Put the time that the block takes by ``clock`` (by default wall time) into ``seconds[step]``, s."""
    began = clock()
    yield
    seconds[step] = clock() - began
