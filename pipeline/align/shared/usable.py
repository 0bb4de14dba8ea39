"""Whether a dance's sound can be aligned at all, and if not, what is wrong with it where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline import reasons
from pipeline.align.sounds.signal import duration, spans
from pipeline.model import Sound

SHORTEST_SECONDS = 1.5
"""Seconds of sound below which there is nothing to align."""
SILENT_DB = -78.0
"""Mean level below which a second is silent (16-bit noise lies near -98 dB)."""
RUMBLE_HZ, WIND_SHARE, RUMBLING_SHARE = 120.0, 0.97, 0.9
"""The share of the power below a frequency from which a second is wind or rumble, and the share of
such seconds from which there is nothing else."""


@dataclass(frozen=True)
class SoundReport:
    """What the sound of a file is like."""

    reason: str | None
    """A code of ``pipeline.reasons`` when it cannot be used, else None."""
    detail: str
    """One English sentence: which part was looked at and why it does not serve."""


def describe_sound(dance: Sound) -> SoundReport:
    """Levels and spectrum second by second; no reference is needed, so it answers at once."""
    length = duration(dance)
    if length < SHORTEST_SECONDS:
        text = f"only {length:.1f} s of sound; at least {SHORTEST_SECONDS} s of music are needed"
        return SoundReport(reasons.TOO_SHORT, text)
    levels: list[float] = []
    rumbling: list[bool] = []
    for start, stop in spans(dance.frames, dance.rate):
        if stop - start < dance.rate // 2:
            continue
        part = dance.read(start, stop)
        part = part - part.mean()
        levels.append(float(10 * np.log10(np.mean(np.square(part)) + 1e-12)))
        power = np.square(np.abs(np.fft.rfft(part * np.hanning(len(part)))))
        deep = power[: int(RUMBLE_HZ * len(part) / dance.rate) + 1]
        rumbling.append(bool(deep.sum() > WIND_SHARE * power.sum()))
    level = np.array(levels)
    loud = np.flatnonzero(level > SILENT_DB)
    if len(loud) < SHORTEST_SECONDS:
        text = (
            f"{len(loud)} of {length:.0f} s have any sound: the loudest has "
            f"{level.max(initial=-120.0):.0f} dB of full scale; the microphone was muted or off"
        )
        return SoundReport(reasons.SILENT, text)
    first, last = float(loud[0]), min(float(loud[-1] + 1), length)
    mean = float(10 * np.log10(np.mean(10 ** (level[loud] / 10))))
    wind = np.array(rumbling)[loud]
    if float(wind.mean()) > RUMBLING_SHARE:
        text = (
            f"from {first:.0f} s to {last:.0f} s there is only wind or rumble "
            f"below {RUMBLE_HZ:.0f} Hz ({mean:.0f} dB of full scale)"
        )
        return SoundReport(reasons.NO_SHARED_MUSIC, text)
    text = f"sound from {first:.0f} s to {last:.0f} s at {mean:.0f} dB of full scale"
    return SoundReport(None, text)
