"""An orderly end of the command line: the first signal becomes an exception.

A signal that ends Python at once would leave scratch files and partial results. An exception runs
through every block that tidies up; signals that come during that are ignored.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_received: list[int] = []
"""The signal that asked for the end of the present block, if one did."""


class Ended(KeyboardInterrupt):
    """A signal asked for the end; ``code`` is the exit code that shells know it by."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


@contextmanager
def orderly() -> Iterator[None]:
    """Raises ``Ended`` in the block at the first signal. Only in the main thread.

    A signal that is ignored already (``nohup``, a script's job in the background) stays so, and is
    blocked for the processes that the block starts: ffmpeg would react to it all the same, and a
    Ctrl-C that was not meant for this command would leave half a result.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, set(SIGNALS) - set(taken))

    def end(number: int, _: FrameType | None) -> None:
        for each in taken:
            signal.signal(each, signal.SIG_IGN)
        _received.append(number)
        raise Ended(number)

    _received.clear()
    for number in taken:
        signal.signal(number, end)
    try:
        yield
        check()
    finally:
        for number in taken:
            signal.signal(number, before[number])
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def check() -> None:
    """Raises ``Ended`` again when a signal was received in ``orderly``; does nothing elsewhere.

    Libraries may lose an exception that is raised in a callback (libavformat takes a failed read of
    a pipe for its end), and a terminal's Ctrl-C ends ffmpeg as well, whose failure would be
    reported instead.
    """
    if _received and threading.current_thread() is threading.main_thread():
        raise Ended(_received[0])
