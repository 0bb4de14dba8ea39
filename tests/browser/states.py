"""Pictures of every state of the page, to be looked at: ``python -m tests.browser.states FOLDER``.

Each state in windows of three widths, light and dark, both languages: 132 PNGs, named
``state-width-light-language.png``. Needs Chromium; takes some minutes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from pipeline.media import ffmpeg
from pipeline.sample.pair import make_sample
from tests.browser.serving import Server
from tests.browser.steps import put_in, settled, standing_still, wait_status

WINDOWS = {1280: 800, 1680: 1000, 390: 844}
LOCALES = ("en-US", "zh-CN")
LIGHTS = ("light", "dark")
SLOW = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
"""Bytes a second of a network on which an upload is seen under way."""


def main() -> None:
    """Serve, bring tasks into every state, and photograph them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        pairs = make_pairs(Path(name))
        with served(Path(name) / "none") as server:
            take(browser, server.url, folder, "empty")
            take(browser, server.url, folder, "uploading", uploading(pairs["done"]))
        with served(Path(name) / "some") as server:
            page = browser.new_page()
            tasks = {}
            for state, pair in pairs.items():
                tasks[state] = put_in(server, pair, f"{state}, second take.mp4")
                wait_status(server, page, tasks[state], "success", "failed")
            for state, task_id in tasks.items():
                take(browser, f"{server.url}/?task={task_id}", folder, state)
            running = put_in(server, pairs["done"], "hall, third take.mp4")
            with standing_still(server, running):
                waiting = put_in(server, pairs["done"], "hall, fourth take.mp4")
                for state, task_id in (("running", running), ("waiting", waiting)):
                    take(browser, f"{server.url}/?task={task_id}", folder, state)
                take(browser, server.url, folder, "list")
            take(browser, shared(page, f"{server.url}/?task={tasks['done']}"), folder, "shared")
            take(browser, server.url, folder, "lost", lambda page: lose(server, page))
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
    dance, song = make_sample(folder / "pair")

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
    prepare: Callable[[Page], None] = lambda page: None,
) -> None:
    """Photograph a page in every window, light and language."""
    for (width, height), light, locale in product(WINDOWS.items(), LIGHTS, LOCALES):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=light,  # type: ignore[arg-type]
            locale=locale,
            timezone_id="Asia/Shanghai",
        )
        page = context.new_page()
        page.goto(url)
        page.locator("h1").first.wait_for()
        if "/share/" not in url:
            settled(page)
        prepare(page)
        page.wait_for_timeout(1500)  # pictures
        page.screenshot(path=str(folder / f"{state}-{width}-{light}-{locale}.png"))
        context.close()


def uploading(pair: tuple[Path, Path]) -> Callable[[Page], None]:
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


def lose(server: Server, page: Page) -> None:
    """End the server under the page, and start it for the next one."""
    server.kill()
    page.locator(".lost .line:not(:empty)").wait_for(timeout=60_000)
    server.start()


if __name__ == "__main__":
    main()
