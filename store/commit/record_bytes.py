"""The file's bytes kept record by record: a group encodes only the records that it changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.file.codec import encode, encode_members, join_members, member
from store.records.draft import Draft


class Encoded:
    """The bytes of the last draft; for one thread at a time."""

    def __init__(self) -> None:
        self._of: Mapping[str, Any] | None = None
        """The records whose bytes are known: this very mapping."""
        self._members: dict[str, bytes] | None = None
        """Their bytes in the order of the file; None until they are asked for twice in a row:
        beside another writer the whole file is encoded at once, which is quicker then."""

    def bytes_of(self, draft: Draft, base: Mapping[str, Any]) -> bytes:
        """What ``encode(draft.records)`` gives, for a draft that was begun from ``base``."""
        known = draft.touched is not None and (self._of is base or self._of is draft.records)
        members, self._of = self._members, None  # nothing is known when this is broken off
        if not known:
            members, data = None, encode(draft.records)
        elif members is None:
            members = encode_members(draft.records)
            data = join_members(members)
        else:
            for task_id in draft.removed:
                members.pop(task_id, None)
            for task_id in draft.touched or ():
                members[task_id] = member(task_id, draft.records[task_id])
            data = join_members(members)
        draft.touched, draft.removed = {}, set()  # what follows is on top of these bytes
        self._of, self._members = draft.records, members
        return data
