"""The memory of a process and of all that it started, watched while something is done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

MB = 1_000_000
LOOK_SECONDS = 0.1


class Watch:
    """Looks at a process and all below it; above ``limit`` (MB) it ends them."""

    def __init__(self, pid: int, limit: float) -> None:
        self._root = psutil.Process(pid)
        self._limit = limit
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.step = "start"
        self.peaks: dict[str, float] = {}
        """By step, the largest sum (MB)."""
        self.largest: list[str] = []
        """The processes at the largest sum of all."""
        self.killed_at = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            found = list(_sizes(self._root))
            total = sum(size for size, _ in found)
            if total > max(self.peaks.values(), default=0.0):
                self.largest = [f"{name} {size:.0f}" for size, name in sorted(found)[::-1]]
            self.peaks[self.step] = max(self.peaks.get(self.step, 0.0), total)
            if total > self._limit:
                self.killed_at = total
                for process in _tree(self._root):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                return


def _tree(root: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [root, *root.children(recursive=True)]
    return []


def _sizes(root: psutil.Process) -> Iterator[tuple[float, str]]:
    """PSS (MB) and the last word of the command line, of each process."""
    for process in _tree(root):
        with suppress(OSError, psutil.NoSuchProcess, IndexError):
            name = next((w for w in process.cmdline() if "pipeline.child" in w), process.name())
            for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    yield int(line.split()[1]) * 1024 / MB, name
