"""When the machine cannot decide, a person does: another candidate, or a place by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.media import ffmpeg
from pipeline.sample.pair import OFFSET_SECONDS
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
    page.locator("text=please listen and choose").wait_for()
    # The places are offered on the first tab; one click leads to hearing one.
    page.locator(".compare video[src*='/v2']").wait_for(state="attached")
    assert page.get_by_text("download either").count() == 0, "which place is not known yet"
    page.get_by_role("button", name=re.compile(r"Place \d: .* · in the results")).wait_for()
    shot(page, "choose", full=True)
    at = f"{int(other // 60)}:{other % 60:04.1f}"
    chosen = page.get_by_role("button", name=re.compile(rf"Place \d: {re.escape(at)}"))
    chosen.click()
    save = page.get_by_role("button", name=re.compile(rf"Use this place \(\+{other:.3f}"))
    save.wait_for()
    shot(page, "candidates", full=True)
    save.click()
    made = new_result(server, page, task_id)
    assert abs(made["alignment"]["offset"] - other) < 0.02
    assert not made["alignment"]["ambiguous"], "a person has decided"
    # The page shows it without being asked to: the verdict, then the new files in the players.
    page.locator("text=a person chose this one").wait_for()
    page.get_by_role("button", name=re.compile(rf"{re.escape(at)} · in the results")).wait_for()
    page.get_by_role("radio", name="Watch").click()
    source = page.locator(".compare video[src*='/modular']")
    source.wait_for(state="attached")
    assert "v=1" in str(source.get_attribute("src"))
    assert page.get_by_text("Both methods agree").count() == 0
    shot(page, "candidate-chosen", full=True)


def test_two_takes_are_not_lost_to_one_click(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    dance, source = tmp_path / "twice.mp4", ffmpeg.file_url(pair[0])
    loop = ["-nostdin", "-y", "-stream_loop", "1", "-i", source, "-c", "copy"]
    ffmpeg.run([*loop, ffmpeg.file_url(dance)])
    task_id = put_in(server, (dance, pair[1]), "danced twice.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    found = wait_status(server, page, task_id, "success")["alignment"]
    assert len(found["segments"]) == 2
    wait_done(page)
    said = re.compile(r"The song is played 2 times: at 0:00\.0 from 0:03\.2 of the song, at 0:22")
    page.get_by_role("radio", name="Evidence").click()
    page.get_by_text(said).wait_for()
    page.get_by_text("nobody hears that").wait_for()
    shot(page, "takes-evidence", full=True)

    page.get_by_role("radio", name="Place by hand").click()
    page.get_by_text("A place by hand replaces all 2 by a single one").wait_for()
    page.locator(".place .value").get_by_text(said).wait_for()
    save = page.locator(".st-key-place\\.save button, [class*=st-key-place-save] button")
    assert save.is_disabled(), "nothing was moved"
    page.locator(".place .waiting:empty").wait_for(state="attached")
    shot(page, "takes-place", full=True)
    page.locator(".place .song").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.get_by_role("button", name=re.compile("Use this place")).click()
    made = new_result(server, page, task_id)
    assert len(made["alignment"]["segments"]) == 1
    page.get_by_text("Placed by hand; the best match").wait_for()
    assert page.get_by_text("Both methods agree").count() == 0
    shot(page, "takes-by-hand", full=True)

    page.get_by_role("radio", name="Watch").click()
    page.get_by_role("button", name="Back to the automatic answer").click()
    again: dict[str, Any] = until(
        page,
        lambda: now if (now := records(server)[task_id]).get("revision") == 2 else None,
        "the automatic answer",
    )
    assert again["alignment"] == found
    wait_done(page)
    assert page.get_by_role("button", name="Back to the automatic answer").count() == 0
    shot(page, "takes-again", full=True)


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
    for video, second in ((videos.nth(0), 4.0), (videos.nth(1), 4.0 + OFFSET_SECONDS)):
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
    save = page.get_by_role("button", name=re.compile(rf"Use this place \(\+{OFFSET_SECONDS:.3f}"))
    save.wait_for()
    shot(page, "placed", full=True)
    save.click()
    record = wait_status(server, page, task_id, "success")
    assert abs(record["alignment"]["offset"] - OFFSET_SECONDS) < 1e-3
    page.locator(".compare video[src*='/v2']").wait_for(state="attached")
    shot(page, "placed-result", full=True)
