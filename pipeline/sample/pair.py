"""The sample pair: an original tune with a clear beat, and drawn figures that dance to it.

The *reference* is the tune as it was made; the *dance* is a "filmed" video of the figures
whose sound is the same tune, started at another time and degraded as by a phone in a hall:
band limits, reflections, noise, claps. Everything is drawn and synthesised here from fixed
numbers, so that two calls make the same pair. The figures land on each beat, so that one sees
whether a result is in sync (``figure``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from moviepy import VideoClip
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from pipeline.media import ffmpeg
from pipeline.sample.figure import Picture, draw
from pipeline.sample.tune import BEAT_SECONDS, RATE_HZ, tune

WIDTH_PIXELS, HEIGHT_PIXELS, FRAME_RATE_HZ = 320, 240, 25
DANCE_SECONDS = 22.0
OFFSET_SECONDS = 3.2
"""The reference's time at which the filming begins: reference_time = dance_time + 3.2."""
KEY_FRAME_PICTURES = 50
"""Pictures between key frames."""


@dataclass(frozen=True)
class Quality:
    """How many bytes the pair is worth: bit rates of the sounds, and x264's factor and preset."""

    reference_bit_rate: str = "192k"
    dance_bit_rate: str = "96k"
    factor: str = "26"
    preset: str = "veryfast"


LARGE = Quality()
SMALL = Quality("80k", "48k", "33", "slow")
"""As the repository holds it (``ui/assets``)."""


def make_sample(folder: Path, quality: Quality = LARGE) -> tuple[Path, Path]:
    """Writes ``sample_dance.mp4`` (H.264, 320×240) and ``sample_reference.m4a`` into ``folder``
    and returns their paths. The true map is ``reference_time = dance_time + OFFSET_SECONDS``.

    Raises ``FfmpegError`` and ``OSError``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    music = tune()
    reference = folder / "sample_reference.m4a"
    encode_sound(music, reference, bit_rate=quality.reference_bit_rate)
    recorded = folder / "sample_recorded.m4a"
    silent = folder / "sample_silent.mp4"
    dance = folder / "sample_dance.mp4"
    try:
        encode_sound(filmed(music), recorded, bit_rate=quality.dance_bit_rate)
        _draw(silent, quality)
        ffmpeg.run(
            [
                *("-nostdin", "-y", "-i", ffmpeg.file_url(silent)),
                *("-i", ffmpeg.file_url(recorded)),
                *("-map", "0:v:0", "-map", "1:a:0", "-c", "copy", "-movflags", "+faststart"),
                ffmpeg.file_url(dance),
            ]
        )
    finally:
        recorded.unlink(missing_ok=True)
        silent.unlink(missing_ok=True)
    return dance, reference


def filmed(music: NDArray[np.float32]) -> NDArray[np.float32]:
    """The tune as a phone records it in a hall: mono in both channels, shape (samples, 2)."""
    noise = np.random.default_rng(5)
    start = round(OFFSET_SECONDS * RATE_HZ)
    clean = music[start : start + round(DANCE_SECONDS * RATE_HZ)].mean(axis=1)
    tail = round(0.4 * RATE_HZ)
    reflections = noise.standard_normal(tail) * np.exp(-np.arange(tail) / (0.09 * RATE_HZ)) * 0.025
    reflections[0] = 1.0
    recorded = fftconvolve(clean, reflections)[: len(clean)]
    recorded = sosfilt(butter(2, (160, 5500), "bandpass", fs=RATE_HZ, output="sos"), recorded)
    recorded = np.tanh(1.6 * recorded / np.abs(recorded).max()) * 0.5
    recorded += noise.standard_normal(len(recorded)) * 0.02
    for number in range(6):  # people clap, not quite on the beat
        at = round((2.1 + 3.3 * number) * RATE_HZ)
        burst = noise.standard_normal(round(0.03 * RATE_HZ)) * 0.25
        recorded[at : at + len(burst)] += burst * np.exp(-np.linspace(0, 6, len(burst)))
    return np.repeat(np.clip(recorded, -1, 1)[:, None], 2, axis=1).astype(np.float32)


def encode_sound(samples: NDArray[np.float32], target: Path, *, bit_rate: str) -> None:
    """Samples of shape (samples, 2) as AAC in an MP4, the same bytes at every call."""
    arguments = [
        *("-f", "f32le", "-ar", str(RATE_HZ), "-ac", "2", "-i", "pipe:0"),
        *("-c:a", "aac", "-b:a", bit_rate, "-fflags", "+bitexact", "-flags:a", "+bitexact"),
        *("-movflags", "+faststart", "-y", ffmpeg.file_url(target)),
    ]
    with ffmpeg.process(arguments, write=True) as pipe:
        pipe.write(samples.astype("<f4").tobytes())


def _draw(target: Path, quality: Quality) -> None:
    clip = VideoClip(frame_at, duration=DANCE_SECONDS)
    clip.write_videofile(
        str(target),
        fps=FRAME_RATE_HZ,
        codec="libx264",
        audio=False,
        preset=quality.preset,
        ffmpeg_params=[
            *("-crf", quality.factor, "-g", str(KEY_FRAME_PICTURES)),
            *("-pix_fmt", "yuv420p", "-threads", "1"),
        ],
        logger=None,
    )
    clip.close()


def frame_at(seconds: float) -> Picture:
    """The picture at ``seconds`` of dance time, shape (240, 320, 3)."""
    return draw((seconds + OFFSET_SECONDS) / BEAT_SECONDS, WIDTH_PIXELS, HEIGHT_PIXELS)
