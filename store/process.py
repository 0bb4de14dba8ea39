"""What there is once in a process, and what a fork must not take along.

Streamlit forgets the modules whose source changed and imports them again. What must outlive that
stands in a module without source, which no reloader knows.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, Protocol, TypeVar

_PLACE = "_retrack_process"
T = TypeVar("T")


def _kept() -> dict[Hashable, Any]:
    """What this process keeps; a forked child begins with nothing."""
    place = sys.modules.setdefault(_PLACE, ModuleType(_PLACE)).__dict__
    kept: dict[Hashable, Any] = place.setdefault(f"of {os.getpid()}", {})
    return kept


def lock(name: str) -> AbstractContextManager[Any]:
    """The process's one lock of this name."""
    found: AbstractContextManager[Any] = _kept().setdefault(("lock", name), threading.RLock())
    return found


def once(key: Hashable, make: Callable[[], T]) -> T:
    """The process's one object under ``key``; the first call makes it."""
    with lock("once"):
        kept = _kept()
        if key not in kept:
            kept[key] = make()
        found: T = kept[key]
        return found


def find(key: Hashable) -> Any:
    """What stands under ``key``; None when there is nothing."""
    return _kept().get(key)


def keep(key: Hashable, value: object) -> None:
    """Puts ``value`` under ``key``, in the place of what stands there."""
    _kept()[key] = value


def forget(key: Hashable) -> Any:
    """Takes away what stands under ``key``, and returns it; None when there is nothing."""
    return _kept().pop(key, None)


class Forked(Protocol):
    """Something that a forked child must not share with its parent."""

    def after_fork(self) -> None:
        """Called in the child, before anything else runs there."""


def renew_after_fork(thing: Forked) -> None:
    """Has ``thing.after_fork`` called in each forked child, for as long as the thing lives."""
    _forked.add(thing)


_forked: weakref.WeakSet[Forked] = weakref.WeakSet()


def _after_fork() -> None:
    for thing in list(_forked):
        thing.after_fork()


os.register_at_fork(after_in_child=_after_fork)
