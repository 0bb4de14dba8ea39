"""What is changed under "adjust" is heard before it is saved, and saved as it was heard."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from tests.browser import steps
from tests.browser.serving import Server
from tests.browser.steps import correct, made, records, wait_done

pytestmark = pytest.mark.browser

FIRST, LAST = 5.0, 15.0
"""Dance time at which the song of this test begins and ends; the sample pair's map is +3.2 s."""


@pytest.fixture(scope="module")
def short(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten quiet seconds of the sample's song: the dance goes on before and after it."""
    path = tmp_path_factory.mktemp("short") / "short song.m4a"
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-ss", f"{FIRST + 3.2}"),
            *(
                "-t",
                f"{LAST - FIRST}",
                "-i",
                str(pair[1]),
                "-af",
                "volume=0.3",
                "-c:a",
                "aac",
                "-y",
                str(path),
            ),
        ],
        check=True,
        timeout=60,
    )
    return path


def heard(page: Any) -> dict[str, Any]:
    """The gains at this moment, and where the two players are."""
    found: dict[str, Any] = page.locator(".adjust").evaluate(
        "e => ({song: +e.dataset.song, room: +e.dataset.room, delay: +e.dataset.delay,"
        " time: e.querySelector('.picture').currentTime, playing: e.dataset.playing,"
        " sound: e.querySelector('.sound').currentTime, src: e.querySelector('.sound').src,"
        " now: e.querySelector('.now').textContent,"
        " range: ['min', 'max'].map(x => +e.querySelector('.seek')[x])})"
    )
    return found


def until_heard(
    page: Any, what: Callable[[dict[str, Any]], bool], at: float | None = None
) -> dict[str, Any]:
    """Wait for what is heard; with ``at``, while it plays within three seconds from there.

    On a busy machine the stretch of the song would be over before all is in step.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = heard(page)
        if what(found):
            return found
        if at is not None and not (found["playing"] == "true" and found["time"] < at + 3):
            play_from(page, at)
        page.wait_for_timeout(100)
    raise AssertionError(found)


def play_from(page: Any, at: float) -> None:
    """Moves the position and plays; a stretch of music needs a moment to come into step."""
    if heard(page)["playing"] == "true":
        page.locator(".adjust .play").click()
    page.locator(".adjust .seek").evaluate(
        "(e, at) => { e.value = at; e.dispatchEvent(new Event('input'));"
        " e.dispatchEvent(new Event('change')); }",
        at,
    )
    page.locator(".adjust .play").click()


def wait_saved(server: Server, page: Any, task_id: str) -> dict[str, Any]:
    """Wait until the task's result has been made again."""

    def found() -> dict[str, Any] | None:
        record = records(server)[task_id]
        return dict(record) if record.get("revision") == 1 else None

    saved: dict[str, Any] = steps.until(page, found, "the new result")
    return saved


def down_to_save(page: Any) -> float:
    """Pixels from the fold's top to the end of Save; 0 before the picture is there."""
    drawn = page.locator(".adjust .picture").evaluate("video => video.videoWidth > 0")
    card = page.locator("details", has_text="Not right?").bounding_box()
    save = page.get_by_role("button", name="Apply", exact=True).bounding_box()
    return float(save["y"] + save["height"] - card["y"]) if drawn and card and save else 0.0


def near(value: float, wanted: float, by: float = 0.02) -> bool:
    return abs(value - wanted) <= by


def test_loudness_room_and_the_whole_video_are_heard_before_saving(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    short: Path,
) -> None:
    task_id = made(server, (pair[0], short), "adjusted.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    wait_done(page)
    sounds = records(server)[task_id]["plans"]["modular"]["sound"]["pieces"]
    [gain] = {piece["gain_db"] for piece in sounds if piece["source"] == "reference"}
    assert abs(gain) > 1, "else nothing could be heard of the switch"
    correct(page, "Move the music")
    page.locator(".adjust .play").wait_for()
    save = page.get_by_role("button", name="Apply")
    assert save.is_disabled(), "nothing has been changed"
    low, _ = until_heard(
        # It may begin up to a second before the song, at a picture that needs no other.
        page,
        lambda x: near(x["range"][0], FIRST - 0.5, 0.6) and near(x["range"][1], LAST, 0.6),
    )["range"]

    # The result as it is: the song alone, at the result's own level and place.
    play_from(page, 8.0)
    state = until_heard(
        page, lambda x: near(x["song"], 1) and near(x["room"], 0) and x["time"] > 8.5, 8.0
    )
    assert re.search(r"/(sound-)?modular\?", state["src"]) and "song" in state["now"]
    until_heard(page, lambda x: near(x["sound"], x["time"] + 0.6 - low, 0.12), 8.0)

    # Without even loudness the song has the level of its file.
    page.get_by_text("Even loudness", exact=True).click()
    level = 10 ** (-gain / 20)
    until_heard(page, lambda x: near(x["song"], level, 0.01 * level + 0.01), 8.0)

    # The whole video: its own sound before and after, and it can be gone to.
    page.get_by_text("Keep the whole video", exact=True).click()
    state = until_heard(
        page, lambda x: near(x["range"][0], 0, 0.1) and near(x["range"][1], 22, 0.1)
    )
    for at, own in ((1.0, True), (8.0, False), (18.0, True)):
        play_from(page, at)
        state = until_heard(
            page,
            lambda x, own=own: (
                x["playing"] == "true" and near(x["room"], own) and (x["song"] == 0) == own
            ),  # type: ignore[misc]
            at,
        )
        assert ("phone sound" in state["now"]) == own, state
    shot(page, "adjust-whole", full=True)

    # Room sound under the song, pushed down while the song is loud.
    room = page.get_by_role("slider", name=re.compile("Phone sound under"))
    room.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(1000)
    play_from(page, 8.0)
    until_heard(page, lambda x: 0.4 * 10 ** (-9.5 / 20) < x["room"] < 0.36 and x["time"] > 8.5, 8.0)

    save.click()
    record = wait_saved(server, page, task_id)
    options = record["plans"]["modular"]["options"]
    assert (options["keep_all"], options["loudness"], options["room_sound"]) == (True, False, 0.4)
    pieces = record["plans"]["modular"]["sound"]["pieces"]
    assert [piece["source"] for piece in pieces] == ["dance", "reference", "dance"]

    # The room is in the result by now: the song itself is played for the next preview.
    until_heard(page, lambda x: "/reference?" in x["src"])
    play_from(page, 8.0)
    state = until_heard(
        page, lambda x: x["time"] > 8.5 and near(x["sound"], x["time"] + 0.6 - FIRST, 0.12), 8.0
    )
    assert near(state["song"], 10 ** (pieces[1]["gain_db"] / 20))
    assert page.get_by_role("button", name="Apply").is_disabled()


def test_the_last_step_before_saving_is_saved(
    server: Server, visit: Callable[..., Any], short_pair: tuple[Path, Path]
) -> None:
    task_id = made(server, short_pair, "last step.mp4")
    page = visit(f"{server.url}/?task={task_id}", height=900)
    wait_done(page)
    correct(page, "Move the music")
    steps.until(page, lambda: 0 < down_to_save(page) < 900 - 72, "all of it in a laptop's window")
    tops = page.locator(".adjust [data-by]").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().top)"
    )
    assert len(tops) == 4 and len(set(tops)) == 1, "none of them beside the slider's Later"
    undo = page.locator(".adjust .reset")
    assert undo.is_disabled(), "there is nothing to undo"
    page.locator(".adjust [data-by='50']").click()
    assert undo.is_enabled()
    save = page.get_by_role("button", name="Apply")
    page.wait_for_function(
        "() => ![...document.querySelectorAll('button')]"
        ".find(b => b.innerText.includes('Apply')).disabled"
    )
    # One more step right before the click.
    assert page.locator(".adjust").get_attribute("data-nudge") == "50"
    page.locator(".adjust [data-by='-10']").click()
    save.click()
    record = wait_saved(server, page, task_id)
    assert record["plans"]["v2"]["options"]["nudge_ms"] == 40
