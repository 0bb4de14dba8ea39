"""Estimates the level of a file's sound tracks from short windows spread over it.

So it is shown at once, however long the file is; the task decodes all of it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from pipeline.limits import Limits
from pipeline.media.info import AudioInfo, MediaInfo
from pipeline.media.opening import reopened
from pipeline.reasons import InputError
from pipeline.sound.decode import RATE_HZ, SILENT_PEAK, decode_tracks
from pipeline.sound.pcm import FormChanged, NotASound, TooLate, mono_blocks

log = logging.getLogger(__name__)

WINDOW_COUNT = 12
WINDOW_SECONDS = 2.5

_UNDECODABLE = (av.error.FFmpegError, FormChanged, NotASound, TooLate)

Windows = NDArray[np.int16]
"""Shape (samples,), mono at ``RATE_HZ`` hertz."""


def levels(
    path: Path,
    info: MediaInfo,
    scratch: Path,
    *,
    settings: Limits,
    before_all: Callable[[MediaInfo], None] = lambda info: None,
) -> list[float | None]:
    """The level of each sound track (root mean square, decibels of full scale); None for a silent
    one, and for one that is the same as an earlier one.

    Where all windows are silent, all is decoded, into the folder ``scratch`` and after
    ``before_all`` was called: raises what ``decode_tracks`` raises.
    """
    found = [_windows(path, info, track, settings) for track in info.sounds]
    if any(_peak(samples) >= SILENT_PEAK for samples in found):
        seen: set[bytes] = set()
        result: list[float | None] = []
        for samples in found:
            new = samples.tobytes() not in seen and _peak(samples) >= SILENT_PEAK
            result.append(_decibels(_rms(samples)) if new else None)
            seen.add(samples.tobytes())
        return result
    before_all(info)
    decoded = {s.stream: s.rms for s in decode_tracks(path, info, scratch, settings=settings)}
    return [
        _decibels(decoded[track.index]) if track.index in decoded else None for track in info.sounds
    ]


def _windows(path: Path, info: MediaInfo, track: AudioInfo, settings: Limits) -> Windows:
    """Samples of the track, none from where it cannot be decoded."""
    wanted = round(WINDOW_SECONDS * RATE_HZ)
    found = [np.zeros(0, dtype=np.int16)]
    try:
        with reopened(path, info, settings=settings) as container:
            for place in np.linspace(0.0, max(0.0, info.duration - WINDOW_SECONDS), WINDOW_COUNT):
                begin = info.start_time + float(place)
                container.seek(round(begin * av.time_base))
                window = replace(info, start_time=begin)
                left = wanted
                for block in mono_blocks(container, window, track, RATE_HZ, info.duration):
                    found.append(block[:left])
                    left -= len(found[-1])
                    if not left:
                        break
    except (*_UNDECODABLE, InputError, MemoryError, ValueError) as error:
        log.info("no windows of track %d: %r", track.index, error)
        found = found[:1]
    return np.concatenate(found)


def _peak(samples: Windows) -> float:
    return float(np.abs(samples.astype(np.float32)).max(initial=0.0)) / 32768.0


def _rms(samples: Windows) -> float:
    return math.sqrt(float(np.mean(samples.astype(np.float64) ** 2))) / 32768.0


def _decibels(rms: float) -> float:
    return round(20 * math.log10(max(rms, 1e-6)), 1)
