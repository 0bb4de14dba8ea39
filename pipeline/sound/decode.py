"""Decodes sound to raw samples in a scratch file, which is read back window by window.

Only the sound is decoded, at a low rate and mono, block by block (``pipeline.sound.pcm``); neither
the length of the file nor its picture becomes memory.

Sample 0 is the container's start (``pipeline.sound.timestamps``), and the encoder's delay is taken
away (the decoder drops the samples that the container marks as padding).
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from io import FileIO
from pathlib import Path

import av.error
import numpy as np

from pipeline import reasons
from pipeline.limits import Limits
from pipeline.media.info import NO_TRACK, AudioInfo, Bounds, Edit, Loudness, MediaInfo
from pipeline.media.opening import refuse, reopened
from pipeline.model import Progress, Samples
from pipeline.reasons import InputError
from pipeline.scratch import check_free
from pipeline.sound.loudness import LoudnessMeter, measured_beside
from pipeline.sound.pcm import FormChanged, NotASound, TooLate, mono_blocks

log = logging.getLogger(__name__)

RATE_HZ = 8000
"""Enough for beats, onsets and waveform correlation."""
MIN_SECONDS = 1.0
"""A shorter track holds no music to align."""
SILENT_PEAK = 10 ** (-60 / 20)
"""A track that never gets louder than this (-60 dB of full scale) is silent."""
SILENT_RMS = 10 ** (-50 / 20)
"""Below this root mean square (-50 dB of full scale) the reference's start or end is silence."""


@dataclass(frozen=True)
class PcmSound:
    """Mono sound in a file of 16-bit samples; a ``pipeline.model.Sound``."""

    path: Path
    rate: int
    """Hertz."""
    frames: int
    """Samples."""
    stream: int
    """The index of the decoded track in its container."""
    peak: float
    """The largest absolute sample, full scale is 1."""
    rms: float
    """Root mean square of all samples."""
    loudness: Loudness | None = None
    """The whole track's, by EBU R 128; measured of references only."""
    digest: bytes = b""
    """Of all samples: tracks with the same one sound the same."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames / self.rate

    @cached_property
    def _file(self) -> FileIO:
        """Opened once: a method reads thousands of windows, and opening takes longer than that."""
        return FileIO(self.path)

    def read(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop``, float32 of shape (stop - start,); zeros outside."""
        out = np.zeros(max(0, stop - start), dtype=np.float32)
        first, last = max(0, start), min(self.frames, stop)
        if first < last:
            data = os.pread(self._file.fileno(), 2 * (last - first), 2 * first)
            raw = np.frombuffer(data, dtype="<i2")
            out[first - start : first - start + len(raw)] = raw
            out /= 32768.0
        return out


def decode_sound(
    path: Path,
    info: MediaInfo,
    scratch: Path,
    *,
    settings: Limits,
    rate: int = RATE_HZ,
    number: int | None = None,
    loudness: bool = False,
    progress: Progress | None = None,
) -> PcmSound:
    """The loudest of ``decode_tracks``, or the one of this ``number``; raises what it raises."""
    best, *others = decode_tracks(
        path,
        info,
        scratch,
        settings=settings,
        rate=rate,
        number=number,
        loudness=loudness,
        progress=progress,
    )
    for other in others:
        other.path.unlink()
    return best


def decode_tracks(
    path: Path,
    info: MediaInfo,
    scratch: Path,
    *,
    settings: Limits,
    rate: int = RATE_HZ,
    number: int | None = None,
    loudness: bool = False,
    progress: Progress | None = None,
) -> tuple[PcmSound, ...]:
    """Decodes the sound tracks of ``path`` to mono at ``rate`` hertz, into the folder ``scratch``:
    those that are not silent, each sound once, the loudest first (by its root mean square).

    ``number`` (from 1) asks for that track alone. With ``loudness`` that is measured in the same
    pass, at twice the cost. Raises ``InputError`` when no track is left: ``no_track``,
    ``unreadable``, ``unsupported``, ``silent``, ``too_short``, ``too_long`` or ``out_of_memory``,
    the reason of the first one; and ``disk_full``.
    """
    tracks = info.sounds
    if number is not None:
        tracks = tracks[number - 1 : number] if number > 0 else ()
        if not tracks:
            raise refuse(
                reasons.NO_TRACK,
                info.role,
                f"has {len(info.sounds)} sound tracks; there is no track {number}",
            )
    sounds: list[PcmSound] = []
    refused = [] if tracks else [refuse(reasons.NO_SOUND, info.role, "has no sound")]
    for place, track in enumerate(tracks):

        def part(done: float, place: int = place) -> None:
            if progress is not None:
                progress((place + done) / len(tracks))

        try:
            sound = _decode(path, info, track, scratch, settings, rate, loudness, part)
            if sound.peak < SILENT_PEAK and track.channels > 1:
                # A microphone wired to both channels with opposite signs is nothing in their mean.
                sound = _decode(
                    path, info, track, scratch, settings, rate, loudness, part, left=True
                )
            _check_usable(sound, info)
        except InputError as error:
            if error.reason == reasons.DISK_FULL:
                raise
            log.info("sound track %d of the %s is left out: %s", place + 1, info.role, error)
            refused.append(error)
            continue
        if any(sound.digest == other.digest for other in sounds):
            sound.path.unlink()
        else:
            sounds.append(sound)
    if not sounds:
        raise refused[0]
    return tuple(sorted(sounds, key=lambda sound: -sound.rms))


def _check_usable(sound: PcmSound, info: MediaInfo) -> None:
    if sound.peak < SILENT_PEAK:
        sound.path.unlink()
        raise refuse(
            reasons.SILENT,
            info.role,
            "is silent or far too quiet; choose one in which the music can be heard",
        )
    if sound.duration < MIN_SECONDS:
        sound.path.unlink()
        raise refuse(
            reasons.TOO_SHORT, info.role, f"has only {sound.duration:.2f} s of sound; record more"
        )


def silence(info: MediaInfo, scratch: Path, *, rate: int = RATE_HZ) -> PcmSound:
    """As much silence as the file is long, for a dance whose sound does not serve.

    Its ``stream`` is ``NO_TRACK``. The file in ``scratch`` is sparse: it takes no space.
    """
    path = scratch / f"{info.role}-silence.pcm"
    frames = round(info.duration * rate)
    with path.open("wb") as file:
        file.truncate(2 * frames)
    return PcmSound(path, rate, frames, NO_TRACK, 0.0, 0.0)


def _decode(
    path: Path,
    info: MediaInfo,
    track: AudioInfo,
    scratch: Path,
    settings: Limits,
    rate: int,
    with_loudness: bool,
    progress: Progress,
    *,
    left: bool = False,
) -> PcmSound:
    target = scratch / f"{info.role}-{track.index}-{rate}.s16"
    max_seconds = settings.max_duration + 60
    start = info.start_time
    expected = max(1, int(info.duration * rate))
    meter = LoudnessMeter() if with_loudness else None
    peak, energy, frames = 0, 0.0, 0
    digest = hashlib.blake2b(digest_size=16)
    too_long = refuse(reasons.TOO_LONG, info.role, "goes on for longer than it says; cut it")
    try:
        stored = bool(track.edits)
        with (
            reopened(path, info, settings=settings, as_stored=stored) as container,
            target.open("wb") as out,
            measured_beside(meter.measure) if meter else nullcontext() as on_frame,
        ):
            if stored:  # by the media's own clock, which begins at 0
                info = replace(info, start_time=0.0)
            for block in mono_blocks(
                container, info, track, rate, max_seconds, on_frame, left=left
            ):
                check_free(scratch, block.nbytes)
                data = block.astype("<i2", copy=False).tobytes()
                digest.update(data)
                out.write(data)
                samples = block.astype(np.float32)
                peak = max(peak, int(np.abs(samples).max(initial=0)))
                energy += float(samples @ samples)
                frames += len(samples)
                progress(min(1.0, frames / expected))
                if frames > max_seconds * rate:
                    raise too_long
    except TooLate:
        raise too_long from None
    except FormChanged:
        raise refuse(
            reasons.UNSUPPORTED,
            info.role,
            "changes its sampling rate or its channels in the middle; export it again",
        ) from None
    except NotASound:
        raise refuse(
            reasons.UNREADABLE,
            info.role,
            "has samples that are no numbers, or far above full scale; export it again",
        ) from None
    except MemoryError as error:
        raise refuse(
            reasons.OUT_OF_MEMORY,
            info.role,
            "has sound that cannot be decoded in the memory of a task",
            detail=str(error),
        ) from error
    except (av.error.FFmpegError, ValueError) as error:
        # A damaged stretch ends decoding early; what was decoded before it can be enough.
        if frames < rate:
            raise refuse(
                reasons.UNREADABLE,
                info.role,
                "has sound that cannot be decoded; export it again",
                detail=str(error),
            ) from error
        log.warning("the %s's sound ends early: %r", info.role, error)
    if track.edits:
        frames = _edit(target, track.edits, start, rate, frames)
    return PcmSound(
        path=target,
        rate=rate,
        frames=frames,
        stream=track.index,
        peak=peak / 32768.0,
        rms=math.sqrt(energy / max(1, frames)) / 32768.0,
        loudness=meter.result() if meter is not None else None,
        digest=digest.digest(),
    )


def _edit(path: Path, edits: Sequence[Edit], start: float, rate: int, frames: int) -> int:
    """Keeps of the media's samples in ``path`` those that ``edits`` show, from the container's
    ``start`` on (seconds), and returns how many there are."""
    media = path.with_suffix(".media")
    path.rename(media)
    samples = np.memmap(media, dtype="<i2", mode="r", shape=(frames,))
    with path.open("wb") as out:
        for edit in edits:
            begin = round(edit.media * rate)
            shown = samples[begin : begin + round(edit.length * rate)]
            out.truncate(max(0, 2 * round((edit.shown - start) * rate)))
            out.seek(0, os.SEEK_END)
            for first in range(0, len(shown), rate):
                block = shown[first : first + rate]
                check_free(path.parent, block.nbytes)
                out.write(block.tobytes())
    media.unlink()
    return path.stat().st_size // 2


def music_bounds(sound: PcmSound, *, hop: float = 0.02) -> Bounds:
    """Finds leading and trailing silence in steps of ``hop`` seconds.

    A step is silent when its root mean square is under -50 dB of full scale and also under a
    thousandth (-60 dB) of the track's own level, so that quiet recordings keep their music.
    """
    size = max(1, round(hop * sound.rate))
    floor = min(SILENT_RMS, max(sound.rms * 1e-2, 1e-5))
    loud_first: int | None = None
    loud_last = 0
    chunk = size * 5000
    for start in range(0, sound.frames, chunk):
        window = sound.read(start, min(start + chunk, sound.frames))
        steps = window[: len(window) // size * size].reshape(-1, size)
        loud = np.flatnonzero(np.sqrt(np.mean(steps**2, axis=1)) > floor)
        if len(loud):
            first = start // size + int(loud[0])
            loud_first = first if loud_first is None else loud_first
            loud_last = start // size + int(loud[-1]) + 1
    if loud_first is None:
        return Bounds(sound.duration, 0.0, sound.duration)
    end = min(sound.duration, loud_last * size / sound.rate)
    return Bounds(sound.duration, loud_first * size / sound.rate, end)
