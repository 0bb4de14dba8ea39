"""When the machine cannot decide, a person does: another candidate, or a place by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import ffmpeg
from pipeline.sample import MUSIC_AT
from tests.browser.serving import Server
from tests.browser.steps import put_in, records, until, wait_done, wait_status

pytestmark = pytest.mark.browser


def changed_song(pair: tuple[Path, Path], target: Path, how: str) -> tuple[Path, Path]:
    """The dance with another song, made from its own by an ffmpeg filter."""
    source = ffmpeg.file_url(pair[1])
    ffmpeg.run(["-nostdin", "-y", "-i", source, "-af", how, ffmpeg.file_url(target)])
    return pair[0], target


def new_result(server: Server, page: Any, task_id: str) -> dict[str, Any]:
    """Wait for a task's first saved change."""
    record: dict[str, Any] = until(
        page,
        lambda: found if (found := records(server)[task_id]).get("revision") == 1 else None,
        "the new result",
    )
    return record


def test_another_candidate_is_one_click_away(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    twice = changed_song(pair, tmp_path / "twice.m4a", "aloop=loop=1:size=2147483647")
    task_id = put_in(server, twice, "twice the song.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    record = wait_status(server, page, task_id, "success")
    places = [one["offset"] for one in record["alignment"]["candidates"]]
    assert record["alignment"]["ambiguous"] and len(places) == 2
    other = min(places, key=lambda offset: -abs(offset - record["alignment"]["offset"]))
    page.locator("text=fits in more than one place").wait_for()
    page.get_by_role("radio", name="Place by hand").click()
    at = f"{int(other // 60)}:{other % 60:04.1f}"
    page.get_by_role("button", name=re.compile(rf"Place \d: {re.escape(at)}")).click()
    save = page.get_by_role("button", name=re.compile(rf"Use this place \(\+{other:.3f}"))
    save.wait_for()
    shot(page, "candidates", full=True)
    save.click()
    made = new_result(server, page, task_id)
    assert abs(made["alignment"]["offset"] - other) < 0.02
    assert not made["alignment"]["ambiguous"], "a person has decided"
    # The page shows it without being asked to: the verdict, then the new files in the players.
    wait_done(page)
    page.get_by_role("radio", name="Watch").click()
    source = page.locator(".compare video[src*='/modular']")
    source.wait_for(state="attached")
    assert "v=1" in str(source.get_attribute("src"))
    shot(page, "candidate-chosen", full=True)


def test_what_is_not_found_is_placed_by_hand(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    strange = changed_song(pair, tmp_path / "other.m4a", "areverse,asetrate=52480")
    task_id = put_in(server, strange, "another song.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    assert wait_status(server, page, task_id, "failed")["reason"] == "no_shared_music"
    page.locator(".st-key-detail", has_text="share no music").wait_for()
    page.get_by_role("radio", name="Place by hand").click()
    videos = page.locator(".place video")
    for video, second in ((videos.nth(0), 4.0), (videos.nth(1), 4.0 + MUSIC_AT)):
        video.evaluate(
            "async (video, second) => {"
            " if (video.readyState < 1) await new Promise(r => { video.onloadedmetadata = r; });"
            " video.currentTime = second; }",
            second,
        )
    marks = page.locator(".place").get_by_role("button", name="Mark this moment")
    marks.first.click()
    page.locator(".place").get_by_role("button", name="Marked at 4.00 s").wait_for()
    marks.first.click()
    save = page.get_by_role("button", name=re.compile(rf"Use this place \(\+{MUSIC_AT:.3f}"))
    save.wait_for()
    shot(page, "placed", full=True)
    save.click()
    record = wait_status(server, page, task_id, "success")
    assert abs(record["alignment"]["offset"] - MUSIC_AT) < 1e-3
    page.locator(".compare video[src*='/v2']").wait_for(state="attached")
    shot(page, "placed-result", full=True)
