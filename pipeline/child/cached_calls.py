"""Small media calls, asked for by the page and fetched at a later look.

They are made in children of this machine, or by whatever ``go_through`` names.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeGuard, cast

from pipeline import reasons
from pipeline.child.supervise import CallResult, broken, call
from pipeline.child.turns import Turns
from pipeline.settings import Settings
from pipeline.visitors import network_of

log = logging.getLogger(__name__)

_PLACE = "_retrack_background"
_MAX_ANSWERS = 200
"""How many answers are remembered; more only for as long as others are being made."""
AGAIN_SECONDS = 10.0
"""A call that was interrupted says nothing of its file: after so long it is made again."""


class Make(Protocol):
    """Makes a call, wherever that is."""

    def __call__(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        quick: bool,
        timeout: float,
        settings: Settings,
    ) -> CallResult:
        """The answer, its reason ``INTERRUPTED`` where nobody gave one; ``timeout`` in seconds."""


def is_answer(made: CallResult | None) -> TypeGuard[CallResult]:
    """Whether a call has said something: one that was interrupted is made again."""
    return made is not None and made.reason != reasons.INTERRUPTED


Stat = Callable[[Path], os.stat_result | None]


def _make_here(
    name: str, arguments: Mapping[str, Any], *, quick: bool, timeout: float, settings: Settings
) -> CallResult:
    """In a child of this machine."""
    return call(name, arguments, timeout=timeout, settings=settings)


@dataclass(frozen=True)
class _Way:
    """Who makes calls, and who knows of files."""

    make: Make = _make_here
    stat: Stat = Path.stat


@dataclass
class _Asked:
    """One call that waits for its turn."""

    name: str
    arguments: Mapping[str, Any]
    quick: bool
    timeout: float
    make: Make
    settings: Settings
    """Read by who asks: a daemon thread that is in pydantic's Rust code while the process ends
    would abort it ("exception not rethrown")."""
    answer: Future[CallResult] = field(default_factory=Future)
    ended: float = 0.0
    """When it was answered, on the monotonic clock."""

    @property
    def over(self) -> bool:
        """Whether it was answered with nothing, some time ago."""
        return (
            self.answer.done()
            and not is_answer(self.answer.result())
            and time.monotonic() > self.ended + AGAIN_SECONDS
        )


class _Calls:
    """One thread a visitor for what decodes: previews must not take the processor from the tasks.
    Another for what only looks, so that it need not wait until an hour of sound has been decoded.
    There are two of each, so that nobody waits for one slow file of somebody else.

    They are daemons, unlike those of an executor, which would first finish all that waits when
    the process ends; the child under way ends itself with its parent.
    """

    def __init__(self) -> None:
        self.asked: dict[Hashable, _Asked] = {}
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
                    result = asked.make(
                        asked.name,
                        asked.arguments,
                        quick=asked.quick,
                        timeout=asked.timeout,
                        settings=asked.settings,
                    )
                except Exception as error:
                    log.exception("the call %s could not be made", asked.name)
                    result = broken(error)
            asked.ended = time.monotonic()
            asked.answer.set_result(result)


_FRESH = threading.Lock()


def _place() -> ModuleType:
    """What outlives a hot reload of this module."""
    return sys.modules.setdefault(_PLACE, ModuleType(_PLACE))


def go_through(make: Make, stat: Stat) -> None:
    """Has ``make`` make all calls from now on, of files that ``stat`` knows (None: not there)."""
    _place().__dict__["way"] = _Way(make, stat)


def stay_here() -> None:
    """Makes calls in children of this machine again."""
    _place().__dict__.pop("way", None)


def _calls() -> _Calls:
    place = _place()
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
    way = cast(_Way, _place().__dict__.get("way") or _Way())
    try:
        stat = way.stat(path)
    except OSError:
        return None
    if stat is None:
        return None
    given = json.dumps(dict(arguments), sort_keys=True)
    key = (name, str(path), stat.st_size, stat.st_mtime_ns, given)
    calls = _calls()
    with calls.lock:
        asked = calls.asked.get(key)
        if asked is None or asked.over:
            # What is still being made stays: asked for again, it would push out the next.
            done = [k for k, one in calls.asked.items() if one.answer.done()]
            for old in done[: max(0, len(calls.asked) - _MAX_ANSWERS + 1)]:
                del calls.asked[old]
            asked = calls.asked[key] = _Asked(name, arguments, quick, timeout, way.make, Settings())
            (calls.quick if quick else calls.waiting).put(network_of(group or ""), group, asked)
    return asked.answer.result() if asked.answer.done() else None
