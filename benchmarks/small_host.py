"""What a small host has to bear: the memory of a plain start, and a start on 0.078 of a core.

    python -m benchmarks.small_host [--only memory cores] [--visitors 1 3] [--limit 690]

Each visitor is a window of Chromium that hands in two films of 200 MB, plays the result while
another task runs, jumps in it and downloads it. The memory is the PSS of the server and all that it
started, looked at ten times a second; ``--limit`` (MB) ends all of them above it, as a host does.
The cores are a control group, for which root's rights are needed; the browser is outside of it.
Needs Chromium and music (Debian's packages), and 3 GB in the temporary folder.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Error as BrowserError
from playwright.sync_api import Page, sync_playwright

from benchmarks.process_tree import Watch
from pipeline.media import ffmpeg
from tests import music
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.serving import Server
from tests.browser.steps import choose_language, put_in, records, task_of, until
from ui.words.text import say

CORES = 0.078
"""What Community Cloud gives at the least."""
LIMIT_MB = 690.0
"""The same, of memory."""
FILM_SECONDS, PICTURE_SECONDS = 80, 8
FILM_MBIT = 21
"""Of a second: 80 s are 210 MB."""
OFFSET_SECONDS = 12.345
PATIENCE_SECONDS = 600.0
SLOW_SECONDS = 120.0
"""For one answer on a share of a core: beyond that the page stands still."""
SHOWS_BUTTON = """
    text => [...document.querySelectorAll("button")].some(one => one.innerText.endsWith(text))
"""
"""Asked at each frame: a locator's own looks are up to half a second apart."""
GROUPS = Path("/sys/fs/cgroup")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=re.sub(r"\s+", " ", __doc__ or ""))
    parts = ("memory", "cores")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, metavar="PART")
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--limit", type=float, default=LIMIT_MB)
    parser.add_argument("--cores", type=float, default=CORES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        print("| what | measured |\n|---|---|", flush=True)
        if "memory" in given.only:
            pair = make_pair(folder)
            for count in given.visitors:
                _memory(folder / f"of-{count}", browser, pair, count, given.limit)
        if "cores" in given.only:
            _cores(folder, browser, given.cores)
        browser.close()


def row(what: str, measured: str) -> None:
    """A line of the table."""
    print(f"| {what} | {measured} |", flush=True)


# --- memory


def make_pair(folder: Path) -> tuple[Path, Path]:
    """``dance.mp4`` and ``reference.mp4``, 210 MB each: one noisy picture repeated, and real music,
    in the dance from ``OFFSET_SECONDS`` on, dull and with an echo."""
    folder.mkdir(parents=True, exist_ok=True)
    picture, dance, reference = (folder / f"{one}.mp4" for one in ("part", "dance", "reference"))
    rate = f"{FILM_MBIT}M"
    ffmpeg.run(
        [
            *("-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=30,noise=alls=30:allf=t"),
            *("-t", str(PICTURE_SECONDS), "-c:v", "libx264", "-preset", "ultrafast"),
            *("-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate),
            *("-x264-params", "nal-hrd=cbr", "-pix_fmt", "yuv420p", str(picture)),
        ]
    )
    track = music.tracks("warzone2100-music")[0]
    dull = ["-af", "highpass=120,lowpass=5000,aecho=0.8:0.6:40:0.3,volume=0.5"]
    for target, begin, change in ((reference, 0.0, []), (dance, OFFSET_SECONDS, dull)):
        ffmpeg.run(
            [
                *("-stream_loop", "-1", "-i", str(picture), "-ss", str(begin), "-i", str(track)),
                *("-map", "0:v", "-map", "1:a", "-c:v", "copy", *change, "-c:a", "aac"),
                *("-t", str(FILM_SECONDS), str(target)),
            ]
        )
    return dance, reference


def _memory(
    folder: Path, browser: Any, pair: tuple[Path, Path], visitors: int, limit: float
) -> None:
    folder.mkdir()
    server = Server(folder / "outputs", visibility="private").start()
    try:
        with Watch(server.pid, limit) as watch:
            try:
                _walk(server, browser, pair, visitors, watch)
            except (BrowserError, AssertionError, OSError):
                if not watch.killed_at:
                    raise
    finally:
        server.stop()
    who = "one visitor" if visitors == 1 else f"{visitors} visitors at once"
    steps = ", ".join(f"{step} {size:.0f}" for step, size in watch.peaks.items())
    row(f"{who}: peak of all processes", f"{max(watch.peaks.values()):.0f} MB ({steps})")
    row("processes then", ", ".join(watch.largest))
    if watch.killed_at:
        row(f"ended above {limit:.0f} MB", f"while: {watch.step}")


def _walk(
    server: Server, browser: Any, pair: tuple[Path, Path], visitors: int, watch: Watch
) -> None:
    pages = [open_page(browser, server.url) for _ in range(visitors)]
    watch.step = "page open"
    for page in pages:
        page.wait_for_timeout(2000)
    watch.step = "uploads"
    for page in pages:
        for number, film in enumerate(pair):
            page.locator(".uploader input[type=file]").nth(number).set_input_files(str(film))
    for page in pages:
        page.locator(".uploader li[data-state=done]").nth(1).wait_for()
    watch.step = "tasks"
    for page in pages:
        page.get_by_role("button", name=re.compile("Put the music under")).click()
    for page in pages:
        wait_in_sync(page)
    watch.step = "players open, tasks running"
    others = [put_in(server, pair, "another.mp4") for _ in pages]
    until(pages[0], lambda: records(server)[others[0]]["status"] == "processing", "another task")
    for page in pages:
        play(page)
    watch.step = "jumps, tasks running"
    for page in pages:
        page.locator("video").evaluate_all("all => all.forEach(one => { one.currentTime = 60; })")
        page.wait_for_timeout(1000)
    watch.step = "downloads, tasks running"
    for page in pages:
        download(server, page)
    for other in others:
        ended = "success", "failed"
        until(
            pages[0],
            lambda: records(server)[other]["status"] in ended,  # noqa: B023 - called here
            "the other tasks",
            seconds=PATIENCE_SECONDS,
        )
    for page in pages:
        page.context.close()


def open_page(browser: Any, url: str) -> Page:
    """A window of its own, in English, with the page drawn."""
    context = browser.new_context(locale="en-US", accept_downloads=True, ignore_https_errors=True)
    page: Page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_SECONDS)
    page.goto(url)
    page.locator(".uploader h4").first.wait_for()
    return page


def wait_in_sync(page: Any) -> None:
    """Until the opened task's page says that its result is."""
    said = re.compile("in sync|已对齐", re.IGNORECASE)
    page.locator(".st-key-head", has_text=said).wait_for()


def play(page: Any) -> None:
    """Open the player, until it has a picture."""
    page.get_by_role("button", name="Play").click()
    playing = "all => all.some(video => video.readyState > 1 && video.videoWidth)"
    until(
        page,
        lambda: page.locator("video").evaluate_all(playing),
        "a player with a picture",
        seconds=PATIENCE_SECONDS,
    )


def download(server: Server, page: Any) -> None:
    """Save the opened task's result; raises ``RuntimeError`` unless it is whole."""
    task_id = task_of(page)
    with page.expect_download() as file:
        page.locator(".save .link").press("Enter")
    size = Path(file.value.path()).stat().st_size
    if size != records(server)[task_id]["modular_size"]:
        raise RuntimeError(f"the download has {size} bytes")


# --- a share of a core


@contextmanager
def cpu_group(cores: float) -> Iterator[Path | None]:
    """A control group that gets so much of a core; None where none can be made."""
    period = 100_000
    quota = round(cores * period)
    second = (GROUPS / "cgroup.controllers").exists()
    group = (GROUPS if second else GROUPS / "cpu") / f"retrack-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        if second:
            (group / "cpu.max").write_text(f"{quota} {period}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(period))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        yield group
    except OSError:
        yield None
    finally:
        group.rmdir()


def _cores(folder: Path, browser: Any, cores: float) -> None:
    with cpu_group(cores) as group:
        if group is None:
            row(f"{cores} of a core", "skipped: no control group can be made here")
            return
        server = Server(folder / "slow" / "outputs", visibility="private")
        server.outputs.mkdir(parents=True)
        enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        began = time.monotonic()
        with server.log.open("ab") as log:
            server.process = subprocess.Popen(
                [
                    *("sh", "-c", enter, str(group)),
                    *(sys.executable, "-m", "streamlit", "run", server.script),
                    *("--server.address", "localhost", "--server.port", str(server.port)),
                    *("--server.headless", "true"),
                ],
                cwd=server.root,
                env={**os.environ, "RETRACK_OUTPUTS": str(server.outputs)},
                stdout=log,
                stderr=log,
            )
        page: Page = browser.new_context(locale="en-US").new_page()
        page.set_default_timeout(1000 * SLOW_SECONDS)
        try:
            _slow_visit(server, page, cores, began)
        except (BrowserError, AssertionError):
            _say_what_stood_still(server, page)
            raise
        finally:
            page.context.close()
            server.stop()
            until_empty(group)


def until_empty(group: Path) -> None:
    """Until no process is left in a control group."""
    while (group / "cgroup.procs").read_text():
        time.sleep(0.1)


def _say_what_stood_still(server: Server, page: Page) -> None:
    """What the page shows, what the task file has, and the end of the log."""
    app = page.locator("[data-testid=stApp]").first
    states = ("data-test-connection-state", "data-test-script-state")
    print(*(f"{name}: {app.get_attribute(name)}" for name in states), page.url, sep="\n")
    print(page.locator("body").inner_text(), records(server), sep="\n")
    print(server.log.read_text()[-3000:], flush=True)


def _slow_visit(server: Server, page: Page, cores: float, began: float) -> None:
    while True:
        try:
            page.goto(server.url)
            break
        except BrowserError:  # nobody listens yet
            time.sleep(0.2)
    sample = page.get_by_role("button", name=re.compile("sample", re.IGNORECASE)).first
    sample.wait_for()
    of = f"{cores} of a core"
    row(f"{of}: page drawn after the start", f"{time.monotonic() - began:.1f} s (40 wished)")
    pressed = time.monotonic()
    sample.click()
    until(
        page,
        lambda: "task=" in page.url and "processing" in str(records(server)),
        "the running task",
    )
    running = time.monotonic()
    answers: list[float] = []
    names = {"简体中文": "zh", "English": "en"}
    while "processing" in str(records(server)):
        name = list(names)[len(answers) % 2]
        choose_language(page, name)
        clicked = time.monotonic()
        page.wait_for_function(SHOWS_BUTTON, arg=say(names[name], "detail.back"), polling="raf")
        answers.append(time.monotonic() - clicked)
        page.wait_for_timeout(1500)
    wait_in_sync(page)
    done = time.monotonic()
    said = ", ".join(f"{one:.1f}" for one in answers)
    row(f"{of}: answers to clicks while the task runs", f"{said} s (1 wished)")
    row(
        f"{of}: sample done after the click",
        f"{done - pressed:.1f} s (120 wished), {running - pressed:.1f} of them until it ran",
    )


if __name__ == "__main__":
    main()
