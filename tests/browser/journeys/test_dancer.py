"""A dancer's way through the page: upload, watch, compare, nudge, download."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import (
    choose_files,
    choose_language,
    correct,
    hand_in,
    players,
    put_in,
    records,
    standing_still,
    task_of,
    unfold,
    until,
    wait_done,
    wait_status,
)
from tests.browser.visitor import Visitor
from tests.kinds import more

pytestmark = pytest.mark.browser


def test_upload_to_download(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    sample_pair: tuple[Path, Path],
) -> None:
    page = visit(server.url)
    shot(page, "empty")
    choose_files(page, [sample_pair[0]], sample_pair[1])
    page.locator(".uploader .text", has_text="fps").wait_for()
    shot(page, "uploaded")
    page.get_by_role("button", name="Put the music under it").click()
    page.wait_for_url(re.compile(r"task="))
    with standing_still(server, task_of(page)):
        # It tells how far it is, below the table and in the window's title.
        page.locator(".st-key-detail [data-testid=stProgress]").wait_for()
        page.wait_for_function("() => /^\\d+%/.test(document.title)")
    wait_done(page)
    assert "task=" in page.url

    # One picture, and a switch between the phone's sound and the song.
    shown = page.locator(".compare figure:visible")
    assert shown.count() == 1
    assert page.get_by_role("radio", name="Clean song").get_attribute("aria-checked") == "true"
    page.locator(".compare .play").click()
    page.get_by_role("radio", name="Phone sound").click()
    assert shown.count() == 1

    # To compare, all run in step, and the keys change what is heard.
    page.get_by_role("button", name="Compare").click()
    until(page, lambda: shown.count() == 2, "both pictures")

    def in_step() -> bool:  # a busy machine starts them one after the other
        times = [player["time"] for player in players(page)]
        return bool(min(times) > 0.5 and max(times) - min(times) < 0.05)

    until(page, in_step, "the players in step", seconds=20)
    assert [p["muted"] for p in players(page)].count(False) == 1
    for key, track in (("2", "modular"), ("1", "original")):
        page.keyboard.press(key)
        assert page.locator(".compare").get_attribute("data-active") == track
        state = players(page)
        assert [p["muted"] for p in state].count(False) == 1
        assert not any(p["paused"] for p in state), "switching must not stop anything"
    page.locator(".compare .play").click()
    until(page, lambda: all(p["paused"] for p in players(page)), "the pause", seconds=10)
    before = players(page)[0]["time"]
    page.locator("body").press("ArrowRight")
    until(page, lambda: players(page)[0]["time"] != before, "a step", seconds=10)
    assert 0.01 < players(page)[0]["time"] - before < 0.08, "one frame"
    assert "track=original" in page.url and "&t=" in page.url
    shot(page, "compare", full=True)

    # A reload opens the same task, track and place.
    page.reload()
    wait_done(page)
    page.wait_for_function(
        "() => { const r = [...document.querySelectorAll('*')].map(e => e.shadowRoot)"
        ".filter(Boolean).map(s => s.querySelector('.compare')).find(Boolean);"
        " return r && r.dataset.active === 'original' &&"
        " r.querySelectorAll('video')[0].currentTime > 0.5; }"
    )

    # Nudge by ear, save, and the result is made again.
    correct(page, "Move the music")
    page.locator(".adjust [data-by='10']").click()
    page.locator(".adjust [data-by='10']").click()
    page.locator(".adjust .play").click()
    adjust = page.locator(".adjust")
    assert adjust.get_attribute("data-nudge") == "20"

    def delayed() -> bool:  # 0 until the sound has begun
        return abs(float(adjust.get_attribute("data-delay") or 0.0) - 0.62) < 1e-3

    until(page, delayed, "the sound, 600 ms and the nudge late", seconds=10)
    shot(page, "adjust", full=True)
    page.get_by_role("button", name="Apply", exact=True).click()  # when it is enabled
    page.locator("text=the new result is being made").wait_for()
    task_id = task_of(page)
    until(page, lambda: records(server)[task_id].get("revision") == 1, "the new result")
    record = records(server)[task_id]
    assert record["plans"]["modular"]["options"]["nudge_ms"] == 20
    assert record["status"] == "success"

    unfold(page, "How sure is it?")
    page.get_by_text("Both methods agree").wait_for()
    page.locator("text=/waveforms|time line/i").first.wait_for()
    page.locator("[data-testid=stVegaLiteChart] :is(canvas, svg)").nth(2).wait_for()
    page.locator("[data-testid=stTable]").wait_for()
    shot(page, "evidence", full=True)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save video").click()
    path = Path(download.value.path())
    assert path.stat().st_size > 100_000
    assert download.value.suggested_filename.endswith("_retrack.mp4")


def test_a_whole_class_in_one_go(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    names = ["class one.mp4", "class <img src=x onerror=alert(1)>.mp4"]
    dances = []
    for name in names:
        path = tmp_path / name
        path.write_bytes(pair[0].read_bytes())
        dances.append(path)
    before = set(records(server))
    waiting = set((server.outputs / "incoming").glob("*/*"))
    page = visit(server.url)
    hand_in(page, dances, pair[1])
    page.locator("text=Handed in: 2").wait_for()
    assert "task=" not in page.url, "the list tells how they go on"
    new = {i: r for i, r in records(server).items() if i not in before}
    assert sorted(r["dance_name"] for r in new.values()) == sorted(names)
    left = set((server.outputs / "incoming").glob("*/*")) - waiting
    assert not [path for path in left if path.is_file()], "they are the tasks' own now"


def test_bad_files_are_named_at_once_and_not_handed_in(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    bad, good = tmp_path / "film.mp4", tmp_path / "good.mp4"
    bad.write_bytes(b"just some words, no film\n" * 50)
    good.write_bytes(pair[0].read_bytes())
    page = visit(server.url)
    choose_files(page, [bad], pair[1])
    page.locator(".uploader .warning", has_text="neither video nor sound").wait_for()
    page.locator("text=Left out, since it cannot be used: film.mp4").wait_for()
    page.locator("text=Now choose your dance").wait_for()
    assert page.locator(".st-key-upload-start button").is_disabled()
    page.locator(".uploader input[type=file]").nth(0).set_input_files(str(good))
    start = page.get_by_role("button", name="Put the music under it", disabled=False)
    start.wait_for()
    shot(page, "left-out")
    before = set(records(server))
    start.click()
    page.wait_for_url(re.compile(r"task="))
    assert [records(server)[i]["dance_name"] for i in set(records(server)) - before] == ["good.mp4"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), *more((b"just some words, no film\n" * 50, "neither video nor sound"))],
)
def test_a_bad_file_fails_with_the_reason_alone(
    own: Visitor,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    tmp_path: Path,
    content: bytes,
    said: str,
) -> None:
    bad = tmp_path / "film.mp4"
    bad.write_bytes(content)
    task_id = put_in(own.server, (bad, pair[1]), "film.mp4", visitor=own.name)
    wait_status(own.server, None, task_id, "failed")
    page = visit(f"{own.server.url}/?task={task_id}", before=own.enter)
    detail = page.locator(".st-key-detail", has_text=said)
    detail.wait_for()
    detail.locator("[data-testid=stExpander]", has_text="What happened").wait_for()
    assert page.locator(".compare").count() == 0, "there is nothing to play"
    assert "Traceback" not in page.content()
    shot(page, "failed")
    choose_language(page, "简体中文")
    page.get_by_role("button", name="删除").wait_for()


def test_a_dropped_connection_goes_on_where_it_stopped(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    dance = tmp_path / "long.mp4"
    # Two requests of 16 MiB: what follows the film is ignored by every demuxer.
    free = (8 + 20 * 1024 * 1024).to_bytes(4, "big") + b"free" + bytes(20 * 1024 * 1024)
    dance.write_bytes(pair[0].read_bytes() + free)
    page = visit(server.url)
    offsets: list[int] = []

    def drop(route: Any) -> None:
        if route.request.method == "PATCH":
            offsets.append(int(route.request.headers["upload-offset"]))
            if len(offsets) in {2, 3}:
                route.abort("connectionreset")
                return
        route.continue_()

    page.route("**/uploads/files/*", drop)
    page.locator(".uploader input[type=file]").nth(0).set_input_files(str(dance))
    page.locator(".uploader li[data-state=resuming]").wait_for()
    page.locator(".uploader li[data-state=done]").wait_for(timeout=60_000)
    piece = 16 * 1024 * 1024
    assert offsets == [0, piece, piece, piece], "only the piece that was lost is sent again"
    stored = [p for p in (server.outputs / "incoming").glob("*/*") if len(p.name) == 32]
    assert any(p.read_bytes() == dance.read_bytes() for p in stored)
