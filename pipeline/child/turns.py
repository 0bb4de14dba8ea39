"""A queue in which nobody waits behind another's many: networks and their visitors take turns."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Items in the order in which they came for a visitor; the visitors of a network one after the
    other, and of each one item at a time; the networks one after the other, first those with the
    fewest under way. So the last free thread is never taken by who has another already while
    somebody else waits. Safe for threads."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, OrderedDict[Hashable, deque[T]]] = OrderedDict()
        """By network and visitor, whose turn is next first; who has no items is not in it."""
        self._under_way: Counter[Hashable] = Counter()
        """Items by network."""
        self._busy: set[Hashable] = set()
        """Visitors with an item under way."""
        self._changed = threading.Condition()

    def put(self, network: Hashable, visitor: Hashable, item: T) -> None:
        """Adds ``item`` at the end of its visitor's."""
        with self._changed:
            visitors = self._waiting.setdefault(network, OrderedDict())
            visitors.setdefault(visitor, deque()).append(item)
            self._changed.notify()

    @contextmanager
    def taken(self) -> Iterator[T]:
        """The next item; waits for one. Its visitor has no other turn until the block ends."""
        with self._changed:
            while (found := self._next()) is None:
                self._changed.wait()
            network, visitor = found
            visitors = self._waiting.pop(network)
            items = visitors.pop(visitor)
            item = items.popleft()
            if items:
                visitors[visitor] = items  # behind all others
            if visitors:
                self._waiting[network] = visitors
            self._under_way[network] += 1
            self._busy.add(visitor)
        try:
            yield item
        finally:
            with self._changed:
                self._under_way[network] -= 1
                if not self._under_way[network]:
                    del self._under_way[network]
                self._busy.discard(visitor)
                self._changed.notify()

    def _next(self) -> tuple[Hashable, Hashable] | None:
        """The network and the visitor whose turn it is."""
        free = {
            network: visitor
            for network, visitors in self._waiting.items()
            for visitor in reversed(visitors)  # the first one stays
            if visitor not in self._busy
        }
        network = min(free, key=self._under_way.__getitem__, default=None)
        return None if network not in free else (network, free[network])
