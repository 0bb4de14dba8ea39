"""A queue in which nobody waits behind another's many: groups take turns."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Items in the order in which they came within a group; the groups (visitors) one after the
    other. Safe for threads."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[T]] = OrderedDict()
        """By group, the one whose turn is next first; a group without items is not in it."""
        self._changed = threading.Condition()

    def put(self, group: Hashable, item: T) -> None:
        """Adds ``item`` at the end of its group."""
        with self._changed:
            self._waiting.setdefault(group, deque()).append(item)
            self._changed.notify()

    def get(self) -> T:
        """The next item; waits for one."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            group, items = self._waiting.popitem(last=False)
            item = items.popleft()
            if items:
                self._waiting[group] = items  # behind all others
            return item
