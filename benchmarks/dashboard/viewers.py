"""What a viewer costs the server's processor, with nothing running and with a running task."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.dashboard.rows import records, row, write_records
from tests.browser.serving import ROOT, Server

HOLDER = """
import sys, time
from pathlib import Path
from store import Store, StoreSettings
store = Store(StoreSettings(outputs=Path(sys.argv[1])))
store.start()
store.create({"dance_name": "running.mp4"})
task = store.claim()
print("held", flush=True)
while True:
    for n in range(100):
        changes = {"progress": n / 100, "stage": "decode", "seconds_left": 100 - n}
        store.update(task.id, changes, task.claim, durable=False)
        time.sleep(0.5)
"""
"""A second server, as it were, that works on a task and reports on it twice a second."""


def measure_viewers(numbers: list[int], seconds: float) -> None:
    """Server's CPU for each viewer (share of a core), beyond what it takes without any."""
    for running in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            outputs = Path(folder) / "outputs"
            write_records(outputs, records(100))
            with _held_task(outputs, running):
                server = Server(outputs, visibility="shared").start()
                try:
                    _measure(server, numbers, seconds, running)
                finally:
                    server.stop()


def _measure(server: Server, numbers: list[int], seconds: float, running: bool) -> None:
    process = psutil.Process(server.pid)
    state = "a running task" if running else "nothing running"
    alone = _share(process, seconds)
    row(f"server's CPU with {state}, nobody looking", f"{alone:.2%} of a core")
    with _chromium(server.url):
        used = _share(process, seconds)
    wished = "(under 3 wished)"
    row(
        f"server's CPU for a viewer with {state}, 1 viewer (Chromium)",
        f"{used - alone:.2%} of a core {wished}",
    )
    for number in numbers:
        with _clients(server.url, number) as counts:
            used = _share(process, seconds)
        row(
            f"the same, {number} viewer{'s' * (number > 1)} (protocol clients)",
            f"{(used - alone) / number:.2%} of a core a viewer {wished};"
            f" {counts[0] / number:.0f} runs each",
        )


@contextmanager
def _held_task(outputs: Path, running: bool) -> Iterator[None]:
    """A task that another process holds: claimed before the measured server could take it."""
    if not running:
        yield
        return
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(outputs)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        if holder.stdout is None or holder.stdout.readline().strip() != "held":
            raise RuntimeError("no task could be held")
        yield
    finally:
        holder.kill()
        holder.wait()


@contextmanager
def _chromium(url: str) -> Iterator[None]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(url)
        page.locator(".list tbody tr").first.wait_for(timeout=60_000)
        time.sleep(5)  # what loading the page costs is not what watching it costs
        yield
        browser.close()


@contextmanager
def _clients(url: str, number: int) -> Iterator[list[int]]:
    """Viewers of ``client``; the list gets the number of their runs at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.dashboard.client", url, str(number)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    counts: list[int] = []
    try:
        time.sleep(10)  # as above
        yield counts
        answer, _ = process.communicate("", timeout=60)
        counts.append(int(answer))
    finally:
        process.kill()
        process.wait()


def _share(process: psutil.Process, seconds: float) -> float:
    """CPU seconds a second, median of three spans."""
    spans = []
    for _ in range(3):
        before = sum(process.cpu_times()[:2])
        time.sleep(seconds / 3)
        spans.append((sum(process.cpu_times()[:2]) - before) / (seconds / 3))
    return statistics.median(spans)
