"""What this process knows of the file: stat first, parse only when it changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from store.file.codec import decode
from store.file.disk import Pin, Signature, read_whole, signature_at
from store.file.suitable import explain

log = logging.getLogger(__name__)

_STILL_SECONDS = 1.0
"""Nobody is writing a file whose time stamp has not moved for so long."""
_LOOK_SECONDS = 0.05
LONGEST_SAVE_SECONDS = 5.0
"""How long a save by somebody else is waited for, with the lock held."""


@dataclass(frozen=True, eq=False)
class State:
    """One content of the file. Nothing in it is ever changed in place."""

    records: Mapping[str, Any] = field(default_factory=dict)
    """Of damaged content those that stand whole in it."""
    signature: Signature | None = None
    """None: the file is absent."""
    pin: Pin | None = None
    damage: tuple[str, ...] = ()
    """What is wrong with the content, in words."""
    raw: bytes | None = None
    """The bytes, unless it is a link or no file at all."""
    torn: bool = False
    """Whether it is no JSON object, so that records may be missing."""


def look(path: Path) -> State:
    """Reads and decodes what stands under ``path``; raises OSError when it cannot be read."""
    content = read_whole(path)
    if content is None:
        return State()
    found, obstacle = decode(content.raw), content.obstacle
    damage = (f"it is {obstacle}",) if obstacle else found.damage
    raw = None if obstacle else content.raw
    return State(found.records, content.signature, content.pin, damage, raw, found.salvaged)


class View:
    """The last seen state, shared by all threads of a store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: dict[str, str] = {}
        self.last: State | None = None
        """The last seen state, in which damaged content has the records of the one before;
        assigned as a whole, by whoever saw or wrote one."""

    def now(self) -> State:
        """The file's present state. When it is damaged, with the records of the one before; the one
        before when it cannot be read.

        Takes no lock between processes: a replace is atomic, so every read is whole.
        """
        try:
            state = self._known() or self._saw(look(self.path))
        except OSError as error:
            self.report("unreadable", f"{self.path} cannot be read: {explain(error)}")
            return self.last or State()
        self.report("unreadable", "")
        return state

    def _known(self) -> State | None:
        state = self.last
        return state if state and state.signature == signature_at(self.path) else None

    def _saw(self, state: State) -> State:
        before, text = self.last or State(), ""
        if state.damage:
            why = "; ".join(state.damage)
            text = f"{self.path.name} is damaged ({why}); showing its last good content"
        if text or before.damage:  # else what was repaired is still to be read
            self.report("damaged", text)
        records = before.records if text else state.records
        self.last = state = replace(state, records=records, raw=None)
        return state

    def report(self, code: str, text: str) -> None:
        """Makes ``text`` the problem of this code, none when it is empty; logs what is news."""
        if not text:
            self.problems.pop(code, None)
            return
        if self.problems.get(code) != text:
            log.warning(text)
        self.problems[code] = text

    def look_for_update(self) -> State:
        """For the holder of the lock: the known state when the file is unchanged and sound, else a
        fresh one. Damaged content may be half of what an editor, a copy or a sync program is
        writing: it is waited for while its time stamp moves.
        """
        state = self._known()
        if state and state.signature and not state.damage:
            return state
        state = look(self.path)
        end = time.monotonic() + LONGEST_SAVE_SECONDS
        while state.damage and _is_fresh(state) and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
            if signature_at(self.path) != state.signature:
                state = look(self.path)
        return state if state.damage or not state.signature else self._saw(state)


def _is_fresh(state: State) -> bool:
    saved = state.signature[2] / 1e9 if state.signature and state.raw is not None else 0.0
    return abs(time.time() - saved) < _STILL_SECONDS
