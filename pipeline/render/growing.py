"""A file of ours that is read while another thread still writes it.

It is written under another name and gets its own one when it is whole, so that its folder says how
far it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from time import sleep

import av
from av.container import InputContainer

WAIT_SECONDS = 0.01
"""Between two looks at whether more has been written."""


class NotMade(Exception):
    """Whoever wrote the file gave up."""


def part_of(path: Path) -> Path:
    """What the file is called while it is written."""
    return path.with_suffix(".part")


def whole_size(path: Path) -> int:
    """Waits until the file is whole; its size (bytes). Raises ``NotMade``."""
    while part_of(path).exists():
        sleep(WAIT_SECONDS)
    try:
        return path.stat().st_size
    except FileNotFoundError:
        raise NotMade from None


@contextmanager
def opened_growing(path: Path) -> Iterator[InputContainer]:
    """An MP4 in fragments, opened for demuxing, which waits for what is not written yet. Raises
    ``NotMade``."""
    growing = _Growing(path)
    try:
        with av.open(growing, "r", format="mp4") as container:
            yield container
    finally:
        growing.close()


class _Growing:
    """What libavformat reads. It loses what is raised meanwhile: to it that is the file's end, and
    ``close`` raises it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._error: BaseException | None = None
        try:
            self._file = FileIO(part_of(path))
        except FileNotFoundError:
            if not path.exists():
                raise NotMade from None
            self._file = FileIO(path)

    def read(self, size: int) -> bytes:
        try:
            return self._read(size)
        except BaseException as error:  # noqa: BLE001 # a signal's as well
            self._error = error
            return b""

    def _read(self, size: int) -> bytes:
        while True:
            ended = not part_of(self._path).exists()  # asked first: nothing is added after that
            data = self._file.read(size)
            if data or ended:
                break
            sleep(WAIT_SECONDS)
        if not data and not self._path.exists():
            raise NotMade
        return data

    def close(self) -> None:
        self._file.close()
        if self._error is not None:
            raise self._error
