"""What uploads that are not handed in yet may take: number and bytes by visitor, and the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from fastapi import HTTPException
from starlette.types import Message, Receive

from pipeline.tasks.submit import SPARE_BYTES

if TYPE_CHECKING:
    from ui.service import Service

MAX_UPLOADS = 200
"""Uploads of one visitor, waiting or under way; a whole class has fewer films of one song."""
MAX_UPLOADS_IN_ALL = 2000
"""The same of all visitors together, since a key for one more costs a look at the page."""
REFUSALS = {
    411: "a length is needed",
    413: "too large",
    429: "too much of yours waits",
    507: "disk full",
}
"""Why an upload is not taken, by the status that the page's uploader turns into words."""
BYTES_BETWEEN_CHECKS = 8 * 1024 * 1024
"""Bytes that are written between two looks at the disk."""


def incoming(service: Service) -> Path:
    """The folder of all uploads that are not handed in, with one folder a visitor."""
    return service.settings.outputs / "incoming"


def note_of(path: Path) -> dict[str, Any] | None:
    """What tus noted beside an upload: size, offset, metadata; None when nothing is readable."""
    try:
        note = json.loads(path.with_name(f"{path.name}.info").read_bytes())
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def announced(service: Service, visitor: str) -> list[int]:
    """The sizes (bytes) of a visitor's waiting and unfinished uploads, once they are whole."""
    return [_size(path) for path in _uploads(incoming(service) / visitor)]


def refusal(service: Service, visitor: str, length: int, besides: Sequence[int] = ()) -> int:
    """0, or the status that says why an upload of this length (bytes) is not taken.

    ``besides`` are sizes that count for the visitor and are not on the disk.
    """
    if not 0 <= length <= service.settings.max_upload_mb * 1024 * 1024:
        return 413
    sizes = [*announced(service, visitor), *besides]
    if sum(sizes) + length > service.settings.uploads_gb_per_visitor * 1024**3:
        return 429
    if len(sizes) >= MAX_UPLOADS or _number(incoming(service)) >= MAX_UPLOADS_IN_ALL:
        return 429
    # The results need about as much again.
    return 507 if free_bytes(service) < 2 * length + SPARE_BYTES else 0


def has_space(service: Service, length: int) -> bool:
    """Whether the disk has space for a piece (bytes): tuspyserver answers a write that failed as
    one that went well and wrote nothing, which the page would send again and again."""
    return free_bytes(service) >= length + SPARE_BYTES


def free_bytes(service: Service) -> int:
    """Free bytes where the outputs are."""
    service.settings.outputs.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(service.settings.outputs).free


def counted(receive: Receive, service: Service, left: int) -> Receive:
    """A request's body, counted as it comes, whatever length it claims.

    Raises HTTPException (400) beyond ``left`` bytes, and 507 as soon as the disk is full: others
    write at the same time.
    """
    taken, next_look = 0, BYTES_BETWEEN_CHECKS

    async def next_piece() -> Message:
        nonlocal taken, next_look
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > left:
            raise HTTPException(400, "more than was announced")
        if taken >= next_look:
            next_look = taken + BYTES_BETWEEN_CHECKS
            if not await anyio.to_thread.run_sync(has_space, service, 0):
                raise HTTPException(507, REFUSALS[507])
        return message

    return next_piece


def _uploads(folder: Path) -> Iterator[Path]:
    """The uploads in a folder: those with a note, and those of the stock uploader without one."""
    for path in folder.glob("[!.]*"):
        if path.suffix == "" and path.is_file():
            yield path


def _size(path: Path) -> int:
    size = (note_of(path) or {}).get("size")
    try:
        return size if isinstance(size, int) else path.stat().st_size
    except OSError:  # handed in or removed at this moment
        return 0


def _number(folder: Path) -> int:
    return sum(1 for visitor in folder.glob("*") for _ in _uploads(visitor))
