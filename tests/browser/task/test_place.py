"""Placing the song by hand: dragged with mouse, finger and keys, heard, saved."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tests.browser.serving import Server
from tests.browser.steps import (
    correct,
    made,
    records,
    task_of,
    unfold,
    until,
    wait_done,
    wait_status,
)
from tests.media import measure
from tests.media.work import late_by

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def mute(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample dance without a sound: nobody but a person can place the song under it."""
    path = tmp_path_factory.mktemp("mute") / "mute.mp4"
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(pair[0])),
            *("-an", "-c:v", "copy", "-y", str(path)),
        ],
        check=True,
        timeout=60,
    )
    return path


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song that the sample dance does not have: noise with a beat."""
    path = tmp_path_factory.mktemp("stranger") / "other song.m4a"
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi"),
            *("-i", "anoisesrc=d=30:c=pink:a=0.5:seed=7,tremolo=f=2:d=0.9", "-c:a", "aac"),
            *("-y", str(path)),
        ],
        check=True,
        timeout=60,
    )
    return path


def figures(page: Any) -> dict[str, float]:
    """What the component says of itself; offset is missing before the song is placed."""
    data = page.locator(".place").evaluate("e => ({...e.dataset})")
    data |= page.locator(".place .stage").evaluate("e => ({...e.dataset})")
    return {name: float(value) for name, value in data.items() if value}


def placed(page: Any, **wanted: Any) -> dict[str, float]:
    """Waits until the figures are about the wanted ones."""
    found: dict[str, float] = {}
    for _ in range(300):
        found = figures(page)
        if all(name in found and found[name] == value for name, value in wanted.items()):
            return found
        page.wait_for_timeout(100)
    raise AssertionError(f"{found} is not {wanted}")


def open_place(page: Any) -> str:
    """Wait for the tool under the hand; gives the task's id."""
    page.locator(".place .listen").wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some(e => e.shadowRoot &&"
        " e.shadowRoot.querySelector('.place .waiting')?.textContent === '' &&"
        " e.shadowRoot.querySelector('.place .dance').readyState > 0 &&"
        " e.shadowRoot.querySelector('.place .reference').readyState > 0)"
    )
    return task_of(page)


def drag(page: Any, *stops: int) -> float:
    """Drags the song with the mouse over these places (pixels); gives the line's width."""
    song = page.locator(".place .song")
    song.scroll_into_view_if_needed()
    box = song.bounding_box()
    page.mouse.move(box["x"] + stops[0], box["y"] + 20)
    page.mouse.down()
    for stop in stops[1:]:
        page.mouse.move(box["x"] + stop, box["y"] + 25, steps=6)
    page.mouse.up()
    return float(box["width"])


def test_drag_hear_and_save_what_the_machine_could_not_find(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    stranger: Path,
) -> None:
    task_id = made(server, (pair[0], stranger), "another song.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    page.locator(".st-key-detail", has_text="share no music").wait_for()
    unfold(page, "Place the song by hand")
    open_place(page)
    save = page.get_by_role("button", name=re.compile("Use this place|Place the song first"))
    assert save.is_disabled(), "nothing is placed yet"
    song = page.locator(".place .song")
    assert "Not placed" in song.get_attribute("aria-valuetext")

    # The mouse moves the song by as much time as the line shows under it.
    width = drag(page, 400, 250, 300)
    found = figures(page)
    assert found["offset"] == pytest.approx(100 / width * found["span"], abs=0.02)
    assert "into the song" in song.get_attribute("aria-valuetext")
    shot(page, "place-dragged", full=True)

    # Keys: right is later, Shift is fine, Page is coarse.
    song.focus()
    before = figures(page)["offset"]
    for key, later in (("ArrowRight", 0.1), ("Shift+ArrowLeft", -0.01), ("PageDown", -1.0)):
        page.keyboard.press(key)
        before -= later
        placed(page, offset=round(before, 3))
    page.get_by_role("button", name="Song 10 ms later").click()
    offset = placed(page, offset=round(before - 0.01, 3))["offset"]

    # Where the song would begin after the video, there is nothing to save.
    song.focus()
    for _ in range(30):
        page.keyboard.press("PageUp")
    page.locator(".place .value", has_text="not heard in the video at all").wait_for()
    until(page, save.is_disabled, "nothing to save", seconds=20)
    song.focus()
    for _ in range(30):
        page.keyboard.press("PageDown")
    placed(page, offset=offset)
    until(page, save.is_enabled, "a place to save", seconds=20)

    # Zoomed in, the same stretch of the mouse is a finer move.
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    eighth = pytest.approx(found["span"] / 8, rel=0.01)
    until(page, lambda: figures(page)["span"] == eighth, "three times half the span", seconds=30)
    drag(page, 400, 420)
    now = figures(page)
    assert now["offset"] == pytest.approx(offset - 20 / width * now["span"], abs=0.005)

    # A click on the dance's half goes there; another speed keeps what is heard there.
    canvas = page.locator(".place .drawing").bounding_box()
    page.mouse.click(canvas["x"] + 200, canvas["y"] + 40)
    there = pytest.approx(now["from"] + 200 / canvas["width"] * now["span"], abs=0.05)

    def where() -> float:
        return float(page.locator(".place .dance").evaluate("v => v.seeking ? -1 : v.currentTime"))

    until(page, lambda: where() == there, "the dance to be there", seconds=30)
    at = where()
    speed = page.get_by_role("spinbutton", name=re.compile("Speed of the song"))
    speed.fill("1.05")
    speed.press("Enter")
    fast = placed(page, speed=1.05)
    assert fast["offset"] + 1.05 * at == pytest.approx(now["offset"] + at, abs=0.01)

    # Both are heard at that place, the dance silent or with the song.
    page.get_by_role("button", name="Listen together").click()
    for _ in range(120):
        page.wait_for_timeout(250)
        state = page.locator(".place").evaluate(
            "e => { const all = ['.dance', '.sound', '.reference'].map(n => e.querySelector(n));"
            " const [d, s] = all; return {dance: d.currentTime, song: s.currentTime,"
            " muted: all.map(one => one.muted), still: d.paused || s.paused}; }"
        )
        off = state["song"] - (1.05 * state["dance"] + fast["offset"])
        if not state["still"] and abs(off) < 0.05:
            break
    assert not state["still"] and abs(off) < 0.05, state
    assert state["muted"] == [True, False, True], "one player sounds, without a picture"
    page.get_by_role("combobox", name="Hear").select_option(label="both")
    assert not page.locator(".place .dance").evaluate("v => v.muted")
    page.get_by_role("button", name="Stop").click()

    shot(page, "place-zoomed", full=True)
    save.click()
    record = wait_status(server, page, task_id, "success")
    assert record["alignment"]["hint"]["speed"] == 1.05
    assert record["alignment"]["hint"]["offset"] == pytest.approx(fast["offset"], abs=1e-3)
    at_middle = record["alignment"]["offset"] + record["alignment"]["speed"] * at
    assert at_middle == pytest.approx(fast["offset"] + 1.05 * at, abs=0.31)


def test_a_mute_dance_is_placed_by_marks_or_by_a_finger(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    mute: Path,
) -> None:
    page = visit(server.url, width=390, height=844, locale="zh-CN", dark=True)
    inputs = page.locator(".uploader input[type=file]")
    inputs.nth(0).set_input_files(str(mute))
    inputs.nth(1).set_input_files(str(pair[1]))
    page.get_by_role("button", name="开始对齐", disabled=False).click()
    page.locator(".st-key-detail", has_text="等待你操作").wait_for(timeout=120_000)
    task_id = open_place(page)
    page.locator(".place .dance-label", has_text="没有可用的声音").wait_for()
    for name, moment in (("dance", 4.0), ("reference", 7.0)):
        page.locator(f".place .{name}").evaluate("(v, at) => { v.currentTime = at; }", moment)
        page.wait_for_function(
            "([name, at]) => [...document.querySelectorAll('*')].map(e => e.shadowRoot)"
            ".filter(Boolean).map(s => s.querySelector(`.place .${name}`)).filter(Boolean)"
            ".some(v => !v.seeking && Math.abs(v.currentTime - at) < 0.01)",
            arg=[name, moment],
        )
        page.locator(f".place .mark-{name}").click()
    found = placed(page, offset=3.0)

    # A finger on a phone drags the song; the page does not scroll sideways.
    song = page.locator(".place .song")
    song.scroll_into_view_if_needed()
    box = song.bounding_box()
    touch = page.context.new_cdp_session(page)
    x, y = box["x"] + 200, box["y"] + 20
    for kind, by in (("Start", 0), *(("Move", by) for by in range(-10, -51, -10)), ("End", None)):
        points = [] if by is None else [{"x": x + by, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    wanted = 3.0 + 50 / box["width"] * found["span"]
    dragged = pytest.approx(wanted, abs=0.1)
    until(page, lambda: figures(page)["offset"] == dragged, "the dragged song", seconds=30)
    shot(page, "place-phone-zh-dark", full=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    song.focus()
    page.keyboard.press("Shift+ArrowRight")
    offset = placed(page, offset=round(figures(page)["offset"], 3))["offset"]
    page.get_by_role("button", name=re.compile("使用这个位置")).click()
    record = wait_status(server, page, task_id, "success")
    assert record["alignment"]["offset"] == pytest.approx(offset, abs=1e-3)
    page.locator(".st-key-head").locator("text=手动定位。").wait_for()
    assert page.locator("text=置信度：").count() == 0


def test_a_result_is_placed_anew_and_refined(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    short_pair: tuple[Path, Path],
) -> None:
    task_id = made(server, short_pair, "placed anew.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    wait_done(page)
    correct(page, "Place by hand")
    open_place(page)
    found = figures(page)["offset"]
    assert found == pytest.approx(3.2, abs=0.02)
    assert page.locator(".place .dance-label").text_content() == "Your dance"
    shot(page, "place-matched", full=True)
    page.locator(".place .song").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    placed(page, offset=round(found - 0.2, 3))
    page.get_by_role("button", name=re.compile("Use this place")).click()
    page.locator("text=Making your adjustment").wait_for()
    record = until(
        page,
        lambda: now if (now := records(server)[task_id]).get("revision") == 1 else None,
        "the new result",
    )
    assert record["alignment"]["hint"]["offset"] == pytest.approx(found - 0.2, abs=1e-3)
    assert record["alignment"]["offset"] == pytest.approx(3.2, abs=0.02), "found again, exactly"
    assert record["alignment"]["by_hand"] is False


def test_the_chosen_sound_track_is_drawn_heard_and_saved(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    mute: Path,
    stranger: Path,
    tmp_path: Path,
) -> None:
    """A music video has a commentary before the song, and players would take that."""
    both = tmp_path / "music video.m4a"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", stranger, "-i", pair[1]]
    maps = ["-map", "0:a", "-map", "1:a", "-c", "copy", both]
    subprocess.run([*map(str, (*command, *maps))], check=True, timeout=60)
    task_id = made(server, (mute, both), "no sound.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    page.locator(".st-key-detail", has_text="no usable sound").first.wait_for()
    open_place(page)
    folder = server.outputs / "results" / task_id
    box = page.get_by_role("combobox", name="Sound track of the song")
    box.wait_for()
    assert (folder / "waveforms-1-1.json").is_file()
    player = page.locator(".place .reference")
    assert "/reference?" in player.get_attribute("src")
    box.click()
    page.get_by_role("option", name=re.compile("^2: ")).click()
    until(
        page,
        lambda: "/preview-reference-2?" in player.get_attribute("src"),
        "a copy with the song's track",
    )
    assert page.locator(".place .listen").is_visible()
    until(page, (folder / "waveforms-1-2.json").is_file, "the song's waveform")
    copy, song = (measure.sound(path) for path in (folder / "preview_reference-2.mp4", pair[1]))
    assert abs(late_by(copy, song, 0.0, at=5.0)) < 0.05
    until(
        page, lambda: page.locator(".place .waiting").inner_text() == "", "the drawing", seconds=20
    )
    drag(page, 400, 360)
    shot(page, "place-track", full=True)
    offset = figures(page)["offset"]
    page.get_by_role("button", name=re.compile("Use this place")).click()
    record = wait_status(server, page, task_id, "success")
    assert record["options"]["reference_track"] == 2
    assert record["alignment"]["tracks"]["reference"] == {"track": 2, "of": 2, "why": "chosen"}
    heard = measure.sound(server.outputs.parent / record["v2_output"])
    begin = record["plans"]["v2"]["sound"]["pieces"][0]["source_start"]
    assert record["alignment"]["offset"] == pytest.approx(offset, abs=1e-3)
    assert abs(late_by(heard, song, begin, at=2.0)) < 0.005
