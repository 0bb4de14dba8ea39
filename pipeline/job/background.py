"""Background work that is cancelled when its ``with`` block ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from pipeline.model import Progress

Value = TypeVar("Value")

POLL_SECONDS = 0.1
"""Between two looks at how far the other thread is."""


class Cancelled(BaseException):
    """Ends the work: a ``BaseException``, so that nothing that catches errors holds it up."""


class BackgroundWork(Generic[Value]):
    """Work in a thread of its own, and its value in the end."""

    def __init__(self, name: str, work: Callable[[Progress], Value]) -> None:
        self.done = 0.0
        """How far it is (0 to 1)."""
        self._work = work
        self._value: list[Value] = []
        self._error: Exception | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value.append(self._work(self._report_progress))
        except Cancelled:
            return
        except Exception as error:  # noqa: BLE001 - raised where the value is asked for
            self._error = error

    def _report_progress(self, done: float) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        self.done = done

    def result(self, progress: Progress | None = None) -> Value:
        """Waits for the end; the work's value, or its error. ``progress`` gets how far it is."""
        while self._thread.is_alive():
            self._thread.join(POLL_SECONDS)
            if progress is not None:
                progress(self.done)
        if self._error is not None:
            raise self._error
        return self._value[0]

    def end(self) -> None:
        """Cancels the work at its next report of progress, and waits for that."""
        self._cancelled.set()
        self._thread.join()


@contextmanager
def run_in_background(
    name: str, work: Callable[[Progress], Value]
) -> Iterator[BackgroundWork[Value]]:
    """Starts ``work`` and cancels it at the end of the block.

    ``work`` is given the function that takes its progress (0 to 1) and has to call it often: there
    it is cancelled.
    """
    started = BackgroundWork(name, work)
    try:
        yield started
    finally:
        started.end()
