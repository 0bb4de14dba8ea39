"""Music that was danced to in another key than the reference's: found, and said."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import pytest

from pipeline.job import warnings
from pipeline.job.answer_json import segment_from_json, segment_to_json
from pipeline.job.model import Job
from pipeline.job.run import run
from pipeline.media import ffmpeg
from pipeline.model import Alignment, Segment
from pipeline.settings import Settings

SECONDS = "14"
"""Of dance and song: looking at every key of the whole pair takes four times as long."""


def first(path: Path, folder: Path) -> Path:
    """The beginning of a file."""
    out = folder / path.name
    ffmpeg.run(
        ["-nostdin", "-t", SECONDS, "-i", ffmpeg.file_url(path), "-c", "copy", ffmpeg.file_url(out)]
    )
    return out


def higher(song: Path, semitones: int, folder: Path) -> Path:
    """The song in another key, as a FLAC."""
    out = folder / "other key.flac"
    chain = f"rubberband=pitch={2 ** (semitones / 12):.9f}"
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", f"file:{song}", "-vn",
         "-af", chain, f"file:{out}"],
        check=True, timeout=120,
    )  # fmt: skip
    return out


def test_a_job_says_that_the_key_is_another(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    dance, song = (first(path, tmp_path) for path in sample_pair)
    reference = higher(song, 2, tmp_path)
    job = Job(dance, reference, tmp_path, "x", tmp_path / "scratch", align_only=True)
    outcome = run(job, lambda event: None, Settings())
    assert outcome.matched
    assert outcome.warnings == ({"code": "other_key", "semitones": -2.0},)
    assert "another key" in warnings.text(outcome.warnings[0])
    assert "(semitones: about -2)" in warnings.text(outcome.warnings[0])
    same = run(replace(job, reference=song), lambda event: None, Settings())
    assert same.matched and same.warnings == ()
    assert abs(outcome.alignment["offset"] - same.alignment["offset"]) < 0.045
    json.dumps(outcome.to_json(), allow_nan=False)


@pytest.mark.parametrize("semitones", [0.0, 3.0])
def test_the_key_is_that_of_the_longest_stretch_and_is_kept(semitones: float) -> None:
    segments = (Segment(0, 5, 1.0), Segment(5, 30, 2.0, semitones=semitones))
    answer = Alignment(matched=True, confidence=0.9, segments=segments, variants={})
    told = [{"code": "other_key", "semitones": 3.0}] if semitones else []
    assert warnings.other_key(answer) == told
    assert tuple(segment_from_json(segment_to_json(s)) for s in segments) == segments
    old = {"dance_start": 0, "dance_end": 5, "offset": 1.0}  # of a record without keys
    assert segment_from_json(old) == segments[0]
