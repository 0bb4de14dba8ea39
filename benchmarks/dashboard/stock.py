"""Streamlit's own uploader, player and download button, used by Chromium, to compare with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.browser.serving import free_port

SCRIPT = """
import streamlit as st
from pathlib import Path
what = st.query_params.get("what", "idle")
path = Path({path!r})
if what == "upload":
    given = st.file_uploader("file", max_upload_size=8192)
    if given is not None:
        st.write(f"received {{given.size}}")
elif what == "video":
    st.video(path)
elif what == "download":
    st.download_button("get", lambda: path.read_bytes(), file_name="result.mp4")
else:
    st.write("idle")
"""


class Stock:
    """A server of these widgets alone, with a browser at it."""

    def __init__(self, folder: Path, result: Path) -> None:
        self._script = folder / "stock.py"
        self._script.write_text(SCRIPT.format(path=str(result)))
        self._url = ""

    def __enter__(self) -> Stock:
        from playwright.sync_api import sync_playwright

        port = free_port()
        self._url = f"http://localhost:{port}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", str(self._script)),
                *("--server.port", str(port), "--server.headless", "true"),
                *("--server.address", "localhost", "--server.maxUploadSize", "8192"),
                *("--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"),
            ],
            cwd=self._script.parent,
            env={**os.environ, "TMPDIR": str(self._script.parent)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        self._wait()
        self._page: Any = self._browser.new_page()
        self._page.set_default_timeout(600_000)
        self._page.goto(f"{self._url}/?what=idle")
        self._page.locator("text=idle").wait_for()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._browser.close()
        self._playwright.stop()
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:  # busy with a gigabyte
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def _wait(self) -> None:
        for _ in range(240):
            try:
                httpx.get(f"{self._url}/_stcore/health").raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.25)
        raise RuntimeError("the stock server did not start")

    def upload(self, path: Path) -> None:
        """Hand a file to ``st.file_uploader`` and wait until the script has it."""
        self._page.goto(f"{self._url}/?what=upload")
        self._page.locator("input[type=file]").set_input_files(str(path))
        self._page.locator(f"text=received {path.stat().st_size}").wait_for()

    def show(self) -> None:
        """Open the page with ``st.video``."""
        self._page.goto(f"{self._url}/?what=video")
        self._page.locator("video[src]").wait_for(state="attached")

    def video_url(self) -> str:
        """Where its player takes the file from."""
        return str(self._page.locator("video").evaluate("video => video.currentSrc || video.src"))

    def download_url(self) -> str:
        """Where ``st.download_button`` points once it is pressed; the browser takes nothing."""
        self._page.goto(f"{self._url}/?what=download")
        self._page.route("**/media/**", lambda route: route.abort())
        with self._page.expect_request("**/media/**") as asked:
            self._page.get_by_role("button", name="get").click()
        return str(asked.value.url)
