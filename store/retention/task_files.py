"""Paths that stand in the file, and the folders that belong to a task.

A person may edit the file, so a path in it is taken only when it resolves inside ``outputs/``;
an id becomes a folder's name only when it is a uuid4; links are never followed.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Set
from pathlib import Path

from store.file.disk import TASK_FILE, sync
from store.file.owners import NAME as OWNER
from store.model import is_task_id

log = logging.getLogger(__name__)

TASK_FOLDERS = ("uploads", "results")
MARK = ".retrack"
"""An empty file in each folder that was made for a task: without it, nothing says that the folder
is ours, and it is left alone."""
_LEFT_BY_A_CRASH = re.compile(
    r"\.{1,2}reserve\..*\.tmp|\.sample-[a-z0-9_]+|\.task_(status|history)\S*\.\d+-[0-9a-f]{8}\.tmp"
)
"""Names of our own that mean nothing once they are old."""
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
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
    root = Path(os.path.abspath(outputs))  # noqa: PTH100 - resolve() would follow links
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
        sync(path.parent)
    return path


def remove_folders(outputs: Path, task_id: str) -> None:
    """Removes what belongs to a task; what cannot be removed is logged, and found again by the
    next :func:`sweep`.
    """
    for name in TASK_FOLDERS if is_task_id(task_id) else ():
        if path := safe_path(outputs, str(outputs / name / task_id)):
            _remove(path)


def _remove(path: Path) -> None:
    """Removes a file or a folder without following links; logs why it cannot."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:  # it is not there, or someone else is removing it as well
        return
    except OSError as error:
        log.warning("%s could not be removed, it is tried again: %s", path, error)


def sweep(outputs: Path, kept: Set[str], departed: Set[str], hours: float) -> list[Path]:
    """Removes what is ours in ``outputs`` and is not ``kept``: at once when it belongs to a task
    that has left (``departed``), else when nothing in it is younger than ``hours``.

    Ours is a folder with our mark, and what has one of our names for what is only needed
    meanwhile. Returns what was to go.
    """
    limit = time.time() - hours * 3600
    removed = []
    for path in _candidates(Path(os.path.abspath(outputs))):  # noqa: PTH100 - as in safe_path
        of_task, left = is_task_id(path.name), path.name in departed
        if path.name in kept or (of_task and not left and not _is_marked(path)):
            continue
        if (of_task and left) or _newest(path) < limit:
            _remove(path)
            removed.append(path)
    return removed


def named(outputs: Path) -> set[str]:
    """Ids anywhere in the task file and in other copies of it (kept aside, made by hand, left by a
    sync program): someone may still want to bring those tasks back.
    """
    ids: set[str] = set()
    for path in outputs.glob("task_status*"):
        own = path.name in (f"{TASK_FILE}.lock", f"{TASK_FILE}.bak")
        if not own and path.is_file() and not path.is_symlink():
            ids |= {match.decode() for match in _UUID.findall(path.read_bytes())}
    return ids


def _newest(path: Path) -> float:
    """When anything in it was changed; now, when that cannot be told."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    try:
        return max(os.lstat(one).st_mtime for one in (path, *inside))
    except OSError:
        return time.time()


def _is_marked(folder: Path) -> bool:
    try:
        return not folder.is_symlink() and stat.S_ISREG(os.lstat(folder / MARK).st_mode)
    except OSError:
        return False


def _candidates(root: Path) -> Iterator[Path]:
    """What may be ours by its name and its place."""
    for path in (*root.iterdir(), *_inside(root / "task_backups")):
        if _LEFT_BY_A_CRASH.fullmatch(path.name):
            yield path
    for path in _inside(root / ".owners"):
        if path.name[:1] == "." and OWNER.fullmatch(path.name[1:]):
            yield path
    for name in TASK_FOLDERS:
        folder = root / name
        for path in list(folder.iterdir()) if _is_operators(root, folder) else _inside(folder):
            if is_task_id(path.name) or is_task_id(path.name[1 : -len(_NEW)]):
                yield path


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
