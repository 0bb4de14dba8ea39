"""A browser, a sample pair and servers for the tests that act as a person would."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server, serve, serve_module, serve_session
from tests.browser.steps import settled
from tests.browser.visitor import Visitor

__all__ = ["serve", "serve_module", "serve_session"]
playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHELL = shutil.which("chromium-headless-shell") or CHROMIUM
"""Chromium's engine without what a browser has around its pages: opening a page costs half the
processor time. It is also what Playwright takes by itself where no window is asked for."""
NAME = "retrack.example"
"""A name that is this machine's in the browser."""
ARGUMENTS = [
    f"--host-resolver-rules=MAP {NAME} 127.0.0.1",
    "--ignore-certificate-errors",  # of a download as well, which Playwright's own setting is not
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if SHELL is None:
        pytest.skip("no chromium: install Debian's package (tests/packages.txt)")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=SHELL, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def whole(browser: Any) -> Iterator[Any]:
    """Chromium with all that it has around its pages."""
    with browser.browser_type.launch(executable_path=CHROMIUM, args=ARGUMENTS) as whole:
        yield whole


@pytest.fixture(scope="session")
def pair(sample_pair: tuple[Path, Path]) -> tuple[Path, Path]:
    return sample_pair


@pytest.fixture(scope="session")
def server(serve_session: Callable[..., Server]) -> Server:
    return serve_session()


@pytest.fixture(scope="session")
def private(serve_session: Callable[..., Server]) -> Server:
    """Each visitor sees only what is their own: whoever comes finds an empty page."""
    return serve_session(visibility="private")


@pytest.fixture
def own(private: Server) -> Visitor:
    """Somebody of whom the private server knows nothing yet."""
    return Visitor(private)


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a browser window of its own (its own cookies)."""
    contexts: list[Any] = []
    errors: list[str] = []

    def note_refusal(line: str) -> None:
        if "Content Security Policy" in line:  # ui/web/security.py
            errors.append(line)

    def open_page(
        url: str,
        *,
        width: int = 1280,
        height: int = 1000,
        locale: str = "en-US",
        dark: bool = False,
        motion: bool = False,
        timezone: str = "Asia/Shanghai",
        before: Callable[[Any], None] = lambda context: None,
        within: Any = browser,
    ) -> Any:
        context = within.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            timezone_id=timezone,
            color_scheme="dark" if dark else "light",
            # The film of first sight costs a sixth of a core for as long as it goes on.
            reduced_motion="no-preference" if motion else "reduce",
            accept_downloads=True,
        )
        contexts.append(context)
        before(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: note_refusal(line.text))
        page.goto(url)
        page.locator("[data-testid=stMainBlockContainer] h1").wait_for()
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            _describe(page)
        context.close()
    assert not errors, f"the page broke in the browser: {errors}"


def _describe(page: Any) -> None:
    """Write what a page shows at the end of a test; pytest repeats it where the test fails."""
    with suppress(playwright_api.Error):  # closed, or between two documents
        app = page.locator("[data-testid=stApp]")
        state = [app.get_attribute(f"data-test-{name}", timeout=1_000)
                 for name in ("script-state", "connection-state")]  # fmt: skip
        shown = page.locator("body").aria_snapshot(timeout=5_000)
        sys.stdout.write(f"{page.url} {state}\n{shown}\n")


@pytest.fixture(scope="session")
def shot() -> Callable[..., None]:
    """Takes a screenshot for a person to look at into the folder ``RETRACK_SHOTS``, if given."""
    given = os.environ.get("RETRACK_SHOTS")

    def take(page: Any, name: str, *, full: bool = False) -> None:
        if not given:
            return
        Path(given).mkdir(parents=True, exist_ok=True)
        size = page.viewport_size
        if full:  # the page scrolls inside, so the window has to be as long as it is
            page.set_viewport_size({"width": size["width"], "height": 2400})
        settled(page)
        page.screenshot(path=str(Path(given) / f"{name}.png"))
        page.set_viewport_size(size)

    return take
