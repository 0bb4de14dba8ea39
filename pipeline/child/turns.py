"""A queue in which nobody waits behind another's many: groups take turns."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Items in the order in which they came within a group; the groups (visitors) one after the
    other, and of each one item at a time: so the last free thread is never taken by a group that
    has another already. Safe for threads."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[T]] = OrderedDict()
        """By group, the one whose turn is next first; a group without items is not in it."""
        self._under_way: set[Hashable] = set()
        self._changed = threading.Condition()

    def put(self, group: Hashable, item: T) -> None:
        """Adds ``item`` at the end of its group."""
        with self._changed:
            self._waiting.setdefault(group, deque()).append(item)
            self._changed.notify()

    @contextmanager
    def taken(self) -> Iterator[T]:
        """The next item; waits for one. Its group has no other turn until the block ends."""
        with self._changed:
            while (group := self._next()) is None:
                self._changed.wait()
            (key,) = group
            items = self._waiting.pop(key)
            item = items.popleft()
            if items:
                self._waiting[key] = items  # behind all others
            self._under_way.add(key)
        try:
            yield item
        finally:
            with self._changed:
                self._under_way.discard(key)
                self._changed.notify()

    def _next(self) -> tuple[Hashable] | None:
        """The group whose turn it is, alone in a tuple: None is a group too."""
        free = (group for group in self._waiting if group not in self._under_way)
        return next(((group,) for group in free), None)
