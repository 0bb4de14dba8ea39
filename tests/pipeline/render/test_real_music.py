"""Filmed real music through the command line: the sync is measured in the written files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.cases import degrade
from pipeline.plan.make import KEY_FRAME_SECONDS
from tests import music
from tests.kinds import more
from tests.media import clips, measure

ROOT = Path(__file__).resolve().parents[3]
FRAME = 1 / 30
SECONDS = 16.0

pytestmark = pytest.mark.music


@pytest.fixture(scope="module")
def track() -> NDArray[np.float32]:
    try:
        path = music.tracks("neverball-common")[4]
    except music.NoMusic as error:
        pytest.skip(f"no music package here: {error}")
    return clips.read_music(path, 0.0, 60.0)


def filmed(clean: NDArray[np.float32], snr: float, reverb: bool) -> NDArray[np.float32]:
    """What a phone hears: mono in both channels."""
    mono = clean.mean(axis=1)
    if reverb:
        room = degrade.room_response(clips.RATE, rt60=0.6, direct_db=0.0, seed=3)
        mono = degrade.reverberate(mono, room)
    heard = degrade.noise(mono.astype(np.float32), snr, "pink", seed=11)
    heard = heard / (np.abs(heard).max() + 1e-9) * 0.7
    return np.stack([heard, heard], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("offset", "snr", "reverb"),
    [
        *((-4.321, 20.0, False), (12.5, 0.0, True)),
        *more((21.37, 20.0, False), (-4.321, 20.0, True), (-3.2, 0.0, False)),
    ],
)
def test_the_result_is_in_sync(
    offset: float, snr: float, reverb: bool, track: NDArray[np.float32], tmp_path: Path
) -> None:
    if offset >= 0:
        heard = track[round(offset * clips.RATE) :][: round(SECONDS * clips.RATE)]
    else:  # the dance begins before the music does
        silence = np.zeros((round(-offset * clips.RATE), 2), dtype=np.float32)
        heard = np.concatenate([silence, track])[: round(SECONDS * clips.RATE)]
    clip = clips.Clip(seconds=SECONDS)
    dance = clips.make_dance(clip, filmed(heard, snr, reverb), tmp_path)
    reference = clips.write_sound(track, tmp_path / "song.flac")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", dance, reference, "--out", tmp_path / "out"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["alignment"]["offset"] == pytest.approx(offset, abs=0.020)
    for variant in ("modular", "v2"):
        out = Path(result[f"{variant}_output"])
        shown = measure.pictures(out)
        first = shown.numbers[0]
        assert list(shown.numbers) == list(range(first, first + len(shown.numbers)))
        # The picture's number is the truth of what is danced; the song must follow it.
        begin = first * FRAME + offset
        # A key frame shortly before is started from, so that no edit list is needed.
        assert begin >= -KEY_FRAME_SECONDS - FRAME, "pictures without music under them were kept"
        start = max(0, round(begin * clips.RATE))
        wanted = track[start:].mean(axis=1)
        late = measure.lag(measure.sound(out)[max(0, -round(begin * clips.RATE)) :], wanted)
        assert abs(late) < FRAME, f"{variant}: the sound is {late * 1000:.1f} ms late"
