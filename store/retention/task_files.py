"""Paths that stand in the file, and the files that belong to a task.

A person may edit the file, so a path in it is taken only when it resolves inside ``outputs/``;
an id becomes a folder's name only when it is a uuid4; links are never followed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from store.file.disk import TASK_FILE, sync_folder
from store.model import is_task_id
from store.owners import NAME as OWNER

log = logging.getLogger(__name__)

TASK_FOLDERS = ("uploads", "results")
MARK = ".retrack"
"""An empty file in each folder that was made for a task: without it, nothing says that the folder
is ours, and it is left alone."""
_LEFT_BY_A_CRASH = re.compile(
    r"\.reserve\..*\.tmp|\.sample-[a-z0-9_]+|\.task_(status|history)\S*\.\d+-[0-9a-f]{8}\.tmp"
)
"""Names of our own that mean nothing once they are old."""
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_IN_TASK_FOLDER = re.compile(r"(^|/)(uploads|results)/")
_NEW = ".new"
_linked: dict[Path, str] = {}
"""Where the links that an operator put in the place of a task folder led at first."""


def safe_path(outputs: Path, relative: object) -> Path | None:
    """The absolute path of a relative one in the file, None when it is not safely inside.

    It must lead into ``outputs`` without ``..`` and without passing any link, but for ``uploads``
    and ``results`` themselves, which may stand on another disk; it need not exist.
    """
    if not isinstance(relative, str) or not relative or "\0" in relative:
        return None
    root = _absolute(outputs)
    given = Path(relative)
    if not given.is_absolute() and given.parts[1:2] and given.parts[1] in TASK_FOLDERS:
        given = root.joinpath(*given.parts[1:])  # whatever the outputs folder was called then
    path = root.parent / given
    if ".." in path.parts or not path.is_relative_to(root) or path == root:
        return None
    step = root
    for part in path.relative_to(root).parts:
        step = step / part
        try:
            if stat.S_ISLNK(os.lstat(step).st_mode) and not _is_operators(root, step):
                return None
        except FileNotFoundError:
            break
        except (OSError, ValueError):
            return None
    return path


def _is_operators(root: Path, link: Path) -> bool:
    """Whether a link is a whole task folder on another disk, and leads where it led at first."""
    if link.parent != root or link.name not in TASK_FOLDERS:
        return False
    target = os.path.realpath(link)
    return os.path.isdir(target) and _linked.setdefault(link, target) == target  # noqa: PTH112


def make_task_folder(outputs: Path, name: str, task_id: str) -> Path:
    """The folder of a task in ``uploads`` or ``results``, with our mark from its first moment.

    One that is there already stays as it is. Raises OSError.
    """
    path = outputs / name / task_id
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        early = path.with_name(f".{task_id}{_NEW}")
        early.mkdir(exist_ok=True)
        (early / MARK).touch()
        early.rename(path)
        sync_folder(path.parent)
    return path


def remove_tree(path: Path) -> bool:
    """Removes a file or a folder without following links; whether something was there.

    Raises OSError when it cannot be removed.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(status.st_mode):
        with contextlib.suppress(FileNotFoundError):  # someone else is removing it as well
            shutil.rmtree(path)
            return True
        shutil.rmtree(path, ignore_errors=False) if path.exists() else None
    else:
        path.unlink()
    return True


def task_folders(outputs: Path, task_id: str) -> list[Path]:
    """The folders of a task's uploads and results; none for an id that is no uuid4."""
    if not is_task_id(task_id):
        return []
    paths = (safe_path(outputs, str(outputs / name / task_id)) for name in TASK_FOLDERS)
    return [path for path in paths if path]


def files_of(outputs: Path, task_id: str, record: Any, present: Mapping[str, Any]) -> list[Path]:
    """What leaves the disk with a task: its folders, and files that its record names elsewhere
    under uploads or results, unless they belong to one of the ``present`` records.
    """
    found = task_folders(outputs, task_id)
    for path in _named_elsewhere(outputs, {task_id: record}):
        inside = path.relative_to(_absolute(outputs)).parts
        if inside[0] not in TASK_FOLDERS or len(inside) == 1 or inside[1] in present:
            continue
        if path.is_file() and path not in _named_elsewhere(outputs, present):
            found.append(path)
    return found


def _absolute(outputs: Path) -> Path:
    return Path(os.path.abspath(outputs))  # noqa: PTH100 - resolve() would follow links


def _named_elsewhere(outputs: Path, records: Mapping[str, Any]) -> set[Path]:
    """The safe paths that records name in folders other than their own (few, if any)."""
    named = set()
    for task_id, record in records.items():
        for value in record.values() if isinstance(record, Mapping) else ():
            if not isinstance(value, str) or not _IN_TASK_FOLDER.search(value):
                continue
            path = None if f"/{task_id}/" in value else safe_path(outputs, value)
            if path:
                named.add(path)
    return named


def _newest(path: Path) -> float:
    newest = os.lstat(path).st_mtime
    if path.is_dir() and not path.is_symlink():
        for folder, folders, names in os.walk(path):
            for name in (*folders, *names):
                newest = max(newest, os.lstat(os.path.join(folder, name)).st_mtime)  # noqa: PTH118
    return newest


def _protected(outputs: Path) -> set[str]:
    """Ids in other copies of the task file (kept aside, made by hand, left by a sync program):
    someone may still want to bring those tasks back.
    """
    ids: set[str] = set()
    for path in outputs.glob("task_status*"):
        own = path.name in (TASK_FILE, f"{TASK_FILE}.lock", f"{TASK_FILE}.bak")
        if not own and path.is_file() and not path.is_symlink():
            ids |= {match.decode() for match in _UUID.findall(path.read_bytes())}
    return ids


def sweep(
    outputs: Path, records: Mapping[str, Any], gone: Iterable[str], hours: float
) -> list[Path]:
    """Removes what is ours in ``outputs`` and no task names: at once when it belongs to a task
    that has left (``gone``), else when nothing in it is younger than ``hours``.

    Ours is a folder with our mark, and what has one of our names for what is only needed
    meanwhile. Folders of tasks in another copy of the task file stay. Returns what was removed;
    logs what could not be.
    """
    departed = set(gone) - records.keys()
    elsewhere = _named_elsewhere(outputs, records)
    named = elsewhere | {parent for path in elsewhere for parent in path.parents}
    kept = records.keys() | _protected(outputs)
    limit = time.time() - hours * 3600
    removed = []
    for path in _candidates(_absolute(outputs)):
        if path in named or path.name in kept:
            continue
        try:
            of_task = is_task_id(path.name)
            if of_task and path.name not in departed and not _is_marked(path):
                continue
            if (of_task and path.name in departed) or _newest(path) < limit:
                remove_tree(path)
                removed.append(path)
        except OSError as error:
            log.warning("%s could not be removed: %s", path, error)
    return removed


def _is_marked(folder: Path) -> bool:
    try:
        return not folder.is_symlink() and stat.S_ISREG(os.lstat(folder / MARK).st_mode)
    except OSError:
        return False


def _candidates(root: Path) -> list[Path]:
    """What may be ours by its name and its place."""
    beside = [*root.iterdir(), *_inside(root / "task_backups")]
    found = [path for path in beside if _LEFT_BY_A_CRASH.fullmatch(path.name)]
    for path in _inside(root / ".owners"):
        if path.name[:1] == "." and OWNER.fullmatch(path.name[1:]):
            found.append(path)
    for name in TASK_FOLDERS:
        folder = root / name
        for path in folder.iterdir() if _is_operators(root, folder) else _inside(folder):
            if is_task_id(path.name) or is_task_id(path.name[1 : -len(_NEW)]):
                found.append(path)
    return found


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
