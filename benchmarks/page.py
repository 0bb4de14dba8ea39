"""What the page asks of a dancer and of a phone's network, as one table, in a real Chromium.

    python -m benchmarks.page [--only opening runs clicks sight bytes]
    python -m benchmarks.page --at WORKTREE --only opening runs

``--at`` serves another checkout of this repository, for the figures of an earlier page; only these
two look at what every page has had. Needs Chromium (Debian's package) and 1 GB in the temporary
folder.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from playwright.sync_api import Page, sync_playwright

from benchmarks import page_runs
from pipeline.sample.pair import make_sample
from tests.browser.serving import ROOT, Server
from tests.browser.steps import SHIFT, records, settled, until
from tests.browser.task.test_saving import PHONE, SHEET
from tests.browser.task.test_task_page import CONTROLS

MB = 1_000_000
WINDOWS = ((390, 844), (1280, 800))
UPRIGHT_MBIT = 16
"""Of a second of the upright film, as phones write it."""
LARGE_MBIT = 75
"""Of a second of the large film: 200 MB, which is what is said of it."""
LOOK_SECONDS = 8
WATCH_SECONDS = 60
PATIENCE_MS = 20_000
MAX_TAPS = 5
SAVE = re.compile(r"^(Save video|Save . Share|Download (modular|v2)?)", re.IGNORECASE)
PARTS = ("opening", "runs", "clicks", "sight", "bytes")
ROUNDS = 5


def main() -> None:
    """Serve, hand films in and look at their pages."""
    parser = argparse.ArgumentParser(description=re.sub(r"\s+", " ", __doc__ or ""))
    parser.add_argument("--at", type=Path, default=ROOT, help="the checkout that is served")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    arguments = parser.parse_args()
    root, only = arguments.at.resolve(), set(arguments.only)
    print("| what | measured |\n|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        pair = make_sample(folder / "pair")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        if only & {"opening", "clicks"}:
            with _served(root, folder / "new") as server:
                if "opening" in only:
                    _opening(browser, "first sight", server.url, _sample_button)
                if "clicks" in only:
                    _sample(browser, server)
        if "clicks" in only:
            with _served(root, folder / "own") as server:
                _own_pair(browser, server, pair)
        if only & {"opening", "runs", "sight", "bytes"}:
            _of_tasks(browser, root, folder, pair, only)
        browser.close()


def _of_tasks(
    browser: Any, root: Path, folder: Path, pair: tuple[Path, Path], only: Collection[str]
) -> None:
    """What is measured on the pages of finished tasks."""
    outputs = folder / "films"
    with _served(root, outputs) as server:
        films = {"wide": pair[0]}
        if {"sight", "bytes"} & set(only):
            films["upright"] = _upright(pair[0], folder / "upright.mp4", UPRIGHT_MBIT)
        if "bytes" in only:
            films["large"] = _upright(pair[0], folder / "large.mp4", LARGE_MBIT)
        tasks = {name: _finished(root, server, film, pair[1]) for name, film in films.items()}
        if "opening" in only:
            _opening(browser, "a task", f"{server.url}/?task={tasks['wide']}", _save)
        if "sight" in only:
            _in_sight(browser, server, tasks)
            _taps(browser, server, tasks["wide"])
        if "bytes" in only:
            for film in ("upright", "large"):
                _bytes(browser, server, tasks[film], films[film])
    if "runs" in only:
        of_list, of_task = page_runs.medians_ms(root, outputs, tasks["wide"])
        row(
            "one run of the script, processor time, median of"
            f" {page_runs.ROUNDS}: list of {page_runs.LISTED} tasks; a finished task's page",
            f"{of_list:.0f}; {of_task:.0f} ms",
        )


def row(what: str, measured: str) -> None:
    """Print a line of the table as soon as it is known."""
    print(f"| {what} | {measured} |", flush=True)


@contextmanager
def _served(root: Path, outputs: Path) -> Iterator[Server]:
    outputs.mkdir()
    script = "asgi_app.py" if (root / "asgi_app.py").exists() else "streamlit_app.py"
    server = Server(outputs, script, visibility="shared")
    server.root = root
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _upright(dance: Path, target: Path, megabits: int) -> Path:
    """The dance as a phone films it, upright, with so many megabits in each second."""
    rate = f"{megabits}M"
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(dance)),
        *("-vf", "crop=ih*9/16:ih,scale=720:1280,noise=alls=60:allf=t", "-c:v", "libx264"),
        *("-preset", "ultrafast", "-b:v", rate, "-minrate", rate, "-maxrate", rate),
        *("-bufsize", rate, "-nal-hrd", "cbr", "-c:a", "copy", "-y", str(target)),
    ]
    subprocess.run(command, check=True)
    return target


def _finished(root: Path, server: Server, dance: Path, song: Path) -> str:
    """The id of a task that was handed in by the command line and has succeeded."""
    before = set(records(server)) if (server.outputs / "task_status.json").exists() else set()
    command = [sys.executable, "-m", "pipeline", "submit", str(dance), str(song)]
    environment = {"RETRACK_OUTPUTS": str(server.outputs), "PATH": "/usr/bin:/bin"}
    subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
    [task_id] = set(records(server)) - before
    while (status := records(server)[task_id]["status"]) in {"pending", "processing"}:
        time.sleep(0.5)
    if status != "success":
        raise RuntimeError(f"{dance.name}: {records(server)[task_id]['message']}")
    return task_id


def _open(browser: Any, url: str, width: int, height: int, **more: Any) -> Page:
    size = {"width": width, "height": height}
    page: Page = browser.new_context(
        viewport=size, locale="en-US", accept_downloads=True, **more
    ).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    return page


def _save(page: Page) -> Any:
    return page.get_by_role("link", name=SAVE).or_(page.get_by_role("button", name=SAVE)).first


def _in_sight(browser: Any, server: Server, tasks: dict[str, str]) -> None:
    """What is to be seen of a finished task, opened by its link."""
    for width, height in WINDOWS:
        for film in ("upright", "wide"):
            page = _open(browser, f"{server.url}/?task={tasks[film]}", width, height)
            _save(page).wait_for()
            settled(page)
            top, shift = _save(page).bounding_box()["y"], page.evaluate(SHIFT)
            row(f"top of Save, {film}, {width}×{height}", f"{top:,.0f} px")
            row(f"layout shift while it opens, {film}, {width}×{height}", f"{shift:.3f}")
            if (width, film) == (1280, "wide"):
                controls = len(page.evaluate(CONTROLS))
                row("visible controls of a finished task, 1280×800", str(controls))
            page.context.close()


def _taps(browser: Any, server: Server, task_id: str) -> None:
    """Taps from a finished task to the share sheet, which is a stand-in with browsers' rules."""
    context = browser.new_context(**PHONE, locale="en-US")
    context.add_init_script(SHEET)
    page = context.new_page()
    page.goto(f"{server.url}/?task={task_id}")
    taps = 0
    button = page.get_by_role("button", name="Save / Share")
    while not page.evaluate("window.shared.length") and taps < MAX_TAPS:
        button.tap(timeout=PATIENCE_MS)
        taps += 1
        page.wait_for_timeout(2000)
    row("taps from a finished task to the share sheet, up to 50 MB", str(taps))
    context.close()


class _Hand:
    """Clicks that are counted, with the scrolls that they need."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.scrolls = page, 0, 0

    def _reach(self, target: Any) -> None:
        target.wait_for()
        box, size = target.bounding_box(), self.page.viewport_size
        self.scrolls += bool(box and size and not 0 <= box["y"] <= size["height"] - box["height"])
        self.clicks += 1

    def click(self, target: Any) -> None:
        self._reach(target)
        target.click()

    def choose(self, index: int, path: Path) -> None:
        """One click, and what is done in the system's own picker."""
        self._reach(self.page.get_by_role("button", name=re.compile("Choose")).nth(index))
        self.page.locator(".uploader input[type=file]").nth(index).set_input_files(str(path))

    def save(self) -> None:
        with self.page.expect_download() as download:
            self.click(_save(self.page))
        download.value.path()

    def __str__(self) -> str:
        return f"{self.clicks} clicks, {self.scrolls} scrolls"


def _sample(browser: Any, server: Server) -> None:
    page = _open(browser, server.url, 1280, 800)
    hand = _Hand(page)
    sample = _sample_button(page)
    sample.wait_for()
    began = time.monotonic()
    hand.click(sample)
    hand.save()
    seconds = time.monotonic() - began
    row("sample: from the first click to the saved file", f"{hand}, {seconds:.1f} s")
    page.context.close()


def _own_pair(browser: Any, server: Server, pair: tuple[Path, Path]) -> None:
    page = _open(browser, server.url, 1280, 800)
    hand = _Hand(page)
    for index, path in enumerate(pair):
        hand.choose(index, path)
    hand.click(page.get_by_role("button", name=re.compile("Put the music under|Start")))
    hand.save()
    row("own pair: from first sight to the saved file", f"{hand}, two file pickers")
    page.context.close()


def _bytes(browser: Any, server: Server, task_id: str, film: Path) -> None:
    """What comes over the network to a phone that opens a task, and to one that watches it."""
    context = browser.new_context(**PHONE, locale="en-US")
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    files: set[str] = set()
    sizes: list[int] = []

    def asked(event: dict[str, Any]) -> None:
        if "/files/" in event["request"]["url"]:
            files.add(event["requestId"])

    def came(event: dict[str, Any]) -> None:
        if event["requestId"] in files:
            sizes.append(int(event["dataLength"]))

    network.on("Network.requestWillBeSent", asked)
    network.on("Network.dataReceived", came)
    page.goto(f"{server.url}/?task={task_id}")
    page.locator(".compare .play").wait_for()
    page.wait_for_timeout(1000 * LOOK_SECONDS)
    whole = film.stat().st_size / MB
    before = sum(sizes) / MB
    row(
        f"bytes of media for opening a task of {whole:.0f} MB on a phone, {LOOK_SECONDS} s",
        f"{before:.2f} MB",
    )
    page.locator(".compare .play").click()
    watched = page.locator(".compare .active video")
    until(
        page, lambda: watched.evaluate("v => v.ended || v.paused"), "its end", seconds=WATCH_SECONDS
    )
    share = sum(sizes) / film.stat().st_size
    row(f"bytes of media for watching it to its end ({whole:.0f} MB)", f"{share:.2f} × the file")
    context.close()


def _opening(browser: Any, what: str, url: str, ready: Callable[[Page], Any]) -> None:
    """First contentful paint, and how long until what one came for is there: cold, and with what
    the browser has kept."""
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
    size = {"width": 1280, "height": 800}
    page: Page = browser.new_context(viewport=size, locale="en-US").new_page()
    page.set_default_timeout(PATIENCE_MS)
    painted, there = [], []
    for number in range(1 + ROUNDS):
        began = time.monotonic()
        if number:
            page.reload()
        else:
            page.goto(url)
        ready(page).wait_for()
        there.append(1000 * (time.monotonic() - began))
        settled(page)
        painted.append(page.evaluate(paint))
    for said, figures in (("first contentful paint", painted), ("ready", there)):
        row(
            f"{what}, {said}: cold; warm (median of {ROUNDS})",
            f"{figures[0]:,.0f}; {statistics.median(figures[1:]):,.0f} ms",
        )
    page.context.close()


def _sample_button(page: Page) -> Any:
    return page.get_by_role("button", name=re.compile("sample", re.IGNORECASE)).first


if __name__ == "__main__":
    main()
