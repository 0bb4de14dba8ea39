"""Pictures of every state of the page, to be looked at: ``python -m tests.browser.states FOLDER``.

Each state in windows of three widths, light and dark, both languages: 144 PNGs, named
``state-width-light-language.png``; ``--only`` takes some. Needs Chromium; takes some minutes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from pipeline.media import ffmpeg
from tests.browser.serving import Server
from tests.browser.steps import put_in, settled, standing_still, wait_status
from ui.assets import SAMPLE

STATES = (
    "empty", "uploading", "done", "takes", "ambiguous", "failed", "mute", "running", "waiting",
    "list", "shared", "lost",
)  # fmt: skip
DESKTOP, PHONE = {1280: 800, 1680: 1000}, {390: 844}
"""Widths with their heights (pixels)."""
LOCALES = ("en-US", "zh-CN")
LIGHTS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SLOW = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 30_000}
"""Bytes a second of a network on which an upload is seen under way."""
Prepare = Callable[[Page], Callable[[], object] | None]
"""Brings an opened page into the state that is photographed; what it returns is done afterwards."""


def main() -> None:
    """Serve, bring tasks into every state, and photograph them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=STATES, default=STATES, metavar="STATE")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )

        def shoot(state: str, url: str, prepare: Prepare = lambda page: None) -> None:
            if state in chosen.only:
                take(browser, url, chosen.folder, state, prepare)

        pairs = make_pairs(Path(name))
        if {"empty", "uploading"} & set(chosen.only):
            with served(Path(name) / "none") as server:
                shoot("empty", server.url)
                shoot("uploading", server.url, uploading(pairs["done"]))
        with served(Path(name) / "some") as server:
            page = browser.new_page()
            tasks = {}
            for state, pair in pairs.items():
                tasks[state] = put_in(server, pair, f"{state}, second take.mp4")
                wait_status(server, page, tasks[state], "success", "failed")
            for state, task_id in tasks.items():
                shoot(state, f"{server.url}/?task={task_id}")
            running = put_in(server, pairs["done"], "hall, third take.mp4")
            with standing_still(server, running):
                waiting = put_in(server, pairs["done"], "hall, fourth take.mp4")
                for state, task_id in (("running", running), ("waiting", waiting)):
                    shoot(state, f"{server.url}/?task={task_id}")
                shoot("list", server.url)
            shoot("shared", shared(page, f"{server.url}/?task={tasks['done']}"))
            shoot("lost", server.url, lambda page: lose(server, page))
        browser.close()


@contextmanager
def served(outputs: Path) -> Iterator[Server]:
    """A server whose tasks everybody sees."""
    outputs.mkdir()
    server = Server(outputs, visibility="shared", workers="1").start()
    try:
        yield server
    finally:
        server.stop()


def make_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """A dance and a song for each state that lies in the files."""
    dance, song = SAMPLE

    def made(source: Path, name: str, before: list[str], after: list[str]) -> Path:
        arguments = ["-nostdin", "-y", *before, "-i", ffmpeg.file_url(source), *after]
        ffmpeg.run([*arguments, ffmpeg.file_url(folder / name)])
        return folder / name

    twice = ["-af", "aloop=loop=1:size=2147483647"]
    other = ["-af", "areverse,asetrate=52480"]
    return {
        "done": (dance, song),
        "takes": (made(dance, "takes.mp4", ["-stream_loop", "2"], ["-c", "copy"]), song),
        "ambiguous": (dance, made(song, "twice.m4a", [], twice)),
        "failed": (dance, made(song, "other.m4a", [], other)),
        "mute": (made(dance, "mute.mp4", [], ["-an", "-c:v", "copy"]), song),
    }


def take(
    browser: Browser,
    url: str,
    folder: Path,
    state: str,
    prepare: Prepare,
) -> None:
    """Photograph a page in every window, light and language."""
    for sizes, locale in product((DESKTOP, PHONE), LOCALES):
        width, height = next(iter(sizes.items()))
        context = browser.new_context(
            viewport={"width": width, "height": height},
            has_touch=sizes is PHONE,
            is_mobile=sizes is PHONE,
            locale=locale,
            timezone_id="Asia/Shanghai",
        )
        page = context.new_page()
        page.goto(url)
        page.locator("h1").first.wait_for()
        if "/share/" not in url:
            settled(page)
        afterwards = prepare(page)
        page.wait_for_timeout(1500)  # pictures
        for (width, height), light in product(sizes.items(), LIGHTS):  # a page follows both
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=light)
            page.wait_for_timeout(500)
            page.screenshot(path=str(folder / f"{state}-{width}-{light}-{locale}.png"))
        context.close()
        if afterwards is not None:
            afterwards()


def uploading(pair: tuple[Path, Path]) -> Prepare:
    """Choose both files on a slow network."""

    def prepare(page: Page) -> None:
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)
        inputs = page.locator(".uploader input[type=file]")
        for index, path in enumerate(pair):
            inputs.nth(index).set_input_files(str(path))
        page.locator(".uploader li").nth(1).wait_for()

    return prepare


def shared(page: Any, url: str) -> str:
    """The address of a link that shows this task."""
    page.goto(url)
    page.locator("[class*=st-key-share-] button").click()
    page.locator(".st-key-share-make button").click()
    field = page.locator(".link input")
    field.wait_for()
    return str(field.input_value())


def lose(server: Server, page: Page) -> Callable[[], object]:
    """End the server under the page; it is started for the next one."""
    server.kill()
    page.locator(".lost .line:not(:empty)").wait_for(timeout=60_000)
    return server.start


if __name__ == "__main__":
    main()
