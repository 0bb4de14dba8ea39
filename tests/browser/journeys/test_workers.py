"""A dashboard whose media work is done by workers: a person sees no difference, and it has none."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.browser.serving import Server
from tests.browser.steps import choose_files, correct, players, until, wait_done
from tests.pipeline.engine.conftest import Broker, redis

__all__ = ["redis"]

pytestmark = pytest.mark.browser


@contextmanager
def children_of(pid: int) -> Iterator[set[str]]:
    """The command lines of what a process starts meanwhile, looked at many times a second."""
    found: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(pid).children(recursive=True):
                    found.add(" ".join(child.cmdline()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def test_the_dashboard_starts_no_process_of_its_own(
    redis: Broker, serve: Callable[..., Server], visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    server = serve(broker_url=redis.url)
    own = {"RETRACK_BROKER_URL": redis.url, "RETRACK_OUTPUTS": str(server.outputs)}
    redis.environment = {**os.environ, **own}
    redis.need_workers(2)
    page = visit(server.url)
    with children_of(server.pid) as started:
        choose_files(page, [pair[0]], pair[1])
        page.locator(".uploader li", has_text="320×240").wait_for()  # found out by a worker
        page.get_by_role("button", name=re.compile("Put the music under")).click()
        wait_done(page)
        page.get_by_role("button", name="Play", exact=True).first.click()
        until(page, lambda: any(one["time"] > 0.5 for one in players(page)), "the result to play")
        correct(page, "Place by hand")
        page.locator(".place .song").wait_for()
        waves = server.outputs / "results"
        until(page, lambda: list(waves.glob("*/waveforms.json")), "the waveforms")
    assert not started
