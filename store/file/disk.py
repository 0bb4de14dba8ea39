"""The system calls under every promise: whole files, synced, under their name at once."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, PAGESIZE, mmap
from pathlib import Path

TASK_FILE = "task_status.json"

Signature = tuple[int, int, int, int]
"""Device, inode, mtime (ns) and size: they differ between one content of the file and another."""

_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
MAX_FILE_BYTES = 256 * 1024 * 1024
"""A larger task file is not written, and moved aside unread."""
_DIRECT = getattr(os, "O_DIRECT", 0)  # macOS has none
USUAL_MODE = 0o644
"""Permissions of a new file, from which the umask takes away."""


class Moved(Exception):
    """The file changed between being read and being replaced (a person saved an edit)."""


class Pin:
    """Keeps a file's inode from being used again while its signature is remembered.

    Without it, two replaces by another process could give the new content the inode, the size
    and (timestamps move in steps of milliseconds) the mtime of the old.
    """

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        # ``os`` itself may be gone when the interpreter ends.
        try:
            close(self.descriptor)
        except OSError:  # somebody else has closed it
            return


@dataclass(frozen=True, eq=False)
class Content:
    """What stands under the file's name at one moment."""

    signature: Signature
    raw: bytes = b""
    pin: Pin | None = None
    obstacle: str = ""
    """What stands there instead of a file: a folder, a link, something far too large."""


def signature_of(status: os.stat_result) -> Signature:
    """The signature in a :func:`os.stat` answer."""
    return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def signature_at(path: Path) -> Signature | None:
    """The signature of what stands under ``path`` (a link's own); None when nothing does."""
    try:
        return signature_of(os.lstat(path))
    except FileNotFoundError:
        return None


def read_whole(path: Path) -> Content | None:
    """The file's bytes, None when it is absent. A link is followed, and also named as an obstacle.

    Raises OSError when the file cannot be read.
    """
    try:
        outer = os.lstat(path)
    except FileNotFoundError:
        return None
    link, signature = stat.S_ISLNK(outer.st_mode), signature_of(outer)
    try:
        pin = Pin(os.open(path, _READ_FLAGS))
    except OSError as error:
        if link or stat.S_ISSOCK(outer.st_mode):
            return Content(signature, obstacle="a link to nothing" if link else "a socket")
        if isinstance(error, FileNotFoundError):  # it was removed just now
            return None
        raise
    inner = os.fstat(pin.descriptor)
    if not stat.S_ISREG(inner.st_mode):
        is_folder = stat.S_ISDIR(inner.st_mode)
        return Content(signature, obstacle="a folder" if is_folder else "no regular file")
    if inner.st_size > MAX_FILE_BYTES:
        return Content(signature, obstacle=f"a file of {inner.st_size >> 20} MB")
    pieces = []
    while piece := os.read(pin.descriptor, 1 << 22):
        pieces.append(piece)
    raw = b"".join(pieces)
    return Content(signature if link else signature_of(inner), raw, pin, "a link" if link else "")


def sync(path: Path) -> None:
    """Makes a file's content, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, _READ_FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Writes all of ``data``, however many calls it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def paged_memory(size: int) -> memoryview:
    """Memory of at least ``size`` bytes that begins at a page, which :func:`put` writes faster."""
    return memoryview(mmap(-1, max(size, 1), flags=MAP_PRIVATE | MAP_ANONYMOUS))


def _write_past_cache(descriptor: int, data: memoryview) -> int:
    """Writes the whole pages of paged ``data`` without the kernel's copy of them.

    Making and dropping that copy is half of what a large write costs (docs/benchmarks-store.md).
    Returns how many bytes were written: none where the file system cannot do it.
    """
    pages = data[: len(data) // PAGESIZE * PAGESIZE]
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, _DIRECT)
        write_all(descriptor, pages)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        os.lseek(descriptor, 0, os.SEEK_SET)
        return 0
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, 0)
    return len(pages)


def mode_of(path: Path) -> int | None:
    """The permissions of the file under ``path``; None without one."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) else None


def _write_temporary(temporary: Path, data: bytes | memoryview, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, USUAL_MODE if mode is None else mode)
    try:
        done = _write_past_cache(descriptor, data) if isinstance(data, memoryview) else 0
        write_all(descriptor, data[done:])
        if mode is not None and stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
            with contextlib.suppress(PermissionError, NotImplementedError):
                os.fchmod(descriptor, mode)  # the umask took bits away that the old file has
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_whole(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Puts ``data`` under ``path`` so that a crash leaves either the old file or the new one.

    A temporary file of its own (O_EXCL, with the permissions of ``like``, else of ``path``), fsync,
    rename, fsync of the folder. Raises OSError.
    """
    put(path, data, like=like)
    sync(path.parent)


def put(
    path: Path,
    data: bytes | memoryview,
    *,
    like: Path | None = None,
    unchanged: Callable[[], bool] = lambda: True,
) -> tuple[Signature, Pin]:
    """Does what :func:`replace_whole` does, without the folder's sync; returns the new file's
    signature, and its pin.

    A memoryview is of :func:`paged_memory`. ``unchanged`` is asked just before the rename. Raises
    Moved when it says no, and OSError; the old file is untouched then.
    """
    if len(data) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, f"{len(data) >> 20} MB could not be read again")
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        _write_temporary(temporary, data, mode_of(like or path))
        pin = Pin(os.open(temporary, _READ_FLAGS))
        if not unchanged():
            raise Moved
        os.replace(temporary, path)  # noqa: PTH105 - the call itself is the point
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return signature_of(os.fstat(pin.descriptor)), pin


def put_aside(path: Path, raw: bytes | None, kind: str, moment: str) -> Path:
    """Keeps a copy of ``raw`` beside ``path`` (or, with None, moves what stands there), synced.

    The name is ``<name>.<kind>-<moment>-<random>``; nothing is ever overwritten.
    """
    aside = path.with_name(f"{path.name}.{kind}-{moment}-{secrets.token_hex(3)}")
    if raw is None:
        path.rename(aside)
        sync(path.parent)
    else:
        replace_whole(aside, raw, like=path)
    return aside


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files of writers that died; only for the holder of the lock."""
    for path in folder.glob(f".{TASK_FILE}.*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()
