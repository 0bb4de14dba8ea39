"""Links by which others watch results: in the record of each task that a link shows.

So a link ends with its last task, needs no file of its own and outlives a restart. The record has
the link's name, not its address: the server signs that (``ui/routes/share.py``), so who reads the
task file or a copy of it has no link.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.tasks.values import objects, text

if TYPE_CHECKING:
    from store import Store

KEY = "shares"
"""The key of a record: an array of objects, the oldest first."""
MAX_SHARES = 20
"""Links to one task; the oldest ends when there is one more. A record stays short."""
NAME_BYTES = 16
"""Random bytes of a link's name."""


@dataclass(frozen=True)
class Share:
    """That a link shows a task's result."""

    link: str
    """The link's name, the same in each task that it shows."""
    kind: str
    """Which of the task's results it shows."""
    ends: datetime | None = None
    """When it ends, aware; None while the task is kept."""

    def to_json(self) -> dict[str, Any]:
        """What the record has of it."""
        ends = {"ends": self.ends.astimezone(UTC).isoformat()} if self.ends else {}
        return {"link": self.link, "kind": self.kind, **ends}


def read_shares(given: object) -> tuple[Share, ...]:
    """The links in a record's value, without what is no link or has an end that is no time."""
    found = (_read(one) for one in objects(given))
    return tuple(share for share in found if share is not None)


def _read(one: Mapping[str, Any]) -> Share | None:
    link, kind, ends = text(one.get("link")), text(one.get("kind")), one.get("ends")
    if not link or not kind:
        return None
    if ends is None:
        return Share(link, kind)
    try:
        return Share(link, kind, datetime.fromisoformat(str(ends)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def live(shares: Iterable[Share], now: datetime) -> tuple[Share, ...]:
    """Those that have not ended."""
    return tuple(share for share in shares if share.ends is None or now < share.ends)


def add_share(store: Store, kinds: Mapping[str, str], ends: datetime | None, now: datetime) -> str:
    """Makes a link to results, by task's id the kind; returns its name.

    Links that have ended leave the records. Raises what ``store.update`` raises; then the link may
    be in some of the records, and nobody knows its name.
    """
    link = secrets.token_urlsafe(NAME_BYTES)
    for task_id, kind in kinds.items():

        def changes(record: Mapping[str, Any], share: Share = Share(link, kind, ends)) -> Any:
            kept = live(read_shares(record.get(KEY)), now)[-(MAX_SHARES - 1) :]
            return {KEY: [one.to_json() for one in (*kept, share)]}

        store.update(task_id, changes)
    return link


def end_shares(store: Store, task_ids: Iterable[str]) -> None:
    """Ends every link to these tasks; a link that shows others too goes on showing those.

    Raises what ``store.update`` raises.
    """
    for task_id in task_ids:
        store.update(task_id, {KEY: None})
