"""What was read for one version of a topic, kept until the topic changes: many readers of one page cost one reading."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

#: topics whose values are kept at once; those of the one that was asked for longest ago are dropped
TOPICS = 8


class Kept:
    """Values by topic and name, as they were in one version of the topic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._topics: OrderedDict[str, _Topic] = OrderedDict()

    def get(self, topic: str, version: str, name: str, read: Callable[[], T]) -> T:
        """The value that ``read`` gives; it is called once for each version, while others wait for it."""
        with self._lock:
            kept = self._topics.setdefault(topic, _Topic())
            self._topics.move_to_end(topic)
            while len(self._topics) > TOPICS:
                self._topics.popitem(last=False)
        with kept.lock:
            if kept.version != version:
                kept.version, kept.values = version, {}
            if name not in kept.values:
                kept.values[name] = read()
            found: T = kept.values[name]
            return found


class _Topic:
    def __init__(self) -> None:
        self.lock = threading.RLock()  # what is read may rest on another value of the topic
        self.version = ""
        self.values: dict[str, Any] = {}
