"""However often Streamlit calls a component for its elements: its players go on, and are heard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.browser.serving import Server
from tests.browser.steps import (
    EARS,
    choose_files,
    correct,
    players,
    put_in,
    until,
    wait_status,
)

pytestmark = pytest.mark.browser

OVERTAKEN = """
const address = URL.createObjectURL;
window.overtaken = 0;
URL.createObjectURL = blob => {
  if (blob.type !== 'text/javascript') return address.call(URL, blob);
  const twice = `
    const once = (await import(ORIGINAL)).default;
    export default component => {
      const first = once(component), second = once(component);
      window.overtaken++;
      first();
      return second; };`;
  const original = JSON.stringify(address.call(URL, blob));
  return address.call(URL, new Blob([twice.replace('ORIGINAL', original)], {type: blob.type})); };
"""
"""Every call of a component is overtaken by the next one, which Streamlit does when data come
quickly: it cleans up after the first call when the second has been made already."""


@pytest.fixture(scope="module")
def task(server: Server, pair: tuple[Path, Path]) -> str:
    return put_in(server, pair, "sounding.mp4")


@pytest.fixture
def opened(server: Server, visit: Callable[..., Any], task: str) -> Callable[[str], Any]:
    """The finished task in a page with scripts of its own; everything can be listened to."""

    def open_task(script: str = "") -> Any:
        wait_status(server, None, task, "success")
        address = f"{server.url}/?task={task}"
        return visit(address, before=lambda context: context.add_init_script(EARS + script))

    return open_task


def wait_sound(page: Any) -> None:
    """Has the player under "adjust" play, until it is heard."""

    def heard() -> bool:
        if page.locator(".adjust").get_attribute("data-playing") != "true":
            page.locator(".adjust .play").click()
        return bool(page.evaluate("loudest()") > 0.01)

    until(page, heard, "the song to be heard", seconds=60)


def test_quick_steps_of_room_sound_leave_the_player_sounding(
    opened: Callable[[str], Any],
) -> None:
    page = opened("")
    sent: list[bytes | str] = []

    def keep(frame: bytes | str) -> None:
        sent.append(frame)

    page.on("websocket", lambda socket: socket.on("framesent", keep))
    page.reload()
    correct(page, "Move the music")
    wait_sound(page)
    room = page.get_by_role("slider", name="Phone sound under the song")
    save = page.get_by_role("button", name="Apply")
    made = room.input_value()

    def saved_is_shown() -> bool:
        return bool(save.is_enabled() == (room.input_value() != made))

    for left in (19, 21) * 2:  # it ends beside and at the place of the result, by turns
        room.focus()
        for key in ["ArrowRight"] * 20 + ["ArrowLeft"] * left:
            page.keyboard.press(key)
        # The slider itself may miss a step of so many on a busy machine.
        until(page, saved_is_shown, "Save to know the last step")
        wait_sound(page)
    assert page.evaluate("ears.length") == 2, "one graph: the song and the room"
    requests = [BackMsg.FromString(one) for one in sent if isinstance(one, bytes)]
    assert len(requests) > 6
    for request in requests:
        # What it kept may be gone when the answer names it; the page would be dead.
        assert not request.rerun_script.cached_message_hashes, "the browser keeps no message"


def test_a_call_that_is_overtaken_takes_nothing_down(
    opened: Callable[[str], Any], pair: tuple[Path, Path]
) -> None:
    page = opened(OVERTAKEN)
    page.get_by_role("button", name="Compare").click()
    page.locator(".compare .play").click()
    until(page, lambda: [one["time"] > 0.5 for one in players(page)] == [True] * 2, "all to play")
    page.keyboard.press("1")
    page.locator(".compare[data-active=original]").wait_for()

    correct(page, "Move the music")
    wait_sound(page)
    page.locator(".adjust [data-by='50']").click()
    page.get_by_role("button", name="Apply", disabled=False).wait_for()
    wait_sound(page)
    assert page.evaluate("ears.length") == 2, "one graph: the song and the room"

    correct(page, "Place by hand")
    until(page, lambda: page.evaluate("ears.every(ear => ear.context.state === 'closed')"),
          "what has left the page to be silent")  # fmt: skip
    page.locator(".place .listen").click()
    song = page.locator(".place .reference")
    until(page, lambda: song.evaluate("song => song.currentTime") > 4, "the song to follow")

    page.get_by_role("button", name="All tasks").click()
    choose_files(page, [pair[0]], pair[1])
    assert page.locator(".uploader li").count() == 2
    assert page.evaluate("overtaken") >= 8
