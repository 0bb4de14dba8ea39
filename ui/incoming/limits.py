"""What uploads may take: number and bytes by visitor, and the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from fastapi import HTTPException
from starlette.types import Message, Receive

from files.names import WHOLE
from pipeline import reasons
from pipeline.reasons import JobError
from pipeline.tasks.submit import SPARE_BYTES, request
from pipeline.visitors import network_of

if TYPE_CHECKING:
    from pipeline.tasks.record import TaskRecord
    from ui.service import Service

REFUSALS = {
    404: "not found",
    411: "a length is needed",
    413: "too large",
    429: "too much of yours waits",
    503: "the bucket cannot be reached just now",
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
    if _too_many(service, visitor, length, [*announced(service, visitor), *besides]):
        return 429
    # The results need about as much again.
    full = free_bytes(service) < 2 * length + SPARE_BYTES
    return 507 if full or promised_bytes(service) + length > share_bytes(service) else 0


def _too_many(service: Service, visitor: str, length: int, sizes: Sequence[int]) -> bool:
    """Whether the visitor, who has uploads of these sizes, may not have one more (bytes).

    Where visitors see their own tasks only, those of one network have at most half of what all may
    have together; who share their tasks share the disk.
    """
    settings, folder, network = service.settings, incoming(service), network_of(visitor)
    if len(sizes) >= settings.uploads_per_visitor:
        return True
    if _number(folder) >= settings.uploads_in_all:
        return True
    own, most = sum(sizes) + length, settings.uploads_gb_per_visitor * 1024**3
    tasks = service.tasks()
    if own + handed_in(task for task in tasks if task.visitor == visitor and task.active) > most:
        return True
    if not service.private:
        return False
    if 2 * _number(folder, network) >= settings.uploads_in_all:
        return True
    others = {one.name for one in folder.glob(f"{network}*")} - {visitor}
    waiting = own + sum(sum(announced(service, other)) for other in others)
    theirs = handed_in(_of_network(tasks, network))
    return waiting + theirs > share_bytes(service) / 2 or not has_room(service, visitor, waiting)


def has_room(service: Service, visitor: str, more: int) -> bool:
    """Whether the tasks of a visitor's network, with all that was made of them, and ``more``
    (bytes) take no more than half of the disk: what is made of uploads may be many times as
    large. Who share their tasks share the disk.
    """
    if not service.private:
        return True
    tasks = _of_network(service.tasks(), network_of(visitor))
    return more + handed_in(tasks) + _made(tasks) <= room_bytes(service) / 2


def _of_network(tasks: Iterable[TaskRecord], network: str) -> list[TaskRecord]:
    return [task for task in tasks if task.visitor and network_of(task.visitor) == network]


def _made(tasks: Iterable[TaskRecord]) -> int:
    """Bytes of what was made of the tasks' uploads."""
    return sum(task.made_size or 0 for task in tasks)


def make_again(service: Service, task: TaskRecord, options: Mapping[str, Any]) -> None:
    """Ask for a finished task to be made once more, where there is room for it and its place in the
    queue. Raises ``JobError`` where there is none, and what ``store.request`` raises."""
    if task.visitor and not has_room(service, task.visitor, 0):
        raise JobError(reasons.TOO_MANY_TASKS, "the files of this visitor's tasks take too much")
    request(service.store, service.settings, task.id, options, task.visitor)
    service.runner.wake()


def handed_in(tasks: Iterable[TaskRecord]) -> int:
    """Bytes of the tasks' own uploads; a reference that several share counts once."""
    dances, references = 0, set[tuple[str | None, int]]()
    for task in tasks:
        dances += task.dance_size or 0
        references.add((task.reference_name, task.reference_size or 0))
    return dances + sum(size for _, size in references)


def room_bytes(service: Service) -> int:
    """What the disk has for uploads and results (bytes): what is free, and what they take already;
    with a bucket, where they are not on the disk, never more than the disk."""
    total, _, free = _disk(service)
    return min(total, free + stored_bytes(service) + _made(service.tasks()))


def share_bytes(service: Service) -> float:
    """What all uploads together may take of it (bytes)."""
    return room_bytes(service) * service.settings.uploads_disk_share


def promised_bytes(service: Service) -> int:
    """What all uploads take once those that were announced are whole, handed in or not (bytes)."""
    visitors = incoming(service).glob("*")
    waiting = sum(sum(announced(service, folder.name)) for folder in visitors)
    return waiting + handed_in(service.tasks())


def stored_bytes(service: Service) -> int:
    """What they take now, handed in or not (bytes)."""
    waiting = 0
    for path in incoming(service).glob("*/*"):
        with suppress(OSError):  # handed in or removed at this moment
            waiting += _arrived(path) if service.store.files.arriving else path.stat().st_size
    return waiting + handed_in(service.tasks())


def has_space(service: Service, length: int, besides: int = 0) -> bool:
    """Whether the disk has space for a piece and for what others may write meanwhile (bytes), and
    uploads their share of it: tuspyserver answers a write that failed as one that went well and
    wrote nothing, which the page would send again and again."""
    if free_bytes(service) < length + besides + SPARE_BYTES:
        return False
    return stored_bytes(service) + length <= share_bytes(service)


def free_bytes(service: Service) -> int:
    """Free bytes where the outputs are."""
    _, _, free = _disk(service)
    return free


def _disk(service: Service) -> tuple[int, int, int]:
    """Total, used and free bytes (``shutil.disk_usage``)."""
    service.settings.outputs.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(service.settings.outputs)


def counted(receive: Receive, service: Service, left: int, writing: Callable[[], int]) -> Receive:
    """A request's body, counted as it comes, whatever length it claims.

    Raises HTTPException (400) beyond ``left`` bytes, and 507 as soon as the disk has no space for
    what all the requests that write at the same time, ``writing`` of them, may bring until each
    looks again.
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
            if not await anyio.to_thread.run_sync(
                has_space, service, 0, writing() * BYTES_BETWEEN_CHECKS
            ):
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


def _arrived(path: Path) -> int:
    """Bytes that have arrived of an upload, by its note, and what else is in its folder: most of
    them are not on this disk, or may have been fetched."""
    if path.suffix == WHOLE:
        return 0
    offset = (note_of(path) or {}).get("offset") if path.suffix == "" else None
    return offset if isinstance(offset, int) else path.stat().st_size


def _number(folder: Path, network: str = "") -> int:
    """How many uploads there are, of all visitors or those of one network."""
    return sum(1 for visitor in folder.glob(f"{network}*") for _ in _uploads(visitor))
