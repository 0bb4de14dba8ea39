"""What others ask of the files of tasks: each by its path below the outputs folder.

Without a bucket the disk is all there is. With one (``RETRACK_STORAGE_URL``) the outputs folder is
what this machine has of it, and an object's key is its file's path below that folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from files.errors import StorageError
from files.local import Local

if TYPE_CHECKING:
    from files.arriving import Arriving

Report = Callable[[str], None]
"""Takes what keeps the bucket from being up to date; an empty text when nothing does."""


class Place(Protocol):
    """Where the files of one outputs folder are. Paths are absolute and lie in that folder."""

    @property
    def remote(self) -> bool:
        """Whether there is more than this disk."""

    @property
    def arriving(self) -> Arriving | None:
        """Takes uploads as they arrive; None where they arrive on this disk."""

    def start(self, report: Report) -> None:
        """Become the one writer: bring back what an empty disk lacks, and keep the bucket's copies
        of the task file, the history and the secret up to date. Raises ``StorageError``."""

    def stop(self) -> None:
        """Bring the bucket up to date for the last time, and let others write."""

    def has(self, path: Path) -> bool:
        """Whether a file that a record names is there. What is not on this disk is believed to be
        in the bucket: nothing is named before it is whole there."""

    def fetch(self, path: Path) -> bool:
        """Bring a file to this disk; whether it is there. Raises ``StorageError``."""

    def stat(self, path: Path) -> os.stat_result | None:
        """Size and time of change; None for what is not there. Raises ``StorageError``."""

    def open(self, path: Path) -> IO[bytes]:
        """Read a file from where it is. Raises OSError."""

    def publish(self, path: Path) -> None:
        """Put a file of this disk into the bucket, whole and with its size checked; nothing where
        it is there already. Raises FileNotFoundError, ``StorageError``."""

    def adopt(self, made: Path, final: Path, *, again: bool) -> Path:
        """Give a result that an attempt has made its name, the one that is returned: ``final``, or
        one beside it that no other attempt gives. ``again``: perhaps it has that name already.
        Raises OSError."""

    def copy(self, source: Path, target: Path) -> bool:
        """Give a file another name in the bucket, beside the one that it has there; whether it is
        there. Raises ``StorageError``."""

    def link(self, path: Path, media_type: str, disposition: str | None) -> str | None:
        """An address into the bucket at which whoever has it reads the file for some minutes, with
        this Content-Disposition; None where the bucket has not this very file. Raises
        ``StorageError``."""

    @property
    def link_origin(self) -> str:
        """Where such links lead, as a Content-Security-Policy names it; empty without a bucket.
        Raises ``StorageError``."""

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove files that no record names any more: here at once, in the bucket once its task
        file does not name them either; never raises."""

    def tidy(self, folder: Path, kept: Collection[str]) -> None:
        """Remove what ended attempts left in a task's folder of results, but for the names that are
        ``kept``: their objects, and what got a name by ``adopt``; never raises."""

    def remove_folder(self, folder: Path) -> None:
        """Remove an attempt's objects, at once; never raises."""

    def discard(self, task_ids: Iterable[str]) -> None:
        """The objects of tasks go, once the bucket's task file does not name them any more."""

    def sweep(
        self, kept: Collection[str], departed: Collection[str], busy: Collection[str], hours: float
    ) -> None:
        """The same for tasks that are not ``kept`` and have left (``departed``), or whose objects
        are older than ``hours``; what attempts left goes unless their task is ``busy`` with one.
        Raises ``StorageError``."""


def open_place(url: str, outputs: Path) -> Place:
    """The files of an outputs folder; ``url`` is empty or ``s3://bucket/prefix``.

    Asks nobody yet. Raises ``StorageError`` for another URL, and without the package.
    """
    if not url:
        return Local()
    if not (find_spec("obstore") and find_spec("boto3")):
        text = "it needs more packages: pip install -r requirements-storage.txt"
        raise StorageError(text)
    from files.bucket import Bucket

    return Bucket(url, outputs)
