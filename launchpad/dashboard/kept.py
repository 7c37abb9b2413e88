"""Values that take long to make, kept in memory while there is room: each is made once, however many ask for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The values that were asked for last.

    Parameters
    ----------
    room
        What the kept values' sizes may add up to; one that is larger is made and not kept.
    size
        The size of a value; None: each counts one.
    """

    def __init__(self, room: int, size: Callable[[T], int] | None = None) -> None:
        self._room = room
        self._size = size or (lambda value: 1)
        self._values: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._used = 0
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    @property
    def used(self) -> int:
        """The sum of the sizes of what is kept."""
        return self._used

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of ``key``; of several who ask for it at once, one makes it and the others wait."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key][0]
            try:
                value = make()
                size = self._size(value)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            with self._lock:
                self._keep(key, value, size)
            return value

    def _keep(self, key: Hashable, value: T, size: int) -> None:
        if size > self._room or key in self._values:
            return
        self._values[key] = (value, size)
        self._used += size
        while self._used > self._room:
            _, (_, freed) = self._values.popitem(last=False)
            self._used -= freed
