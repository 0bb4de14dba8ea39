"""A film that is read from the bucket by a link, and goes on when the link has ended."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import uvicorn
from imageio_ffmpeg import get_ffmpeg_exe

from pipeline.settings import Settings
from pipeline.tasks.shares import KEY
from tests.browser.steps import until
from tests.files.conftest import S3, s3, server, url
from tests.ui.routes.routed import app_of, finished, service_of
from ui.routes.share import share_url

__all__ = ["s3", "server", "url"]
pytestmark = pytest.mark.browser
LINK = "a" * 22


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Twelve megabytes of noise, of which no browser reads all before it plays."""
    short, long = tmp_path / "short.mp4", tmp_path / "long.mp4"
    run = [get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i"]
    noise = ["testsrc2=size=640x480,noise=alls=100:allf=t", "-t", "1", "-preset", "ultrafast"]
    subprocess.run([*run, *noise, "-b:v", "12M", "-pix_fmt", "yuv420p", short], check=True)
    again = [get_ffmpeg_exe(), "-v", "error", "-stream_loop", "7", "-i", short, "-c", "copy"]
    subprocess.run([*again, "-movflags", "+faststart", long], check=True)
    return long


@pytest.fixture
def address(tmp_path: Path, url: str, film: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The page of a shared link to the film, which is in the bucket alone."""
    settings = Settings(outputs=tmp_path / "outputs", storage_url=url, storage_public=True)
    with service_of(settings, monkeypatch) as service:
        task = finished(service)
        path = service.store.safe_path(task.variant("modular").output)
        assert path is not None
        film.replace(path)
        service.store.files.publish(path)
        path.unlink()
        service.store.update(task.id, {KEY: [{"link": LINK, "kind": "modular"}]})
        config = uvicorn.Config(app_of(), host="127.0.0.1", port=0, log_level="warning")
        web = uvicorn.Server(config)
        thread = threading.Thread(target=web.run, daemon=True)
        thread.start()
        while not web.started:
            thread.join(0.05)
        port = web.servers[0].sockets[0].getsockname()[1]
        yield f"http://localhost:{port}/{share_url(service, LINK)}"
        web.should_exit = True
        thread.join()


def test_a_player_goes_on_when_its_link_has_ended(browser: Any, address: str, s3: S3) -> None:
    good: list[str] = []
    ended: list[str] = []
    refused: list[str] = []

    def answer(environ: Any) -> int:
        link = parse_qs(environ["QUERY_STRING"]).get("X-Amz-Signature", [""])[0]
        if link in ended:
            refused.append(link)
            return 403
        good.extend(filter(None, [link]))
        return 0

    s3.fault = answer
    page = browser.new_page()
    errors: list[str] = []
    page.on("console", lambda line: errors.append(line.text) if "Policy" in line.text else None)
    assert page.goto(address).status == 200
    video = page.locator("video")
    until(page, lambda: video.evaluate("v => v.duration > 7"), "the film")
    assert good and not errors, errors
    page.wait_for_timeout(1000)  # two links of one second are the same link
    ended.extend(set(good))
    video.evaluate(
        """v => {
          const go = () => { v.currentTime = 0.9 * v.duration; };
          if (v.duration) go(); // else what it read on met the end of the link
          else v.addEventListener("loadedmetadata", go, { once: true });
        }"""
    )
    until(page, lambda: refused, "a request by the link that has ended")
    shown = "v => !v.error && v.readyState > 1 && v.currentTime > 0.85 * v.duration"
    until(page, lambda: video.evaluate(shown), "the place that was asked for")
    assert page.locator(".note").text_content() == ""
    page.close()
