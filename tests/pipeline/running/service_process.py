"""A service without a page, for tests that kill one: store and runner until the end."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from pipeline.running.runner import start_runner, stop_runner


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    start_runner()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    end.wait()
    stop_runner()


if __name__ == "__main__":
    main()
