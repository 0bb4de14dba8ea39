"""Small media calls in children, asked for by the page and fetched at a later look."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pipeline.child import ChildResult, call

log = logging.getLogger(__name__)

_PLACE = "_retrack_background"
_KEPT = 200


@dataclass
class _Calls:
    """One thread: previews must not take the processor from the tasks."""

    pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="retrack-preview")
    )
    asked: dict[Hashable, Future[ChildResult]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def _calls() -> _Calls:
    place = sys.modules.setdefault(_PLACE, ModuleType(_PLACE))
    return cast(_Calls, place.__dict__.setdefault("calls", _Calls()))


def fetch(
    name: str, arguments: Mapping[str, Any], path: Path, *, timeout: float
) -> ChildResult | None:
    """The answer of ``pipeline.calls`` for a file, None while it is being made.

    Asked once for each content of the file (by its stamp); ``timeout`` in seconds.
    """
    try:
        stat = path.stat()
    except OSError:
        return None
    key = (name, str(path), stat.st_size, stat.st_mtime_ns)
    calls = _calls()
    with calls.lock:
        future = calls.asked.get(key)
        if future is None:
            while len(calls.asked) >= _KEPT:
                calls.asked.pop(next(iter(calls.asked)))
            work: Callable[[], ChildResult] = lambda: call(name, arguments, timeout=timeout)  # noqa: E731
            future = calls.asked[key] = calls.pool.submit(work)
    if not future.done():
        return None
    return future.result()
