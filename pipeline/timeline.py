"""Where decoded samples lie in time: where the container's stamps say, but for their jitter.

Sample 0 is the container's start: a track that starts late begins with zeros, gaps are filled
with zeros, and what overlaps is cut. Stamps are never stretched: a small disagreement is jitter
of the container's clock, not sound.
"""

from __future__ import annotations

from pipeline.media import AudioInfo

GAP = 0.01
"""Jumps of the time stamps larger than this are gaps (seconds)."""
VORBIS_GAP = 0.05
"""The same for Vorbis. libavformat stamps the packet between a long and a short block of an Ogg
file too late by a quarter of their difference and the next one right: 10.2 ms at 44.1 kHz as
libvorbis encodes it, at most 46 ms at the largest block that the format knows."""
MONO = "osf=s16:ochl=mono:rematrix_maxval=1"
STEREO = "osf=flt:ochl=stereo:rematrix_maxval=1"
"""Forms for ``converted``; mixing down never exceeds full scale."""


def largest_jitter(track: AudioInfo) -> float:
    """By how much the stamps of ``track`` may jump where no sound is missing (seconds)."""
    return VORBIS_GAP if track.codec == "vorbis" else GAP


def converted(rate: int, form: str) -> str:
    """``aresample``'s options that change the rate to ``rate`` hertz, and the ``form``."""
    return f"{rate}:{form}"


def filled(rate: int, first: int, jitter: float) -> str:
    """``aresample``'s options that begin with sample ``first`` and fill what is missing.

    ``first`` counts samples of this filter's *input* (that is how ``first_pts`` counts), so the
    rate has to be changed before it.
    """
    return f"{rate}:async=1:min_hard_comp={jitter}:first_pts={first}"


def timeline(start_time: float, track: AudioInfo, rate: int, form: str) -> str:
    """The filters that resample ``track`` to ``rate`` hertz, sample 0 at the container's start
    (``start_time`` seconds by its stamps)."""
    fill = filled(rate, round(start_time * rate), largest_jitter(track))
    return f"aresample={converted(rate, form)},aresample={fill}"
