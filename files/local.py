"""This disk alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO


class Local:
    """The disk as it is; see ``files.place.Place``."""

    remote = False
    arriving = None
    link_origin = ""

    def start(self, report: Callable[[str], None]) -> None:
        """Nothing is kept anywhere else."""

    def stop(self) -> None:
        """Nothing is kept anywhere else."""

    def has(self, path: Path) -> bool:
        """Whether the file is on the disk."""
        return path.is_file()

    def fetch(self, path: Path) -> bool:
        """Whether the file is on the disk."""
        return path.is_file()

    def stat(self, path: Path) -> os.stat_result | None:
        """The file's, on the disk."""
        return path.stat() if path.is_file() else None

    def open(self, path: Path) -> IO[bytes]:
        """The file on the disk."""
        return path.open("rb")

    def publish(self, path: Path) -> None:
        """It is where it belongs; raises FileNotFoundError."""
        path.stat()

    def adopt(self, made: Path, final: Path, *, again: bool) -> Path:
        """Renames the file; with ``again`` it may have the name already."""
        with suppress(*(FileNotFoundError,) if again else ()):
            made.replace(final)
        return final

    def copy(self, source: Path, target: Path) -> bool:
        """There are no objects."""
        return False

    def link(self, path: Path, media_type: str, disposition: str | None) -> None:
        """There are no objects."""

    def remove(self, paths: Iterable[Path]) -> None:
        """From the disk."""
        for path in paths:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def tidy(self, folder: Path, kept: Collection[str]) -> None:
        """Whoever makes a result takes the older one's name, so that nothing is left."""

    def remove_folder(self, folder: Path) -> None:
        """There are no objects."""

    def discard(self, task_ids: Iterable[str]) -> None:
        """There are no objects."""

    def sweep(
        self, kept: Collection[str], departed: Collection[str], busy: Collection[str], hours: float
    ) -> None:
        """There are no objects."""
