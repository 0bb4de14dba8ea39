"""The way of one dancer through the page in WebKitGTK and in Firefox.

Both have other rules for sound, seeking and files than Chromium. What is looked at is what a person
sees and hears: which player sounds, where it stands, what is saved.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.engines import Window, firefox, webkit
from tests.browser.serving import Server
from tests.browser.steps import FOLLOW, records, until

pytestmark = pytest.mark.browser

MAX_SEEKS_A_SECOND = 1.0
"""Of one player that is kept in step."""
MEBIBYTE = 2**20
PRESSED = (".compare .play", ".save .link", ".adjust .play", ".st-key-adjust-save button")


@pytest.fixture(scope="module", params=[webkit, firefox], ids=["webkit", "firefox"])
def window(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Window]:
    with request.param(tmp_path_factory.mktemp("window")) as opened:
        yield opened


SHOWN = (
    "const app = document.querySelector('[data-testid=stApp]');"
    "const {testScriptState, testConnectionState} = app.dataset;"
    "return [testScriptState, testConnectionState, app.innerText].join(' | ');"
)
"""What a window shows, for who reads why it waited in vain."""


def middle(window: Window, selector: str, text: str = "") -> tuple[float, float, float]:
    """The middle of what stands there, and its width, once it keeps its place (pixels)."""

    def place() -> Any:
        return window.run(
            "const app = document.querySelector('[data-testid=stApp]');"
            "if (app.dataset.testScriptState !== 'notRunning') return null;"
            "const e = find(arguments[0], arguments[1]); if (!e) return null;"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const box = e.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2, box.width];",
            selector,
            text,
        )

    def stands() -> Any:
        before = place()
        time.sleep(0.2)
        return before if before and before == place() else None

    try:
        x, y, width = until(window, stands, f"{selector} {text!r}")
    except AssertionError as error:
        error.add_note(str(window.run(SHOWN)))
        raise
    return x, y, width


def press(window: Window, selector: str, text: str = "") -> None:
    x, y, _ = middle(window, selector, text)
    window.press(x, y)


def sees(window: Window, text: str) -> bool:
    return bool(window.run("return document.body.innerText.includes(arguments[0]);", text))


def players(window: Window) -> list[dict[str, Any]]:
    """The players of the task's page that have something to play."""
    found: list[dict[str, Any]] = window.run(
        "return all('.compare video').map(v => ({time: v.currentTime, muted: v.muted,"
        " failed: !!v.error, paused: v.paused,"
        " active: v.closest('figure').classList.contains('active'), length: v.duration}));"
    )
    return found


def heard(window: Window) -> dict[str, Any]:
    """The player that is heard."""
    [one] = [player for player in players(window) if player["active"]]
    return one


def plays_on(window: Window) -> None:
    """The player that is heard goes on."""
    begin = heard(window)["time"]
    until(window, lambda: heard(window)["time"] > begin + 1.0, "the film to play")


def test_a_dancer_s_way(
    window: Window, server: Server, sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    before = set(records(server)) if (server.outputs / "task_status.json").exists() else set()
    window.open(server.url)
    until(
        window,
        lambda: window.run("return all('.uploader input[type=file]').length === 2;"),
        "the page",
    )
    for what in PRESSED:
        window.run(f"({FOLLOW})(arguments[0]);", what)
    for index, path in enumerate(sample_pair):
        window.choose(".uploader input[type=file]", index, [path])
    done = "return all('.uploader li[data-state=done]').length === 2;"
    until(window, lambda: window.run(done), "both files on the server")
    press(window, "button", "Put the music under")
    [task_id] = until(window, lambda: set(records(server)) - before, "the task")
    until(
        window, lambda: records(server)[task_id]["status"] == "success", "its success", seconds=180
    )

    # The film plays with one sound, follows the seek bar, and is not chased by seeks.
    # With Save the page has the result: a player that was there before is stopped when it comes.
    until(window, lambda: window.run("return find('.save .link')?.textContent;"), "the result")
    window.run(
        "window.seeks = 0;"
        "all('.compare video').forEach(v => v.addEventListener('seeking', () => window.seeks++));"
    )
    began = time.monotonic()
    press(window, ".compare .play")
    plays_on(window)
    time.sleep(3)
    seconds = time.monotonic() - began
    assert window.run("return window.seeks;") <= MAX_SEEKS_A_SECOND * seconds * len(players(window))
    assert [player["muted"] for player in players(window)].count(False) == 1
    assert not heard(window)["muted"] and not any(one["failed"] for one in players(window))
    press(window, ".compare [role=radio]", "Phone sound")
    until(
        window,
        lambda: window.run("return find('.compare').dataset.active;") == "original",
        "the switch",
    )
    assert [one["active"] for one in players(window) if not one["muted"]] == [True]
    plays_on(window)
    press(window, ".compare .play")
    x, y, width = middle(window, ".compare .seek")
    window.press(x + 0.1 * width, y)
    length = heard(window)["length"]
    until(window, lambda: abs(heard(window)["time"] - 0.6 * length) < 0.08 * length, "the seek")

    # The music is moved by ear: the delay is in the sound at once.
    press(window, "summary", "Not right?")
    until(
        window,
        lambda: window.run("return find('.adjust .play')?.textContent;"),
        "the way to move it",
    )
    delay = "return Number(find('.adjust')?.dataset.delay) || 0;"

    def moved() -> bool:
        if window.run("return find('.adjust')?.dataset.playing;") != "true":
            press(window, ".adjust .play")
            time.sleep(1)
        return bool(abs(window.run(delay) - 0.6) < 0.002)

    until(window, moved, "the music to be in the graph")
    press(window, ".adjust [data-by='50']")
    until(window, lambda: abs(window.run(delay) - 0.65) < 0.002, "the music to come later")
    until(
        window,
        lambda: window.run("return Number(find('.adjust').dataset.song) > 0.5;"),
        "the music",
    )
    press(window, ".adjust .play")
    # Nothing of it has moved since it was first seen: a press meets what it was meant for.
    places = window.run("return window.places;")
    assert all(len(places[what]) == 1 for what in PRESSED), places

    # Or by hand, along its waveform.
    press(window, "button", "Place by hand")
    drawn = "return find('.place .waiting')?.textContent === '' || !find('.place .waiting');"
    until(
        window,
        lambda: window.run("return !!find('.place .song');") and window.run(drawn),
        "waveforms",
    )
    offset = "return Number(find('.place').dataset.offset);"
    earlier = until(window, lambda: window.run(offset), "its place")
    x, y, _ = middle(window, ".place .song")
    window.press(x, y, x + 60)
    until(window, lambda: (window.run(offset) or earlier) < earlier - 0.1, "the song to be dragged")

    # It is saved.
    press(window, "a, button", "Save video")
    results = [
        path.read_bytes() for path in (server.outputs / "results" / task_id).glob(f"{task_id}_*")
    ]

    def saved() -> bool:
        return any(film.read_bytes() in results for film in window.downloads.rglob("*.mp4"))

    until(window, saved, "the saved file")
    assert sees(window, "Not right?")

    # In Chinese.
    press(window, ".st-key-language-menu button")
    press(window, "[role=menuitem]", "简体中文")
    until(window, lambda: sees(window, "不对？"), "the other language")
    assert not sees(window, "Not right?")
    window.picture(tmp_path / "chinese.png")


BROKEN = """
const send = XMLHttpRequest.prototype.send, header = XMLHttpRequest.prototype.setRequestHeader;
XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
  if (name.toLowerCase() === 'upload-offset' && value !== '0') this.late = true;
  return header.call(this, name, value); };
XMLHttpRequest.prototype.send = function (body) {
  if (!this.late) return send.call(this, body);
  setTimeout(() => this.dispatchEvent(new ProgressEvent('error'))); };
"""
"""A connection that carries the first piece of a file and no other."""


def test_an_upload_goes_on_after_a_reload(window: Window, private: Server, tmp_path: Path) -> None:
    incoming = private.outputs / "incoming"
    before = set(incoming.glob("*/*.info"))
    film = tmp_path / "long.mp4"
    film.write_bytes(os.urandom(20 * MEBIBYTE))
    window.open(private.url)
    inputs = "return all('.uploader input[type=file]').length === 2;"
    until(window, lambda: window.run(inputs), "the page")
    window.run(BROKEN)
    window.choose(".uploader input[type=file]", 0, [film])
    state = "return find('.uploader li')?.dataset.state;"
    until(window, lambda: window.run(state) == "resuming", "the connection to break")
    window.open(private.url)
    until(window, lambda: window.run(state) == "interrupted", "the file to be named")
    # A phone hands out a fresh copy of the same film each time.
    copy = film.rename(tmp_path / "copy.mp4")
    window.choose(".uploader input[type=file]", 0, [copy])
    until(window, lambda: window.run(state) == "done", "the rest of the file")
    [note] = set(incoming.glob("*/*.info")) - before
    assert note.with_suffix("").read_bytes() == copy.read_bytes()
