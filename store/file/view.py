"""What this process knows of the file: stat first, parse only when it changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store.file.codec import Decoded, decode
from store.file.disk import Content, NotAFile, Pin, Signature, read_whole, signature_at
from store.file.suitable import explain
from store.process import renew_after_fork

log = logging.getLogger(__name__)

_STILL_SECONDS = 1.0
"""Nobody is writing a file whose time stamp has not moved for so long."""
_LOOK_SECONDS = 0.05
LONGEST_SAVE_SECONDS = 5.0
"""How long a save by somebody else is waited for, with the lock held."""


@dataclass(frozen=True, eq=False)
class State:
    """The records of one content of the file. Nothing in it is ever changed in place."""

    records: Mapping[str, Any] = field(default_factory=dict)
    signature: Signature | None = None
    """None: the file is absent."""
    pin: Pin | None = None
    damage: tuple[str, ...] = ()
    """What is wrong with the content, in words; then ``records`` are those seen before."""
    loaded: bool = True


@dataclass(frozen=True, eq=False)
class Reading:
    """One careful look at the file."""

    signature: Signature | None
    content: Content | None = None
    decoded: Decoded | None = None
    obstacle: str | None = None
    """What stands there instead of a file."""

    @property
    def damage(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        if self.obstacle:
            return (f"it is {self.obstacle}",)
        notes = self.decoded.damage if self.decoded else ()
        return (*notes, "it is a link") if self.content and self.content.is_link else notes


def look(path: Path) -> Reading:
    """Reads and decodes what stands under ``path``; raises OSError when it cannot be read."""
    try:
        content = read_whole(path)
    except NotAFile as obstacle:
        return Reading(signature_at(path), obstacle=str(obstacle))
    if content is None:
        return Reading(None)
    return Reading(content.signature, content, decode(content.raw))


class View:
    """The last seen state, shared by all threads of a store."""

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self.problems: dict[str, str] = {}
        self.last = State(loaded=False)
        """The last seen state; assigned as a whole, by whoever saw or wrote one."""
        self._timeout = timeout
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """A lock that another thread of the parent held would never be free in the child."""
        self._parsing = threading.Lock()  # so that one thread parses a change, not all

    def now(self) -> State:
        """The file's present state. When it is damaged or unreadable, the one before.

        Takes no lock between processes: a replace is atomic, so every read is whole.
        """
        try:
            state = self._known() or self._parse()
        except OSError as error:
            self.report("unreadable", f"{self.path} cannot be read: {explain(error)}")
            return self.last
        self.report("unreadable", "")
        return state

    def _known(self) -> State | None:
        state = self.last
        return state if state.loaded and state.signature == signature_at(self.path) else None

    def _parse(self) -> State:
        if not self._parsing.acquire(timeout=self._timeout):
            return self.last
        try:
            state = self._known()
            if state is None:
                self.last = state = self._state_of(look(self.path))
            return state
        finally:
            self._parsing.release()

    def _state_of(self, reading: Reading) -> State:
        if not reading.damage:
            return self.repaired(reading)
        why = "; ".join(reading.damage)
        self.report(
            "damaged", f"{self.path.name} is damaged ({why}); showing its last good content"
        )
        pin = reading.content.pin if reading.content else None
        return State(self.last.records, reading.signature, pin, reading.damage)

    def repaired(self, reading: Reading) -> State:
        """The state of a sound reading."""
        if self.last.damage:  # someone has repaired it
            self.report("damaged", "")
        return state_of(reading, self.last)

    def report(self, code: str, text: str) -> None:
        """Makes ``text`` the problem of this code, none when it is empty; logs what is news."""
        if not text:
            self.problems.pop(code, None)
            return
        if self.problems.get(code) != text:
            log.warning(text)
        self.problems[code] = text

    def look_for_update(self) -> Reading | State:
        """For the holder of the lock: the known state when the file is unchanged and sound,
        else a fresh reading. Damaged content may be half of what an editor, a copy or a sync
        program is writing: it is waited for while its time stamp moves.
        """
        state = self._known()
        if state and not state.damage:
            return state
        reading = look(self.path)
        end = time.monotonic() + LONGEST_SAVE_SECONDS
        while reading.damage and reading.content and _is_fresh(reading) and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
            if signature_at(self.path) != reading.signature:
                reading = look(self.path)
        return reading


def _is_fresh(reading: Reading) -> bool:
    saved = reading.signature[2] / 1e9 if reading.signature else 0.0
    return abs(time.time() - saved) < _STILL_SECONDS


def state_of(reading: Reading, before: State) -> State:
    """The state of a sound reading, sharing unchanged records with the state before."""
    records = reading.decoded.records if reading.decoded else {}
    old = before.records
    shared = {
        key: old[key] if key in old and _same(old[key], value) else value
        for key, value in records.items()
    }
    pin = reading.content.pin if reading.content else None
    return State(shared, reading.signature, pin)


def _same(a: Any, b: Any) -> bool:
    # 1 == 1.0 == True in Python and not in JSON; a difference that is only there is so rare that
    # the records of a hand-edited file are told apart by their text.
    return bool(a == b) and repr(a) == repr(b)
