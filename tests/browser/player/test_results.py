"""Result files as Chromium shows them: which picture at which time, and the sound with it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.model import Segment
from pipeline.plan.options import RenderOptions
from tests.kinds import more
from tests.media.clips import BITS, CELL, RATE, Clip, make_dance, write_sound
from tests.media.fixtures import make_song
from tests.media.work import Pair, make_result, read_pair

pytestmark = pytest.mark.browser
OFFSET = 2.0

PICTURES = """
async ([url, times, bits, cell]) => {
  const video = document.createElement('video');
  video.muted = true; video.preload = 'auto';
  // A blob can be sought in; this plain server answers no ranges.
  video.src = URL.createObjectURL(await (await fetch(url)).blob());
  await new Promise((good, bad) => {
    video.onloadeddata = good; video.onerror = () => bad(video.error.message); });
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const paint = canvas.getContext('2d', {willReadFrequently: true});
  const read = () => {
    paint.drawImage(video, 0, 0);
    const row = paint.getImageData(0, 24, canvas.width, 1).data;
    const at = k => row[4 * (k * cell + cell / 2)];
    let number = 0;
    for (let k = 0; k < bits; k++) if (at(k + 1) > 125) number += 1 << k;
    return number; };
  const found = [read()];
  for (const time of times) {
    // "seeked" comes when the frame is decoded; on a busy machine the one before it may still
    // be what is painted. The callback names the frame that is on the screen.
    await new Promise(good => {
      const look = (_, frame) => Math.abs(frame.mediaTime - time) < 0.04 ?
        good() : video.requestVideoFrameCallback(look);
      video.requestVideoFrameCallback(look);
      video.currentTime = time; });
    found.push(read());
  }
  return [found, video.duration]; }
"""

SOUND = """
async url => {
  const data = await (await fetch(url)).arrayBuffer();
  const context = new OfflineAudioContext(1, 48000, 48000);
  const buffer = await context.decodeAudioData(data);
  const left = buffer.getChannelData(0), right = buffer.getChannelData(1);
  return Array.from({length: 96000}, (_, i) => (left[i] + right[i]) / 2); }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def song() -> NDArray[np.float32]:
    return make_song()


@pytest.fixture(scope="module")
def pair(folder: Path, song: NDArray[np.float32]) -> Pair:
    dance = make_dance(Clip(b_frames=2), song[round(OFFSET * RATE) :], folder)
    return read_pair(dance, write_sound(song, folder / "song.flac"), folder / "scratch")


@pytest.fixture(scope="module")
def page(folder: Path, browser: Any) -> Iterator[Any]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # The session's browser: Playwright runs once at a time in a process.
    opened = browser.new_page()
    opened.goto(f"http://127.0.0.1:{server.server_port}/")
    yield opened
    opened.close()
    server.shutdown()


CASES = {
    "cut": ([Segment(3.3, 6.5, OFFSET)], RenderOptions()),
    "key": ([Segment(2.2, 6.5, OFFSET)], RenderOptions()),
    "portable": ([Segment(3.3, 6.5, OFFSET)], RenderOptions(portable=True)),
    "nudged": ([Segment(2.9, 6.5, OFFSET)], RenderOptions(nudge_ms=150)),
    "room": ([Segment(2.9, 6.5, OFFSET)], RenderOptions(room_sound=0.4)),
}


# The others are played, see ``test_playing``.
@pytest.mark.parametrize("name", ["cut", "portable", *more("key", "nudged", "room")])
def test_chromium_shows_the_planned_pictures_with_the_sound_in_sync(
    name: str,
    page: Any,
    pair: Pair,
    song: NDArray[np.float32],
    folder: Path,
) -> None:
    segments, options = CASES[name]
    result = make_result(pair, segments, folder / f"{name}.mp4", variant="modular", options=options)
    begin = float(result.plan.picture.start * result.plan.picture.time_base)
    first = round(begin * 30)
    times = [0.0167 + n / 30 for n in (1, 2, 17, 60)]
    found, duration = page.evaluate(PICTURES, [f"/{name}.mp4", times, BITS, CELL])
    assert found == [first, *(first + n for n in (1, 2, 17, 60))]
    assert duration == pytest.approx(result.plan.duration, abs=0.03)
    # decodeAudioData takes the packets as they are: the priming is cut off where it is marked.
    heard = np.array(page.evaluate(SOUND, f"/{name}.mp4"), dtype=np.float32)
    from tests.media import measure

    place = round((OFFSET + begin - options.nudge_ms / 1000) * RATE)
    late = measure.lag(heard, song.mean(axis=1)[place : place + len(heard)])
    assert abs(late) < 2e-3, f"{late * 1000:.2f} ms"
