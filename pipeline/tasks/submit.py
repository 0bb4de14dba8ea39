"""Puts a task into the store: the one way for the page and the command line."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline import reasons
from pipeline.media import facts_note
from pipeline.reasons import InputError, JobError
from pipeline.settings import Settings
from pipeline.tasks.record import value_of
from pipeline.visitors import group_of, network_of
from store import NotSaved, make_task_folder

if TYPE_CHECKING:
    from store import Store, Task

FILM_ENDINGS = (
    *("mp4", "mov", "m4v", "mkv", "webm", "avi", "ts", "mts", "m2ts"),
    *("flv", "mpg", "mpeg", "vob", "mod", "wmv", "asf"),
)
SOUND_ENDINGS = (
    *("mp3", "m4a", "aac", "wav", "flac", "ogg", "opus"),
    *("aif", "aiff", "aifc", "caf", "wma", "ac3", "eac3", "wv"),
)
EXTENSIONS = frozenset((*FILM_ENDINGS, *SOUND_ENDINGS))
"""What a stored upload may be called; the name is no evidence of what it holds."""

Transfer = Literal["move", "link", "copy", "copy_and_remove"]

NOTE_SUFFIX = facts_note.SUFFIX
"""In place of a stored file's ending: its facts, which are handed in with it."""
SPARE_BYTES = 200 * 1024 * 1024
"""Left free on the disk after the uploads are stored."""


def stored_name(role: str, user_name: str) -> str:
    """``dance.mp4``: our name for an upload; of the user's, only a known extension is kept."""
    extension = user_name.rpartition(".")[2].lower()
    return f"{role}.{extension if extension in EXTENSIONS else 'bin'}"


def _check_space(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed + SPARE_BYTES:
        raise JobError(reasons.DISK_FULL, "there is not enough space on the disk for these files")


def _check_number(store: Store, settings: Settings, visitor: str | None) -> None:
    tasks = store.snapshot().tasks
    own, theirs = _counted(tasks, visitor)
    if own >= settings.tasks_per_visitor or 2 * theirs >= settings.tasks_in_all:
        text = f"this visitor has {own} tasks, those of the network have {theirs}"
        raise JobError(reasons.TOO_MANY_TASKS, text)
    if len(tasks) >= settings.tasks_in_all:
        raise JobError(reasons.QUEUE_FULL, f"there are {len(tasks)} tasks; delete some")


def _counted(tasks: Iterable[Task], visitor: str | None) -> tuple[int, int]:
    """How many of the tasks are a visitor's, and how many are of the network's visitors."""
    if not visitor:
        return 0, 0
    owners = [str(value_of(task, "visitor") or "") for task in tasks]
    network = network_of(visitor)
    return owners.count(visitor), sum(network_of(owner) == network for owner in owners)


def _check_waiting(
    store: Store, settings: Settings, visitor: str | None, but: str | None = None
) -> None:
    """Of what waits, new or to be made once more, ``but`` for one task."""
    waiting = [
        task
        for task in store.snapshot().tasks
        if task.id != but
        and (task.status == "pending" or (task.adjust and task.adjust.status == "pending"))
    ]
    if len(waiting) >= settings.waiting_in_all:
        raise JobError(reasons.QUEUE_FULL, f"{len(waiting)} tasks are waiting; try again later")
    own, theirs = _counted(waiting, visitor)
    if own >= settings.waiting_per_visitor or 2 * theirs >= settings.waiting_in_all:
        text = f"{own} tasks of this visitor are waiting, {theirs} of the network's visitors"
        raise JobError(reasons.TOO_MANY_WAITING, text)


def retry(store: Store, settings: Settings, task_id: str, visitor: str | None) -> Task:
    """A failed task waits again, for which there must be room as for a new one. Raises ``JobError``
    for too many tasks that wait, and what ``store.retry`` raises."""
    _check_waiting(store, settings, visitor)
    return store.retry(task_id)


def request(
    store: Store, settings: Settings, task_id: str, options: Mapping[str, Any], visitor: str | None
) -> Task:
    """A finished task is to be made once more, for which there must be room as for a new one.
    Raises ``JobError`` for too many that wait, and what ``store.request`` raises."""
    _check_waiting(store, settings, visitor, but=task_id)
    return store.request(task_id, {"options": dict(options)})


def _transfer(source: Path, target: Path, how: Transfer) -> None:
    """Puts ``source`` at ``target`` and makes sure that it is on the disk.

    Where a move or a link is not possible (another file system, or one without hard links)
    the bytes are copied, if there is space for them.
    """
    try:
        if how == "move":
            source.replace(target)
        elif how == "link":
            os.link(source, target)
    except OSError:
        how = "copy_and_remove" if how == "move" else "copy"
    if how in {"copy", "copy_and_remove"}:
        _check_space(target.parent, source.stat().st_size)
        shutil.copyfile(source, target)
    if how == "copy_and_remove":
        source.unlink()
    with target.open("rb") as stream:
        os.fsync(stream.fileno())


def submit(
    store: Store,
    settings: Settings,
    dance: Path,
    reference: Path,
    *,
    dance_name: str,
    reference_name: str,
    options: Mapping[str, Any] | None = None,
    visitor: str | None = None,
    move: bool = False,
    keep_reference: bool = False,
) -> Task:
    """Stores the two files and creates a pending task.

    ``dance_name`` and ``reference_name`` are what the user calls them: data, never paths.
    ``move`` takes the files away from where they are; with ``keep_reference`` the reference
    stays there as well and the task's own is another name of the same bytes: a whole class
    stores its reference once, and the bytes go with the last task that has them.

    Raises ``InputError`` for a file that is missing or too large, ``JobError`` for a full disk
    and for too many tasks, in all or waiting, ``OSError``, and what ``store.create`` raises. On an
    error nothing is left behind, and what was moved is where it was (but after a NotSaved whose
    task may be in the file).
    """
    _check_number(store, settings, visitor)
    _check_waiting(store, settings, visitor)
    sizes: dict[str, int] = {}
    for role, path in (("dance", dance), ("reference", reference)):
        # What is ours may be in the bucket alone.
        about = store.files.stat(path) if move else path.stat() if path.is_file() else None
        if about is None:
            raise InputError(reasons.MISSING_FILE, f"there is no {role} file at {path}", role=role)
        sizes[role] = about.st_size
        if sizes[role] > settings.max_upload_mb * 1024 * 1024:
            text = (
                f"the {role} file is larger than {settings.max_upload_mb} MiB; "
                "RETRACK_MAX_UPLOAD_MB sets the limit"
            )
            raise InputError(reasons.TOO_LARGE, text, role=role)
    task_id = str(uuid.uuid4())
    folder = make_task_folder(settings.outputs, "uploads", task_id)
    targets = {
        "dance": folder / stored_name("dance", dance_name),
        "reference": folder / stored_name("reference", reference_name),
    }
    try:
        if not move:
            _check_space(folder, sum(sizes.values()))
        # What somebody else may still write to is copied; what is ours is moved or shared.
        shared: Transfer = "link" if keep_reference else "move"
        for source, role, how in ((reference, "reference", shared), (dance, "dance", "move")):
            copied = move and store.files.copy(source, targets[role])
            if source.is_file() or not copied:
                _transfer(source, targets[role], how if move else "copy")
        if move:  # a copy has another time of change, so no note would hold for it
            for source, target in ((dance, targets["dance"]), (reference, targets["reference"])):
                with suppress(OSError):  # not looked at yet: the task will
                    os.link(facts_note.note_path(source), facts_note.note_path(target))
        root = settings.outputs.parent
        return store.create(
            {
                "dance_name": dance_name,
                "reference_name": reference_name,
                "dance_size": sizes["dance"],
                "reference_size": sizes["reference"],
                "dance_file": targets["dance"].relative_to(root).as_posix(),
                "reference_file": targets["reference"].relative_to(root).as_posix(),
                **({"options": dict(options)} if options else {}),
                **({"visitor": visitor, "group": group_of(visitor)} if visitor else {}),
            },
            task_id=task_id,
        )
    except BaseException as error:
        if isinstance(error, NotSaved) and error.maybe_saved:
            raise  # then its files must be there
        if move:
            _give_back(((dance, targets["dance"]), (reference, targets["reference"])))
            store.files.remove_folder(folder)
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _give_back(moved: Iterable[tuple[Path, Path]]) -> None:
    """Puts uploads that were moved already back where they were, so that nobody sends them anew."""
    for source, target in moved:
        if target.is_file() and not source.exists():
            with suppress(OSError):
                shutil.move(target, source)
