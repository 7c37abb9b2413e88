"""The same work on many items, in this process or in several, results as they come."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from al_workflows.dft.guard import die_with
from al_workflows.errors import EnvironmentProblem

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def as_they_finish(
    work: Callable[[Item], Answer], items: Sequence[Item], jobs: int = 1
) -> Iterator[tuple[int, Answer]]:
    """``work`` of each item with the item's index, in the order of finishing.

    With more than one job, ``work`` and the items go to fresh processes, so they must be of a module's top level; no
    process outlives this one, and all end at once when the iteration is left.

    Raises
    ------
    EnvironmentProblem
        A process was killed from outside.
    """
    if jobs == 1 or len(items) < 2:
        yield from ((index, work(item)) for index, item in enumerate(items))
        return
    others = set(multiprocessing.active_children())
    # spawned, not forked: neither torch nor jax can be forked once they have threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(items)), context, _tie, (os.getpid(),)) as pool:
        futures = {pool.submit(work, item): index for index, item in enumerate(items)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise EnvironmentProblem(
                f"one of {jobs} processes was killed, perhaps for lack of memory; what is done is kept: give the same "
                "command again, with fewer jobs"
            ) from error
        finally:  # the pool's own end would wait for what is under way
            pool.shutdown(wait=False, cancel_futures=True)
            mine = set(multiprocessing.active_children()) - others
            for process in mine:
                process.kill()
            for process in mine:
                process.join()


def _tie(parent: int) -> None:
    """In a new process: end with the one that asked, and leave Ctrl-C to it."""
    die_with(parent, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
