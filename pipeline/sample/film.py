"""The film of first sight: six seconds of the sample's dance, with both of its sounds.

One MP4: the picture, and a stereo track whose left channel is the phone's sound and whose right
channel is the clean song. A page that plays one of the two channels can change to the other at
any moment without a gap, and nothing has to be kept in step.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from moviepy import VideoClip
from numpy.typing import NDArray

from pipeline.media import ffmpeg
from pipeline.sample.figure import draw
from pipeline.sample.pair import OFFSET_SECONDS, encode_sound, filmed
from pipeline.sample.tune import BEAT_SECONDS, RATE_HZ, tune

WIDTH_PIXELS, HEIGHT_PIXELS, FRAME_RATE_HZ = 960, 540, 30
FIRST_BEAT, BEATS = 16, 12
"""Three bars: the figures' moves begin anew after as many beats, so that the film goes round."""
FILM_SECONDS = BEATS * BEAT_SECONDS
PHONE_LEVEL, SONG_LEVEL = 0.09, 0.13
"""Root mean square of each sound (full scale 1): about as loud as each other to the ear."""


def make_film(target: Path) -> Path:
    """Writes the film to ``target`` (MP4, H.264 and AAC, about six seconds) and returns its path.

    Raises ``FfmpegError`` and ``OSError``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    silent, sounds = target.with_suffix(".silent.mp4"), target.with_suffix(".sounds.m4a")
    try:
        encode_sound(both_sounds(), sounds, bit_rate="96k")
        clip = VideoClip(_picture, duration=FILM_SECONDS)
        clip.write_videofile(
            str(silent),
            fps=FRAME_RATE_HZ,
            codec="libx264",
            audio=False,
            preset="slow",
            ffmpeg_params=["-crf", "29", "-tune", "animation", "-pix_fmt", "yuv420p"],
            logger=None,
        )
        clip.close()
        ffmpeg.run(
            [
                *("-nostdin", "-y", "-i", ffmpeg.file_url(silent), "-i", ffmpeg.file_url(sounds)),
                *("-map", "0:v:0", "-map", "1:a:0", "-c", "copy", "-movflags", "+faststart"),
                ffmpeg.file_url(target),
            ]
        )
    finally:
        silent.unlink(missing_ok=True)
        sounds.unlink(missing_ok=True)
    return target


def both_sounds() -> NDArray[np.float32]:
    """The phone's sound (left) and the clean song (right) of the film, shape (samples, 2)."""
    music = tune()
    start, count = round(FIRST_BEAT * BEAT_SECONDS * RATE_HZ), round(FILM_SECONDS * RATE_HZ)
    skipped = start - round(OFFSET_SECONDS * RATE_HZ)
    phone = filmed(music)[skipped : skipped + count, 0]
    song = music[start : start + count].mean(axis=1)
    sounds = [
        np.clip(sound * level / np.sqrt(np.mean(sound**2)), -1, 1)
        for sound, level in ((phone, PHONE_LEVEL), (song, SONG_LEVEL))
    ]
    return np.stack(sounds, axis=1).astype(np.float32)


def _picture(seconds: float) -> NDArray[np.uint8]:
    return draw(FIRST_BEAT + seconds / BEAT_SECONDS, WIDTH_PIXELS, HEIGHT_PIXELS)
