"""Work in a thread beside the main one, that ends with the block in which it was wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from pipeline.model import Progress

Value = TypeVar("Value")

LOOK = 0.1
"""Seconds between two looks at how far the other thread is."""


class _Unwanted(BaseException):
    """Nobody waits for the work any more; nothing that catches errors should stop this."""


class Beside(Generic[Value]):
    """Work that goes on, and its value in the end."""

    def __init__(self, name: str, work: Callable[[Progress], Value]) -> None:
        self.done = 0.0
        """How far it is (0 to 1)."""
        self._work = work
        self._value: list[Value] = []
        self._error: Exception | None = None
        self._unwanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value.append(self._work(self._hear))
        except _Unwanted:
            return
        except Exception as error:  # noqa: BLE001 - raised where the value is asked for
            self._error = error

    def _hear(self, done: float) -> None:
        if self._unwanted.is_set():
            raise _Unwanted
        self.done = done

    def result(self, progress: Progress | None = None) -> Value:
        """Waits for the end; the work's value, or its error. ``progress`` hears how far it is."""
        while self._thread.is_alive():
            self._thread.join(LOOK)
            if progress is not None:
                progress(self.done)
        if self._error is not None:
            raise self._error
        return self._value[0]

    def end(self) -> None:
        """Ends the work at its next word of progress, and waits for that."""
        self._unwanted.set()
        self._thread.join()


@contextmanager
def beside(name: str, work: Callable[[Progress], Value]) -> Iterator[Beside[Value]]:
    """Starts ``work``, which is given the function that hears its progress (0 to 1) and has to
    call it often: that is also how it is ended with the block."""
    running = Beside(name, work)
    try:
        yield running
    finally:
        running.end()
