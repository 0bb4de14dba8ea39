"""How it looks and reads: both languages, light and dark, a phone, a picture made playable."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tests.browser.serving import Server
from tests.browser.steps import choose_language, correct, hand_in, settled, unfold, until, wait_done

pytestmark = pytest.mark.browser


def test_a_phone_in_chinese_and_in_the_dark(
    private: Server, visit: Callable[..., Any], shot: Callable[..., None]
) -> None:
    page = visit(private.url, width=390, height=844, locale="zh-CN", dark=True)
    page.locator("text=你的舞蹈，干净的歌曲").wait_for()
    page.get_by_role("button", name="用示例试试").click()
    wait_done(page)
    shot(page, "phone-zh-dark", full=True)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "nothing makes a phone's page scroll sideways"
    shown = page.locator(".compare figure").evaluate_all(
        "figures => figures.filter(f => f.getBoundingClientRect().width > 50).length"
    )
    assert shown == 1, "a phone shows the picture that is heard"
    for way in ("移动音乐", "手动定位"):
        correct(page, way)
        settled(page)
        shot(page, f"phone-{way}", full=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    unfold(page, "有多确定")
    settled(page)
    shot(page, "phone-certainty", full=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # The choice of language outlives a change of page; what is unfolded stays so.
    choose_language(page, "English")
    page.get_by_role("radio", name="Move the music").wait_for()
    page.get_by_role("button", name="All tasks").click()
    page.get_by_text("Choose your dance and the song first").wait_for()


def test_a_picture_that_the_browser_cannot_decode_gets_a_small_copy(
    server: Server, visit: Callable[..., Any], short_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    dance = tmp_path / "phone.mov"
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(short_pair[0])),
            *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"),
            *("-tag:v", "hvc1", "-c:a", "copy", "-y", str(dance)),
        ],
        check=True,
        timeout=120,
    )
    page = visit(server.url)
    hand_in(page, [dance], short_pair[1])
    wait_done(page)
    copy = page.locator(".compare .active video[src*='preview-']")
    for name in ("Clean song", "Phone sound"):
        # Enabled when its copy is made, for which a busy machine takes its time.
        page.get_by_role("radio", name=name).click(timeout=120_000)
        until(page, lambda: copy.count() and copy.evaluate("v => v.videoWidth") > 0, "a small copy")
