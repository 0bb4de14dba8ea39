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
from store.model import count_finished

log = logging.getLogger(__name__)

_QUICKLY_SAVED = 1_000_000
"""Bytes; a larger damaged file is not read again in the hope of better."""


@dataclass(frozen=True, eq=False)
class State:
    """The records of one content of the file. Nothing in it is ever changed in place."""

    records: Mapping[str, Any] = field(default_factory=dict)
    signature: Signature | None = None
    """None: the file is absent."""
    finished: int = 0
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
        self._timeout = timeout
        self._state = State(loaded=False)
        self._coming: State | None = None
        self._turn = 0
        self._mutex = threading.Lock()  # held for assignments only
        self._parsing = threading.Lock()  # so that one thread parses a change, not all

    @property
    def last(self) -> State:
        """The last state without looking at the disk."""
        return self._state

    def announce(self, state: State) -> None:
        """Tells readers of a content that is about to get the name, to spare them parsing it."""
        with self._mutex:
            self._coming = state

    def accept(self, state: State) -> None:
        """Makes ``state`` the last seen one."""
        with self._mutex:
            self._state = state
            self._coming = None
            self._turn += 1

    def now(self) -> State:
        """The file's present state. When it is damaged or unreadable, the one before.

        Takes no lock between processes: a replace is atomic, so every read is whole.
        """
        try:
            return self._now()
        except OSError as error:
            self.report("unreadable", f"{self.path} cannot be read: {error}")
            return self._state

    def _now(self) -> State:
        state = self._known(signature_at(self.path))
        if state:
            self.problems.pop("unreadable", None)
            return state
        if not self._parsing.acquire(timeout=self._timeout):
            return self._state
        try:
            turn = self._turn
            state = self._known(signature_at(self.path))
            if state:
                return state
            state = self._settled(look(self.path))
            with self._mutex:
                if turn == self._turn:  # else a newer one was accepted meanwhile
                    self._state = state
                    self._turn += 1
            return state
        finally:
            self._parsing.release()

    def _known(self, signature: Signature | None) -> State | None:
        for state in (self._state, self._coming):
            if state and state.loaded and state.signature == signature:
                return state
        return None

    def _settled(self, reading: Reading) -> State:
        self.problems.pop("unreadable", None)
        if reading.damage:
            before = self._state
            why = "; ".join(reading.damage)
            text = f"{self.path.name} is damaged ({why}); showing its last good content"
            self.report("damaged", text)
            pin = reading.content.pin if reading.content else None
            return State(before.records, reading.signature, before.finished, pin, reading.damage)
        if self._state.damage:  # someone has repaired it
            self.problems.pop("damaged", None)
        return state_of(reading, self._state)

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
        else a fresh reading. A file saved within the last moments may be half written by an
        editor, so a damaged one is looked at again a little later.
        """
        state = self._state
        if state.loaded and not state.damage and state.signature == signature_at(self.path):
            return state
        reading = look(self.path)
        for _ in range(3):
            if not reading.damage or reading.obstacle or not _is_fresh(reading):
                break
            time.sleep(0.1)
            reading = look(self.path)
        return reading


def _is_fresh(reading: Reading) -> bool:
    if reading.signature is None or reading.signature[3] > _QUICKLY_SAVED:
        return False
    return abs(time.time() - reading.signature[2] / 1e9) < 1.0


def state_of(reading: Reading, before: State) -> State:
    """The state of a sound reading, sharing unchanged records with the state before."""
    records = reading.decoded.records if reading.decoded else {}
    old = before.records
    shared = {
        key: old[key] if key in old and _same(old[key], value) else value
        for key, value in records.items()
    }
    pin = reading.content.pin if reading.content else None
    return State(shared, reading.signature, count_finished(shared), pin)


def _same(a: Any, b: Any) -> bool:
    # 1 == 1.0 == True in Python and not in JSON; a difference that is only there is so rare that
    # the records of a hand-edited file are told apart by their text.
    return bool(a == b) and repr(a) == repr(b)
