"""The sample pair: an original tune with a clear beat, and a drawn figure that dances to it.

The *reference* is the tune as it was made; the *dance* is a "filmed" video of the figure
whose sound is the same tune, started at another time and degraded as by a phone in a hall:
band limits, reflections, noise, claps. Everything is drawn and synthesised here from fixed
numbers, so that two calls make the same pair. The figure lands on each beat and the floor
lights up on the first of each bar, so that one sees whether a result is in sync.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from moviepy import VideoClip
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from pipeline.media import ffmpeg
from pipeline.sample.tune import BEAT_SECONDS, RATE_HZ, tune

WIDTH_PIXELS, HEIGHT_PIXELS, FRAME_RATE_HZ = 320, 240, 25
DANCE_SECONDS = 22.0
OFFSET_SECONDS = 3.2
"""The reference's time at which the filming begins: reference_time = dance_time + 3.2."""
KEY_FRAME_PICTURES = 50
"""Pictures between key frames."""

Picture = NDArray[np.uint8]


def make_sample(folder: Path) -> tuple[Path, Path]:
    """Writes ``sample_dance.mp4`` (H.264, 320×240) and ``sample_reference.m4a`` into ``folder``
    and returns their paths. The true map is ``reference_time = dance_time + OFFSET_SECONDS``.

    Raises ``FfmpegError`` and ``OSError``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    music = tune()
    reference = folder / "sample_reference.m4a"
    _encode_sound(music, reference, bit_rate="192k")
    recorded = folder / "sample_recorded.m4a"
    silent = folder / "sample_silent.mp4"
    dance = folder / "sample_dance.mp4"
    try:
        _encode_sound(filmed(music), recorded, bit_rate="96k")
        _draw(silent)
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


def _encode_sound(samples: NDArray[np.float32], target: Path, *, bit_rate: str) -> None:
    arguments = [
        *("-f", "f32le", "-ar", str(RATE_HZ), "-ac", "2", "-i", "pipe:0"),
        *("-c:a", "aac", "-b:a", bit_rate, "-fflags", "+bitexact", "-flags:a", "+bitexact"),
        *("-movflags", "+faststart", "-y", ffmpeg.file_url(target)),
    ]
    with ffmpeg.process(arguments, write=True) as pipe:
        pipe.write(samples.astype("<f4").tobytes())


def _draw(target: Path) -> None:
    clip = VideoClip(frame_at, duration=DANCE_SECONDS)
    clip.write_videofile(
        str(target),
        fps=FRAME_RATE_HZ,
        codec="libx264",
        audio=False,
        preset="veryfast",
        ffmpeg_params=[
            "-crf",
            "26",
            "-g",
            str(KEY_FRAME_PICTURES),
            "-pix_fmt",
            "yuv420p",
            "-threads",
            "1",
        ],
        logger=None,
    )
    clip.close()


def frame_at(seconds: float) -> Picture:
    """The picture at ``seconds`` of dance time, shape (240, 320, 3)."""
    beats = (seconds + OFFSET_SECONDS) / BEAT_SECONDS
    phase = beats % 1.0
    bar = int(beats) % 4
    flash = math.exp(-5 * phase) * (1.0 if bar == 0 else 0.35)
    frame = np.empty((HEIGHT_PIXELS, WIDTH_PIXELS, 3), dtype=np.uint8)
    wall = np.linspace(48, 84, HEIGHT_PIXELS)[:, None] * np.array([0.55, 0.6, 1.0])
    frame[:] = wall[:, None, :]
    floor = np.array([96, 72, 60]) + flash * np.array([150, 120, 40])
    frame[190:] = np.clip(floor, 0, 255)
    for light in range(4):  # four lamps count the bar
        colour = (255, 220, 90) if light == bar else (70, 70, 90)
        _disc(frame, 100 + 40 * light, 22, 9, colour)
    _figure(frame, int(beats), phase)
    return frame


def _figure(frame: Picture, beat: int, phase: float) -> None:
    """A figure of lines that jumps between beats and lands on each, arms in turn up and down."""
    side = 1 if beat % 2 == 0 else -1
    rise = 26 * math.sin(math.pi * phase)
    sway = side * 14 * math.cos(math.pi * phase)
    x, hip = 160 + sway, 148 - rise
    skin, cloth = (250, 215, 180), (235, 80, 95)
    spread = 22 - 8 * math.sin(math.pi * phase)
    for foot in (-1, 1):
        _line(frame, (x, hip), (x + foot * spread, 190 - rise), 4, (60, 90, 190))
    neck = hip - 46
    _line(frame, (x, hip), (x, neck), 6, cloth)
    for arm in (-1, 1):
        up = arm == side
        reach = (x + arm * 36, neck - 30 if up else neck + 26)
        _line(frame, (x, neck + 6), reach, 3, skin)
    _disc(frame, x, neck - 13, 12, skin)


def _disc(frame: Picture, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
    rows, columns = np.ogrid[:HEIGHT_PIXELS, :WIDTH_PIXELS]
    frame[(columns - x) ** 2 + (rows - y) ** 2 <= radius**2] = colour


def _line(
    frame: Picture,
    start: tuple[float, float],
    end: tuple[float, float],
    width: float,
    colour: tuple[int, int, int],
) -> None:
    """A thick line: all pixels near the segment."""
    rows, columns = np.ogrid[:HEIGHT_PIXELS, :WIDTH_PIXELS]
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    along = np.clip(((columns - start[0]) * dx + (rows - start[1]) * dy) / length, 0, 1)
    distance = (columns - start[0] - along * dx) ** 2 + (rows - start[1] - along * dy) ** 2
    frame[distance <= width**2] = colour
