"""The result's sound as blocks of samples: pieces, fades, room sound and ducking.

Each piece is decoded (and stretched) by an ffmpeg of its own that writes into our pipe; the
sum is made here, block by block, so that every sample's place is known and memory does not
grow with length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pipeline.limits import Limits
from pipeline.media import ffmpeg
from pipeline.media.info import AudioInfo, MediaInfo
from pipeline.plan.render_plan import Piece, RenderPlan
from pipeline.sound.timestamps import STEREO, timeline

RATE_HZ = 48000
"""Of every result."""
CHANNELS = 2
BLOCK_SAMPLES = RATE_HZ
"""How much is mixed at a time."""
DUCK_STEP_SAMPLES = RATE_HZ // 100
"""From one value of the ducking gain to the next (10 ms)."""
DUCK_THRESHOLD_DB = -36.0
"""Music louder than this pushes the room sound down (decibels, root mean square)."""
DUCK_SLOPE = 0.5
"""Decibels of ducking for each decibel above the threshold."""
DUCK_DEPTH_DB = 9.0
"""The most that the room sound is lowered (decibels)."""
ATTACK_SECONDS = 0.02
RELEASE_SECONDS = 0.3
"""Time constants of the ducking."""
RUBBERBAND = "transients=crisp:detector=compound:phase=laminar:pitchq=quality:channels=together"

STRETCH_LEAD_SECONDS = 0.027
"""Half of the stretcher's window (seconds). It places each window by its beginning, so what is in
the window's middle comes this much times (1 - 1/speed) late; measured on clicks (0.017 to
0.034, speeds 0.75 to 1.25) and on music (0.022 to 0.027)."""

RAW = ("-ar", str(RATE_HZ), "-f", "f32le", "pipe:1")
"""ffmpeg's output for 32-bit samples into our pipe."""

Block = NDArray[np.float32]
"""Shape (samples, 2), full scale 1."""


Place = tuple[Path, MediaInfo, int]
"""A file, its description and the index of one of its tracks."""


@dataclass(frozen=True)
class Sources:
    """The two files of a plan."""

    plan: RenderPlan
    dance: Path
    reference: Path
    settings: Limits

    def of(self, piece: Piece) -> Place:
        """The file, its description and the track that ``piece`` plays."""
        if piece.source == "dance":
            return self.dance, self.plan.dance, self.plan.sound.dance_stream
        return self.reference, self.plan.reference, self.plan.sound.reference_stream


def decode_arguments(piece: Piece, place: Place, settings: Limits, *more: str) -> list[str]:
    """ffmpeg's arguments that decode, stretch and place ``piece``; ``more`` are more filters.

    The output's own arguments have to follow.
    """
    path, info, stream = place
    stored = bool(_track(info, stream).edits)
    if stored:  # by the media's own clock, which begins at 0
        info = replace(info, start_time=0.0)
    return [
        # With more threads, frames that an edit list leaves out take others with them (FLAC, ALAC).
        *("-nostdin", "-copyts", "-vn", "-sn", "-dn", "-threads", "1"),
        *ffmpeg.input_arguments(path, settings, as_stored=stored),
        *("-map", f"0:{stream}", "-af", ",".join([_filters(piece, info, stream), *more])),
    ]


def _track(info: MediaInfo, stream: int) -> AudioInfo:
    return next(sound for sound in info.sounds if sound.index == stream)


def by_edits(piece: Piece, place: Place) -> list[Piece]:
    """The piece in parts that each lie within one edit of its track, by the media's clock; the
    piece itself where the track has none."""
    _, info, stream = place
    edits = _track(info, stream).edits
    if not edits:
        return [piece]
    parts: list[Piece] = []
    for edit in edits:
        shown = edit.shown - info.start_time
        begin = piece.start + (shown - piece.source_start) / piece.speed
        start = max(piece.start, begin)
        end = min(piece.end, begin + edit.length / piece.speed)
        if end > start:
            source = piece.source_start + (start - piece.start) * piece.speed - shown + edit.media
            parts.append(replace(piece, start=start, end=end, source_start=source))
    return parts


def _filters(piece: Piece, info: MediaInfo, stream: int) -> str:
    """The piece's filters; its first sample is that at ``source_start``."""
    length = (piece.end - piece.start) * piece.speed
    steady = info.role == "reference"
    if piece.stretch == "resample":
        # The samples are taken for ones of a rate that is ``speed`` times theirs. Rates are
        # whole numbers for ffmpeg, so both are scaled until the ratio is exact to 1e-9.
        own = _track(info, stream).rate
        first, last = _samples(info, piece, own, length)
        source, target = _ratio(piece.speed * own / RATE_HZ)
        chain = timeline(info.start_time, own, STEREO, steady=steady)
        return (
            f"{chain},atrim=start_pts={first}:end_pts={last},asetpts=N,asetrate={source},"
            f"aresample={target}:filter_size=64:phase_shift=12:linear_interp=1,asetrate={RATE_HZ}"
        )
    chain = timeline(info.start_time, RATE_HZ, STEREO, steady=steady)
    if piece.stretch == "pitch_kept":
        begin = piece.source_start + STRETCH_LEAD_SECONDS * (piece.speed - 1.0)
        missing = max(0, round(-begin * RATE_HZ))  # before the file's first sample
        first, last = _samples(info, replace(piece, source_start=max(0.0, begin)), RATE_HZ, length)
        return (
            f"{chain},atrim=start_pts={first}:end_pts={last},asetpts=N,"
            f"adelay=delays={missing}S:all=1,rubberband=tempo={piece.speed!r}:{RUBBERBAND}"
        )
    first, last = _samples(info, piece, RATE_HZ, length)
    return f"{chain},atrim=start_pts={first}:end_pts={last}"


def _samples(info: MediaInfo, piece: Piece, rate: int, length: float) -> tuple[int, int]:
    """First and last sample on the container's own clock; some more at the end, for filters."""
    first = round((info.start_time + piece.source_start) * rate)
    return first, first + math.ceil((length + 0.2) * rate)


def _ratio(value: float) -> tuple[int, int]:
    """Two whole rates near 48 kHz·n whose quotient is ``value`` to about 1e-9."""
    target = RATE_HZ * 1000
    return round(value * target), target


def blocks(sources: Sources) -> Iterator[Block]:
    """The whole result, block by block (the last one shorter). Raises ``FfmpegError``."""
    plan = sources.plan
    total = round(plan.duration * RATE_HZ)
    room = plan.sound.room_gain
    lift = 1.0
    with ExitStack() as stack:
        tracks = _tracks(plan.sound.pieces, sources, stack)
        original: list[_Track] = []
        if room > 0:
            begin = float(plan.picture.start * plan.picture.time_base) - plan.dance.start_time
            whole = Piece("dance", 0.0, plan.duration, begin)
            original = _tracks([whole], sources, stack)
        for start in range(0, total, BLOCK_SAMPLES):
            size = min(BLOCK_SAMPLES, total - start)
            music = np.zeros((size, CHANNELS), dtype=np.float32)
            other = np.zeros((size, CHANNELS), dtype=np.float32)
            share = np.zeros(size, dtype=np.float32)
            for track in tracks:
                into = music if track.piece.source == "reference" else other
                weight = track.add(start, into)
                if weight is not None and track.piece.source == "reference":
                    share = np.maximum(share, weight)
            if original:
                under = np.zeros((size, CHANNELS), dtype=np.float32)
                for track in original:
                    track.add(start, under)
                gain, lift = _ducking(music, lift)
                other += under * (room * gain * share)[:, None]
            yield music + other


def _tracks(pieces: Iterable[Piece], sources: Sources, stack: ExitStack) -> list[_Track]:
    return [
        _Track(part, piece, sources, stack)
        for piece in pieces
        for part in by_edits(piece, sources.of(piece))
    ]


class _Track:
    """One piece while it plays: its pipe, opened when the piece begins. It may be a part of a
    ``whole`` that is faded."""

    def __init__(self, piece: Piece, whole: Piece, sources: Sources, stack: ExitStack) -> None:
        self.piece = piece
        self._whole = whole
        self._sources = sources
        self._stack = stack
        self._pipe: IO[bytes] | None = None
        self._first = round(piece.start * RATE_HZ)
        self._last = round(piece.end * RATE_HZ)

    def add(self, start: int, into: Block) -> NDArray[np.float32] | None:
        """Adds what sounds from sample ``start`` on to ``into``; gives its fades, or None."""
        low, high = max(start, self._first), min(start + len(into), self._last)
        if low >= high:
            return None
        if self._pipe is None:
            own = self._stack.enter_context(ExitStack())
            sources = self._sources
            source = sources.of(self.piece)
            arguments = [*decode_arguments(self.piece, source, sources.settings), *RAW]
            self._pipe = own.enter_context(ffmpeg.process(arguments, partial=True))
            self._own = own
        raw = self._pipe.read((high - low) * CHANNELS * 4)
        samples = np.frombuffer(raw, dtype="<f4").reshape(-1, CHANNELS)
        begin, end = round(self._whole.start * RATE_HZ), round(self._whole.end * RATE_HZ)
        place = np.arange(low, low + len(samples)) - begin
        fades = _fades(place, end - begin, self._whole)
        gain = 10 ** (self.piece.gain_db / 20)
        into[low - start : low - start + len(samples)] += samples * (fades * gain)[:, None]
        if high == self._last:
            self._own.close()
        weight = np.zeros(len(into), dtype=np.float32)
        weight[low - start : low - start + len(samples)] = fades
        return weight


def _fades(place: NDArray[np.int64], length: int, piece: Piece) -> NDArray[np.float32]:
    """Equal-power fades (quarter sines) at the places ``place`` of a piece."""
    weight = np.ones(len(place), dtype=np.float32)
    for seconds, distance in ((piece.fade_in, place), (piece.fade_out, length - 1 - place)):
        if seconds > 0:
            ramp = np.clip((distance + 0.5) / (seconds * RATE_HZ), 0.0, 1.0)
            weight *= np.sin(ramp * (math.pi / 2)).astype(np.float32)
    return weight


def _ducking(music: Block, state: float) -> tuple[NDArray[np.float32], float]:
    """The room sound's linear gain for each sample, and the last one for the next block.

    A downward compressor keyed by the music: its level in steps of 10 ms gives the wished
    reduction, which is followed quickly down and slowly up.
    """
    count = math.ceil(len(music) / DUCK_STEP_SAMPLES)
    padded = np.zeros((count * DUCK_STEP_SAMPLES, CHANNELS), dtype=np.float32)
    padded[: len(music)] = music
    level = np.sqrt(np.mean(padded.reshape(count, -1) ** 2, axis=1)) + 1e-9
    wished = np.clip(DUCK_SLOPE * (20 * np.log10(level) - DUCK_THRESHOLD_DB), 0, DUCK_DEPTH_DB)
    targets = 10 ** (-wished / 20)
    values = np.empty(count + 1)
    values[0] = state
    step = DUCK_STEP_SAMPLES / RATE_HZ
    for i, target in enumerate(targets):
        constant = ATTACK_SECONDS if target < values[i] else RELEASE_SECONDS
        values[i + 1] = target + (values[i] - target) * math.exp(-step / constant)
    at = np.arange(len(music)) / DUCK_STEP_SAMPLES
    return np.interp(at, np.arange(count + 1), values).astype(np.float32), float(values[-1])
