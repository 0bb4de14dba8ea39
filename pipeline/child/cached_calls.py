"""Small media calls in children, asked for by the page and fetched at a later look."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pipeline.child.supervise import CallResult, broken, call
from pipeline.child.turns import Turns
from pipeline.settings import Settings

log = logging.getLogger(__name__)

_PLACE = "_retrack_background"
_MAX_ANSWERS = 200
"""How many answers are remembered; more only for as long as others are being made."""


@dataclass(frozen=True)
class _Asked:
    """One call that waits for its turn."""

    name: str
    arguments: Mapping[str, Any]
    timeout: float
    settings: Settings
    """Read by who asks: a daemon thread that is in pydantic's Rust code while the process ends
    would abort it ("exception not rethrown")."""
    answer: Future[CallResult] = field(default_factory=Future)


class _Calls:
    """One thread a visitor for what decodes: previews must not take the processor from the tasks.
    Another for what only looks, so that it need not wait until an hour of sound has been decoded.
    There are two of each, so that nobody waits for one slow file of somebody else.

    They are daemons, unlike those of an executor, which would first finish all that waits when
    the process ends; the child under way ends itself with its parent.
    """

    def __init__(self) -> None:
        self.asked: dict[Hashable, Future[CallResult]] = {}
        self.waiting: Turns[_Asked] = Turns()
        self.quick: Turns[_Asked] = Turns()
        self.lock = threading.Lock()
        for name, waiting in 2 * (("preview", self.waiting), ("look", self.quick)):
            threading.Thread(
                target=self._work, args=(waiting,), name=f"retrack-{name}", daemon=True
            ).start()

    def _work(self, waiting: Turns[_Asked]) -> None:
        while True:
            with waiting.taken() as asked:
                try:
                    result = call(
                        asked.name, asked.arguments, timeout=asked.timeout, settings=asked.settings
                    )
                except Exception as error:
                    log.exception("the call %s could not be made", asked.name)
                    result = broken(error)
            asked.answer.set_result(result)


_FRESH = threading.Lock()


def _calls() -> _Calls:
    place = sys.modules.setdefault(_PLACE, ModuleType(_PLACE))
    with cast(threading.Lock, place.__dict__.setdefault("lock", _FRESH)):
        if "calls" not in place.__dict__:
            place.__dict__["calls"] = _Calls()
    return cast(_Calls, place.__dict__["calls"])


def fetch(
    name: str,
    arguments: Mapping[str, Any],
    path: Path,
    *,
    timeout: float,
    group: str | None,
    quick: bool = False,
) -> CallResult | None:
    """The answer of ``pipeline.child.calls`` for a file, None while it is being made.

    Asked once for each content of the file (by its stamp) and the arguments; ``timeout`` in
    seconds; ``quick`` for what does not decode a sound. Groups (visitors) take turns.
    """
    try:
        stat = path.stat()
    except OSError:
        return None
    given = json.dumps(dict(arguments), sort_keys=True)
    key = (name, str(path), stat.st_size, stat.st_mtime_ns, given)
    calls = _calls()
    with calls.lock:
        answer = calls.asked.get(key)
        if answer is None:
            # What is still being made stays: asked for again, it would push out the next.
            done = [k for k, future in calls.asked.items() if future.done()]
            for old in done[: max(0, len(calls.asked) - _MAX_ANSWERS + 1)]:
                del calls.asked[old]
            asked = _Asked(name, arguments, timeout, Settings())
            answer = calls.asked[key] = asked.answer
            (calls.quick if quick else calls.waiting).put(group, asked)
    return answer.result() if answer.done() else None
