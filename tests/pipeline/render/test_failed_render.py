"""Renders that fail or are killed: said in words, and nothing under the final name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from pipeline import reasons, scratch
from pipeline.media import ffmpeg
from pipeline.model import Segment
from pipeline.plan.make import make_plan
from pipeline.plan.options import RenderOptions
from pipeline.reasons import JobError, RenderError
from pipeline.render.result import render
from pipeline.render.verify import verify
from tests.media.clips import Clip, make_dance, write_sound
from tests.media.fixtures import make_song
from tests.media.work import SETTINGS, Pair, make_result, read_pair
from tests.pipeline.pairs import WHOLE


def test_a_full_disk_is_a_clear_failure(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_result(pair, [WHOLE], tmp_path / "a.mp4").plan
    monkeypatch.setattr(scratch, "FREE_MARGIN_BYTES", 1 << 62)
    with pytest.raises(JobError) as caught:
        render(plan, pair.dance, pair.reference, tmp_path / "b.mp4", settings=SETTINGS)
    assert caught.value.reason == reasons.DISK_FULL
    assert not (tmp_path / "b.mp4").exists()
    assert not list(tmp_path.glob(".retrack-*"))


def test_a_result_that_is_not_the_plans_is_found_out(pair: Pair, tmp_path: Path) -> None:
    result = make_result(pair, [WHOLE], tmp_path / "a.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(result.path.read_bytes()[:-20_000])
    shorter = make_result(pair, [replace(WHOLE, dance_end=5)], tmp_path / "s.mp4",
                          variant="modular").path  # fmt: skip
    for path in (cut, shorter, pair.reference):
        with pytest.raises(RenderError) as caught:
            verify(path, result.plan, settings=SETTINGS)
        assert caught.value.reason == reasons.VERIFY_FAILED


def test_a_silent_result_never_gets_its_name(
    pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    plan = make_result(pair, [WHOLE], tmp_path / "a.mp4").plan
    silence = write_sound(np.zeros_like(song), tmp_path / "silence.m4a", "-c:a", "aac")
    out = tmp_path / "mute.mp4"
    with pytest.raises(RenderError) as caught:
        render(plan, pair.dance, silence, out, settings=SETTINGS, scratch=tmp_path)
    assert caught.value.reason == reasons.VERIFY_FAILED
    assert "silent" in str(caught.value)
    assert not out.exists()


CHILD = """
import json, sys
from pathlib import Path
from pipeline.plan.render_plan import RenderPlan
from pipeline.render.result import render
from pipeline.sample.tune import tune
from pipeline.settings import Settings
plan = RenderPlan.from_json(json.loads(Path(sys.argv[1]).read_text()))
print("ready", flush=True)
render(plan, Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), settings=Settings())
"""


@pytest.fixture(scope="module")
def long_pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Four minutes: so much to render that it can be killed on the way."""
    folder = tmp_path_factory.mktemp("long")
    long, dance = np.tile(make_song(), (20, 1)), folder / "long.mp4"
    reference = write_sound(long, folder / "long.flac")
    short = make_dance(Clip(seconds=20, gop=600), long, folder)
    again = ["-nostdin", "-stream_loop", "12", "-i", ffmpeg.file_url(short), "-c", "copy"]
    ffmpeg.run([*again, ffmpeg.file_url(dance)])
    return read_pair(dance, reference, folder / "s")


@pytest.mark.parametrize("portable", [False, True])
def test_a_killed_render_leaves_no_process_and_nothing_under_the_final_name(
    portable: bool, long_pair: Pair, tmp_path: Path
) -> None:
    ready = long_pair
    options = RenderOptions(portable=portable, nudge_ms=-200)
    segment = Segment(3, 240, 1.0)
    plan = make_plan([segment], ready.dance_info, ready.reference_info, variant="modular",
                     options=options, measurements=ready.measurements)  # fmt: skip
    assert plan.picture.action == ("encode" if portable else "copy")
    note, out = tmp_path / "plan.json", tmp_path / "out.mp4"
    note.write_text(json.dumps(plan.to_json()))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(note), str(ready.dance), str(ready.reference), str(out)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )
    assert child.stdout is not None
    child.stdout.readline()
    helpers: list[psutil.Process] = []
    while len(helpers) < 1:
        helpers = psutil.Process(child.pid).children(recursive=True)
        assert child.poll() is None
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    _, alive = psutil.wait_procs(helpers, timeout=10)
    assert not alive
    assert not out.exists()


def test_a_muxers_words_and_paths_are_not_told(pair: Pair, tmp_path: Path) -> None:
    plan = make_result(pair, [WHOLE], tmp_path / "a.mp4").plan
    wrong = replace(plan, picture=replace(plan.picture, depth=0))  # decoded after it is shown
    with pytest.raises(RenderError) as caught:
        render(wrong, pair.dance, pair.reference, tmp_path / "b.mp4", settings=SETTINGS)
    assert str(caught.value) == "the result could not be written"
    assert str(tmp_path) in caught.value.detail, "the log has it all"
