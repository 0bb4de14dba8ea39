"""The players where a browser has other rules than Chromium: stand-ins take its freedoms away.

What WebKitGTK, Firefox and the iPhone do is written at each rule.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import correct, players, put_in, until, wait_status

pytestmark = pytest.mark.browser

SLOW_SEEKS = """
const time = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'currentTime');
const seeking = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'seeking');
window.seeks = new Map();
Object.defineProperty(HTMLMediaElement.prototype, 'seeking', {
  get() { return Boolean(this.held) || seeking.get.call(this); } });
Object.defineProperty(HTMLMediaElement.prototype, 'currentTime', {
  get() { return time.get.call(this); },
  set(value) {
    const one = window.seeks.get(this.src) || [];
    one.push(performance.now());
    window.seeks.set(this.src, one);
    if (this.paused || !this.muted) { time.set.call(this, value); return; }
    clearTimeout(this.held);
    this.dispatchEvent(new Event('seeking'));
    this.held = setTimeout(() => { this.held = 0; time.set.call(this, value); }, 450); } });
const begin = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = async function () {
  if (this.muted) await new Promise(good => setTimeout(good, 600));
  return begin.call(this); };
"""
"""A muted player begins late, and needs 450 ms for a jump (28 to 677 ms were seen in WebKitGTK
2.50)."""

UNMUTED = """
const rate = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'playbackRate');
Object.defineProperty(HTMLMediaElement.prototype, 'playbackRate', {
  get() { return rate.get.call(this); },
  set(value) { rate.set.call(this, value); this.muted = false; } });
"""
"""A change of its rate unmutes a player (WebKitGTK 2.50)."""

TAPPED = """
const play = HTMLMediaElement.prototype.play;
let tapped = false;
for (const name of ['click', 'keydown', 'touchend']) window.addEventListener(name, () => {
  tapped = true;
  setTimeout(() => { tapped = false; }, 0); }, true);
const sounding = player => !player.muted && player.videoWidth > 0;
HTMLMediaElement.prototype.play = function () {
  if (!tapped && !this.allowed) {
    window.refused = (window.refused || 0) + 1;
    return Promise.reject(new DOMException('no gesture', 'NotAllowedError')); }
  this.allowed = true;
  return play.call(this); };
const volume = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'volume');
Object.defineProperty(HTMLMediaElement.prototype, 'volume', { get() { return 1; }, set(value) {} });
"""
"""A player plays if a person tapped for it, and its volume is the phone's (iOS)."""

NO_LOUDSPEAKER = """
AudioContext.prototype.resume = () => new Promise(() => {});
Object.defineProperty(AudioContext.prototype, 'state', { get() { return 'suspended'; } });
"""
"""No answer where there is no sound device (Firefox)."""

REFUSED = """
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  if (!this.muted) return Promise.reject(new DOMException('no sound', 'NotAllowedError'));
  return play.call(this); };
"""
"""A player that sounds is refused, a mute one plays."""


@pytest.fixture(scope="module")
def task(server: Server, pair: tuple[Path, Path]) -> str:
    return put_in(server, pair, "other browsers.mp4")


@pytest.fixture
def opened(server: Server, visit: Callable[..., Any], task: str) -> Callable[..., Any]:
    """The finished task, in a browser with the rules of a script."""

    def open_task(script: str = "", **window: Any) -> Any:
        wait_status(server, None, task, "success")
        address = f"{server.url}/?task={task}"
        page = visit(address, before=lambda context: context.add_init_script(script), **window)
        page.locator(".compare .active video").wait_for()
        return page

    return open_task


def plays(page: Any, seconds: float) -> Callable[[], bool]:
    return lambda: any(not one["muted"] and one["time"] > seconds for one in players(page))


def test_slow_jumps_do_not_become_a_storm(opened: Callable[..., Any]) -> None:
    page = opened(SLOW_SEEKS)
    page.get_by_role("button", name="Compare").click()
    until(page, lambda: all(one["time"] >= 0 for one in players(page)), "the players")
    page.evaluate("seeks.clear()")
    page.locator(".compare .play").click()
    until(page, plays(page, 7), "seven seconds")
    gaps = page.evaluate(
        "() => [...seeks.values()].flatMap(one => one.slice(1).map((at, i) => at - one[i]))"
    )
    assert all(gap >= 990 for gap in gaps), gaps
    times = [one["time"] for one in players(page)]
    assert max(times) - min(times) < 1


def test_only_one_sounds_though_steering_unmutes(opened: Callable[..., Any]) -> None:
    page = opened(UNMUTED)
    page.get_by_role("button", name="Compare").click()
    page.locator(".compare .play").click()
    until(page, plays(page, 1), "a second")
    for _ in range(30):
        assert sum(not one["muted"] for one in players(page)) == 1
        page.wait_for_timeout(100)


def test_a_phone_plays_what_was_tapped(opened: Callable[..., Any]) -> None:
    page = opened(TAPPED, width=390, height=844)
    page.locator(".compare .play").click()
    until(page, plays(page, 1), "a second")
    page.locator(".compare .tracks button").first.click()
    page.locator(".compare[data-active=original]").wait_for()
    until(page, plays(page, 2), "the original to go on")
    correct(page, "Move the music")
    page.locator(".adjust .play").click()
    sound = page.locator(".adjust .sound")
    until(page, lambda: sound.evaluate("x => !x.paused && x.currentTime > 1"), "the song")
    correct(page, "Place by hand")
    page.locator(".place .listen").click()
    song = page.locator(".place .reference")
    until(page, lambda: song.evaluate("x => !x.paused && x.currentTime > 4"), "the song to follow")


def test_a_phone_loads_only_what_is_shown(opened: Callable[..., Any]) -> None:
    asked: list[str] = []
    page = opened(width=390, height=844)
    page.on("request", lambda request: asked.append(request.url.split("?")[0].rsplit("/", 1)[-1]))
    page.reload()
    page.locator(".compare .play").click()
    until(page, plays(page, 2), "two seconds")
    kinds = {"original", "modular", "v2"} & set(asked)
    assert kinds == {"modular"}
    page.get_by_role("radio", name="Phone sound").click()
    until(page, plays(page, 3), "the phone's sound to go on")
    assert {"original", "modular", "v2"} & set(asked) == {"modular", "original"}


@pytest.mark.parametrize(("view", "rules"), [("compare", REFUSED), ("adjust", NO_LOUDSPEAKER)])
def test_without_a_loudspeaker_the_picture_plays_and_the_page_says_so(
    opened: Callable[..., Any], view: str, rules: str
) -> None:
    page = opened(rules)
    if view == "adjust":
        correct(page, "Move the music")
    page.locator(f".{view} .play").click()
    page.locator(f".{view} [role=status]", has_text="plays without sound").wait_for()
    picture = page.locator(f".{view} video:visible")
    begun = picture.evaluate("x => x.currentTime")
    until(page, lambda: picture.evaluate("x => x.currentTime") > begun + 1, "the picture to play")
