"""Makes the pictures of the README and of docs/page.md anew: ``python -m tests.browser.pictures``.

Needs Chromium. A server of its own works on the sample pair; the page is then opened in each
language, at the finished task.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from pipeline.sample.pair import make_sample
from tests.browser.serving import ROOT, Server
from tests.browser.steps import put_in, settled, wait_status

FOLDER = ROOT / "docs" / "pictures"
POSTER = "film => { const one = new Image(); one.src = film.poster; return one.decode(); }"
"""Waits for a film's still picture."""
LOCALES = {"en-US": "dashboard.png", "zh-CN": "dashboard-zh-CN.png"}
WIDTH = 1280
FIRST_SIGHTS = {
    "first-sight.png": (WIDTH, 800, "en-US", "light"),
    "first-sight-phone.png": (390, 844, "zh-CN", "dark"),
}
FILM_AT_SECONDS = 2.7
"""A moment of the film at which the dancers look well."""


def take(page: Any, target: Path) -> None:
    """The whole page, from a window as long as it; few colours are enough and small."""
    settled(page)
    content = page.locator("[data-testid=stMainBlockContainer]")
    page.set_viewport_size({"width": WIDTH, "height": 2400})
    settled(page)
    bottom = page.locator(".st-key-detail").evaluate("box => box.getBoundingClientRect().bottom")
    content.evaluate("box => box.parentElement.scrollTo(0, 0)")
    page.set_viewport_size({"width": WIDTH, "height": round(bottom) + 24})
    settled(page)
    page.screenshot(path=str(target))
    make_small(target)


def make_small(target: Path, colours: int = 128) -> None:
    """Few colours are enough."""
    with Image.open(target) as picture:
        few = picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    few.save(target, optimize=True)


def take_first_sights(browser: Any, url: str) -> None:
    """What a newcomer sees, before there is any task."""
    for name, (width, height, locale, scheme) in FIRST_SIGHTS.items():
        page = browser.new_page(
            viewport={"width": width, "height": height}, locale=locale, color_scheme=scheme
        )
        page.goto(url)
        film = page.locator(".film video")
        film.wait_for()
        page.locator(".film .halt").click()
        film.evaluate("(video, at) => { video.currentTime = at; }", FILM_AT_SECONDS)
        page.wait_for_function("document.fonts.check('16px Manrope')")
        settled(page)
        page.mouse.move(0, 0)
        page.wait_for_timeout(1000)
        page.screenshot(path=str(FOLDER / name))
        make_small(FOLDER / name, 256)
        page.close()


def main() -> None:
    """Serve, wait for the sample's result, take a picture for each language."""
    with tempfile.TemporaryDirectory() as folder:
        pair = make_sample(Path(folder) / "pair")
        server = Server(Path(folder) / "outputs", visibility="shared")
        server.outputs.mkdir()
        server.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
                )
                take_first_sights(browser, server.url)
                page = browser.new_page()
                names = ("群舞 彩排.mp4", "hall, second take.mp4", "hall, third take.mp4")
                ids = [put_in(server, pair, name) for name in names]
                for task_id in ids:
                    wait_status(server, page, task_id, "success")
                for locale, name in LOCALES.items():
                    context = browser.new_context(
                        viewport={"width": WIDTH, "height": 1000},
                        locale=locale,
                        timezone_id="Asia/Shanghai",
                    )
                    page = context.new_page()
                    page.goto(f"{server.url}/?task={ids[1]}")
                    film = page.locator(".compare .active video[poster]")
                    film.wait_for(timeout=60_000)
                    film.evaluate(POSTER)  # it is made when it is first asked for
                    take(page, FOLDER / name)
                browser.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
