"""Results as Chromium plays them, not only as it decodes them: time goes on, pictures follow
each other, and what is heard is the planned music, to the sample."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.model import Segment
from pipeline.plan.options import RenderOptions
from tests.kinds import more
from tests.media import measure
from tests.media.clips import BITS, CELL, RATE, Clip, make_dance, write_sound
from tests.media.fixtures import make_song
from tests.media.work import Pair, make_result, read_pair

pytestmark = pytest.mark.browser
OFFSET = 2.0
FROM = 0.5
"""Where playing begins (seconds): in the midst of music, so that no sample is 0 by chance."""

PLAY = """
async ([url, from, seconds, bits, cell]) => {
  const video = document.createElement('video');
  video.src = URL.createObjectURL(await (await fetch(url)).blob());
  const context = new AudioContext({sampleRate: 48000});
  const code = `registerProcessor('tape', class extends AudioWorkletProcessor {
    process([input]) {
      const left = input[0], right = input[1] || input[0];
      if (left) this.port.postMessage(left.map((value, i) => (value + right[i]) / 2));
      return true; } })`;
  await context.audioWorklet.addModule(
    URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
  const tape = new AudioWorkletNode(context, 'tape');
  const heard = [];
  tape.port.onmessage = event => heard.push(...event.data);
  context.createMediaElementSource(video).connect(tape);
  const canvas = document.createElement('canvas');
  const paint = canvas.getContext('2d', {willReadFrequently: true});
  const pictures = [];
  const look = (_, frame) => {
    canvas.width = frame.width; canvas.height = frame.height;
    paint.drawImage(video, 0, 0);
    const row = paint.getImageData(0, 24, canvas.width, 1).data;
    let number = 0;
    for (let k = 0; k < bits; k++)
      if (row[4 * ((k + 1) * cell + cell / 2)] > 125) number += 1 << k;
    pictures.push([number, frame.mediaTime]);
    video.requestVideoFrameCallback(look); };
  if (video.readyState < 2) await new Promise(good => { video.onloadeddata = good; });
  video.currentTime = from;
  await new Promise(good => { video.onseeked = good; });
  video.requestVideoFrameCallback(look);
  await video.play();
  const patience = performance.now() + 30000;
  while (video.currentTime < seconds && !video.error && performance.now() < patience)
    await new Promise(good => setTimeout(good, 50));
  const reached = video.currentTime;
  video.pause();
  await context.close();
  return {reached, error: video.error && video.error.message, heard, pictures,
          decoded: video.webkitAudioDecodedByteCount}; }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("played")


@pytest.fixture(scope="module")
def song() -> NDArray[np.float32]:
    return make_song()


@pytest.fixture(scope="module")
def page(folder: Path, browser: Any) -> Iterator[Any]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    opened = browser.new_page()
    opened.goto(f"http://127.0.0.1:{server.server_port}/")
    yield opened
    opened.close()
    server.shutdown()


@pytest.fixture(scope="module")
def songs_pair(folder: Path, song: NDArray[np.float32]) -> Pair:
    """A dance that is silent but for a noise, and the song as AAC."""
    noise = 0.05 * np.random.default_rng(2).standard_normal((9 * RATE, 2)).astype(np.float32)
    dance = make_dance(Clip(b_frames=2), noise, folder)
    reference = write_sound(song, folder / "song.m4a", "-c:a", "aac", "-b:a", "192k")
    return read_pair(dance, reference, folder / "scratch")


CASES = {
    "plain": (RenderOptions(), "encode"),
    "copied": (RenderOptions(loudness=False), "copy"),
    "nudged": (RenderOptions(nudge_ms=-170), "encode"),
    "room": (RenderOptions(room_sound=0.4), "encode"),
    "portable": (RenderOptions(portable=True), "encode"),
}


@pytest.mark.parametrize("name", ["plain", "copied", "nudged", "room", *more("portable")])
def test_chromium_plays_it(
    name: str, page: Any, songs_pair: Pair, song: NDArray[np.float32], folder: Path
) -> None:
    options, sound = CASES[name]
    result = make_result(songs_pair, [Segment(2.9, 6.5, OFFSET)], folder / f"{name}.mp4",
                         variant="modular", options=options)  # fmt: skip
    assert result.plan.sound.action == sound
    played = page.evaluate(PLAY, [f"/{name}.mp4", FROM, 2.5, BITS, CELL])
    assert played["error"] is None
    assert played["reached"] >= 2.5
    assert played["decoded"] > 10_000
    begin = float(result.plan.picture.start * result.plan.picture.time_base)
    shown = played["pictures"]
    assert len(shown) >= 5
    # How many a busy machine shows is its own affair, and what is painted may be one that came
    # after the one that was announced.
    behind = [number - round((begin + at) * 30) for number, at in shown]
    assert min(behind) == 0
    assert behind.count(0) > 0.8 * len(behind)
    assert all(a[1] < b[1] for a, b in pairwise(shown))
    # The first sample that is not silent is that of ``FROM``; an edit list that is not followed
    # would move it by the packet that is not to be heard (21 ms).
    heard = np.array(played["heard"], dtype=np.float32)
    heard = heard[int(np.flatnonzero(heard)[0]) :][:RATE]
    place = round((OFFSET + begin + FROM - options.nudge_ms / 1000) * RATE)
    late = measure.lag(heard, song.mean(axis=1)[place : place + RATE])
    assert abs(late) < 2e-3, f"{late * 1000:.2f} ms"
