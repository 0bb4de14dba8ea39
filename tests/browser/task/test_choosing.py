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
from tests.browser.steps import (
    correct,
    put_in,
    records,
    unfold,
    until,
    wait_done,
    wait_status,
)

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


def stands_at(page: Any, moment: float) -> bool:
    at = page.locator(".compare .active video").evaluate("v => v.currentTime")
    return abs(float(at) - moment) < 0.3


def test_several_places_are_asked_for_first(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    twice = changed_song(pair, tmp_path / "twice.m4a", "aloop=loop=1:size=2147483647")
    task_id = put_in(server, twice, "twice the song.mp4")
    page = visit(f"{server.url}/?task={task_id}", height=800)
    record = wait_status(server, page, task_id, "success")
    places = [one["offset"] for one in record["alignment"]["candidates"]]
    assert record["alignment"]["ambiguous"] and len(places) == 2
    other = min(places, key=lambda offset: -abs(offset - record["alignment"]["offset"]))
    page.locator("text=please listen and choose").wait_for()
    assert page.locator(".compare").count() == 0, "nothing else is in the way"
    rows = page.locator(".choose li")
    rows.filter(has_text="in the result").wait_for()
    row = rows.nth(places.index(other))
    at = f"{int(other // 60)}:{other % 60:04.1f}"
    assert at in row.inner_text()
    for button in ("Play", "Use this one"):
        box = row.get_by_role("button", name=button).bounding_box()
        assert box["y"] + box["height"] < 800, "in sight"
    shot(page, "choose", full=True)
    # It is heard where it stands: the song alone, at this place.
    row.get_by_role("button", name="Play").click()
    song, picture = page.locator(".choose .song"), page.locator(".choose .picture")

    def off() -> float:
        if song.evaluate("x => x.paused") or picture.evaluate("x => x.paused"):
            return 1e9
        song_at, dance_at = (float(x.evaluate("x => x.currentTime")) for x in (song, picture))
        return float(song_at - dance_at - other)

    until(page, lambda: abs(off()) < 0.1, "the place to be heard", seconds=60)
    assert picture.evaluate("x => x.muted")
    # The place that the result has is taken at once: there is nothing to make.
    rows.filter(has_text="in the result").get_by_role("button", name="Use this one").click()
    page.locator(
        ".st-key-head", has_text="In sync, at the place that was chosen by hand"
    ).wait_for()
    page.locator(".compare").wait_for()
    taken = records(server)[task_id]
    assert taken["place_confirmed"] is True
    assert "adjust" not in taken
    correct(page, "Another place")
    assert rows.filter(has_text="in the result").get_by_role("button").last.is_disabled()
    row.get_by_role("button", name="Use this one").click()
    made = new_result(server, page, task_id)
    assert abs(made["alignment"]["offset"] - other) < 0.02
    assert not made["alignment"]["ambiguous"], "a person has decided"
    assert "place_confirmed" not in made, "that was said of another place"
    # The page shows it without being asked to: the new file in the player.
    page.locator(".compare .active video[src*='/modular?v=1']").wait_for(state="attached")
    rows.filter(has_text=at).filter(has_text="in the result").wait_for()
    shot(page, "candidate-chosen", full=True)


def test_two_takes_are_not_lost_to_one_click(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    two_takes: tuple[Path, Path],
) -> None:
    task_id = put_in(server, two_takes, "danced twice.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    found = wait_status(server, page, task_id, "success")["alignment"]
    assert len(found["segments"]) == 2
    wait_done(page)
    # It is told where one watches, and one gets there by a click.
    page.locator(".takes", has_text="The song was found 2 times").wait_for()
    page.locator(".takes button").last.click()
    until(page, lambda: stands_at(page, found["segments"][1]["dance_start"]), "the second time")
    said = re.compile(r"The song is played 2 times: at 0:00\.0 from 0:03\.2 of the song, at 0:10")
    unfold(page, "How sure is it?")
    page.get_by_text(said).wait_for()
    page.get_by_text("nobody hears that").wait_for()
    shot(page, "takes-evidence", full=True)

    correct(page, "Place by hand")
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
    page.locator(".st-key-head", has_text="at the place that was chosen by hand").wait_for()
    shot(page, "takes-by-hand", full=True)

    page.get_by_role("button", name="Back to the automatic answer").click()
    again: dict[str, Any] = until(
        page,
        lambda: now if (now := records(server)[task_id]).get("revision") == 2 else None,
        "the automatic answer",
    )
    assert again["alignment"] == found
    page.get_by_role("button", name="Back to the automatic answer").wait_for(state="detached")
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
    unfold(page, "Place the song by hand")
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
    page.locator(".compare .active video[src*='/modular']").wait_for(state="attached")
    shot(page, "placed-result", full=True)
