"""Peak envelopes: true to the sound, of bounded size, and made in a child for the page."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline import reasons
from pipeline.child.supervise import call
from pipeline.model import Samples
from pipeline.previews.waveform import peak_envelope
from pipeline.settings import Settings
from tests.wav import write_wav


@dataclass
class Array:
    """A sound in memory that notes how much was ever read at once."""

    samples: Samples
    rate: int = 8000
    most: int = 0

    @property
    def frames(self) -> int:
        return len(self.samples)

    def read(self, start: int, stop: int) -> Samples:
        self.most = max(self.most, stop - start)
        return self.samples[start:stop]


def test_a_stroke_stands_in_its_own_hundredth_of_a_second() -> None:
    sound = Array(np.zeros(8000 * 5 + 33, dtype=np.float32))
    sound.samples[round(2.345 * 8000)] = -0.5
    sound.samples[8000 * 5 + 32] = 0.25
    drawn = peak_envelope(sound)
    levels = np.frombuffer(drawn.levels, dtype=np.uint8)
    assert drawn.step == 0.01
    assert len(levels) == 501
    assert drawn.duration == pytest.approx(5 + 33 / 8000)
    assert {int(i): int(levels[i]) for i in np.flatnonzero(levels)} == {234: 255, 500: 128}


@pytest.mark.parametrize("minutes", [1, 90])
def test_length_becomes_neither_memory_nor_bytes(minutes: int) -> None:
    sound = Array(np.zeros(100 * 60 * minutes, dtype=np.float32), rate=100)
    sound.samples[-1] = 1.0
    drawn = peak_envelope(sound, limit=10_000)
    assert len(drawn.levels) <= 10_000
    assert len(drawn.levels) * drawn.step == pytest.approx(minutes * 60, abs=drawn.step)
    assert drawn.levels[-1] == 255
    assert sound.most <= 1 << 20


def test_nothing_is_drawn_of_nothing() -> None:
    assert peak_envelope(Array(np.zeros(0, dtype=np.float32))).levels == b""
    assert set(peak_envelope(Array(np.zeros(800, dtype=np.float32))).levels) == {0}


def test_the_pages_call_draws_both_files(
    sample_pair: tuple[Path, Path], settings: Settings, tmp_path: Path
) -> None:
    out = tmp_path / "new folder" / "waveforms.json"
    arguments = {"dance": str(sample_pair[0]), "reference": str(sample_pair[1]), "out": str(out)}
    assert call("waveforms", arguments, timeout=60).reason is None
    assert [path.name for path in out.parent.iterdir()] == ["waveforms.json"]
    found = json.loads(out.read_text())
    for role in ("dance", "reference"):
        one = found[role]
        levels = base64.b64decode(one["levels"])
        assert max(levels) == 255
        assert len(levels) * one["step"] == pytest.approx(one["duration"], abs=one["step"])


def test_a_mute_file_has_no_waveform_and_no_media_an_error(
    sample_pair: tuple[Path, Path], settings: Settings, tmp_path: Path
) -> None:
    mute, out = tmp_path / "mute.wav", tmp_path / "waveforms.json"
    write_wav(mute, np.zeros(16000), 8000)
    arguments = {"dance": str(sample_pair[0]), "reference": str(mute), "out": str(out)}
    assert call("waveforms", arguments, timeout=60).reason is None
    assert json.loads(out.read_text())["reference"] is None
    mute.write_bytes(b"no media" * 500)
    out.unlink()
    assert call("waveforms", arguments, timeout=60).reason == reasons.NOT_MEDIA
    assert not out.exists()
