"""Runs of a benchmark: what is stored is taken over, the others are made, by several processes if wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from al_workflows.benchmark.cache import Cache
from al_workflows.benchmark.jobs import as_they_finish
from al_workflows.records import Record

Result = TypeVar("Result", bound=Record)
Made = TypeVar("Made", bound=Record, covariant=True)


class Work(Protocol[Made]):
    """A run to be made; it can be pickled."""

    @property
    def title(self) -> str:
        """Names it to a reader."""
        ...

    def key(self) -> dict[str, Any]:
        """All that decides its numbers, so that a stored one is taken over only where it would come out the same."""
        ...

    def run(self) -> Made:
        """Make it."""
        ...


def results(
    tasks: Sequence[Work[Result]],
    kind: type[Result],
    cache: Cache,
    jobs: int = 1,
    listener: Callable[[Result, bool, int, int], None] | None = None,
) -> list[Result]:
    """The results of ``tasks``, in their order: from ``cache`` where they are, else made by ``jobs`` processes.

    ``listener`` is told of each, whether it was stored already, how many are there and how many there will be.
    """
    keys = [task.key() for task in tasks]
    found = {k: stored for k, task in enumerate(tasks) if (stored := cache.get(task.title, keys[k], kind))}
    for number, stored in enumerate(found.values(), start=1):
        if listener is not None:
            listener(stored, True, number, len(tasks))
    missing = [k for k in range(len(tasks)) if k not in found]
    made: Result
    for index, made in as_they_finish(_made, [tasks[k] for k in missing], jobs):
        k = missing[index]
        cache.put(tasks[k].title, keys[k], made)
        found[k] = made
        if listener is not None:
            listener(made, False, len(found), len(tasks))
    return [found[k] for k in range(len(tasks))]


def _made(task: Work[Any]) -> Any:
    return task.run()
