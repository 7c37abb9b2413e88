"""Wall time by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    """Put the wall time of the block into ``seconds[step]``, s."""
    began = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - began
