"""A track decoded to mono blocks by PyAV, within this process.

An ffmpeg of its own passes every packet through five threads and a pipe, which costs more
processor time than decoding sound does; and its filters get each frame by itself. Here frames
are joined to seconds before they are resampled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import av.error
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph
from av.stream import Discard
from numpy.typing import NDArray

from pipeline.media import ffmpeg
from pipeline.media.info import AudioInfo, MediaInfo
from pipeline.media.packets import packets
from pipeline.sound.timestamps import MONO, Clock, converted, filled

CHUNK_SAMPLES = 1 << 16
"""How many samples (of the track's own rate) are resampled at a time."""

Block = NDArray[np.int16]
"""Shape (samples,), mono."""
Form = tuple[int, str, str]
"""A frame's rate (hertz), sample format and channel layout, by ffmpeg's names."""


SETTLING_SECONDS = 1.0
"""The form may change within so long after the start: some decoders find it with the first
frames."""


MAX_SAMPLE = 1000.0
"""Full scale is 1. Samples above this (60 dB more) are no sound, but whole numbers written as
floats, or the output of a broken program."""


class NotASound(Exception):
    """Samples that are no numbers, infinite, or above ``MAX_SAMPLE``: there is no sound in them,
    and no encoder takes them."""


class TooLate(Exception):
    """A frame's stamp lies so late that filling the gap before it would fill the disk."""


class FormChanged(Exception):
    """The rate or the channels change in the middle, as in files that were put together."""


def mono_blocks(
    container: InputContainer,
    info: MediaInfo,
    track: AudioInfo,
    rate: int,
    max_seconds: float,
    on_frame: Callable[[AudioFrame], None] | None = None,
    *,
    left: bool = False,
) -> Iterator[Block]:
    """The track as mono at ``rate`` hertz, its sample 0 at the container's start, in blocks of any
    length.

    ``on_frame`` is called with the decoded frames as well, at their own rate and with all channels.
    ``left`` takes the first channel instead of the mean of all. Packets that cannot be decoded are
    left out. Raises ``TooLate`` for a stamp after ``max_seconds``, ``FormChanged``, ``NotASound``,
    and ``av.error.FFmpegError`` when the rest of the container cannot be read.
    """
    first = round(info.start_time * rate)
    steady = info.role == "reference"
    graph: Graph | None = None
    form: Form | None = None
    given = 0
    for chunk in _chunks(container, track.index, steady):
        if chunk.pts is not None and chunk.pts / chunk.sample_rate - info.start_time > max_seconds:
            raise TooLate
        if chunk.format.name.startswith(("flt", "dbl")):
            samples = chunk.to_ndarray()
            low, high = samples.min(initial=0.0), samples.max(initial=0.0)
            if not -MAX_SAMPLE <= low <= high <= MAX_SAMPLE:  # also true of what is no number
                raise NotASound
        if graph is None or form != form_of(chunk):
            if graph is not None:
                for block in _end(graph):
                    given += len(block)
                    yield block
            if given > SETTLING_SECONDS * rate:
                raise FormChanged
            graph, form = _graph(chunk, rate, first + given, left), form_of(chunk)
        if on_frame is not None:
            on_frame(chunk)
        graph.push(chunk)
        for block in _ready(graph):
            given += len(block)
            yield block
    if graph is not None:
        yield from _end(graph)


def _chunks(container: InputContainer, index: int, steady: bool) -> Iterator[AudioFrame]:
    """Decoded frames joined to ``CHUNK_SAMPLES`` or more, stamped in samples; one that does not go
    on from the last begins a chunk."""
    fifo = AudioFifo()
    begin = 0.0
    form: Form | None = None
    clock = Clock(0, steady=steady)
    for frame in _frames(container, index):
        if form != form_of(frame):
            if form is not None and fifo.samples:
                yield _stamped(fifo, begin, form[0])
            fifo, form = AudioFifo(), form_of(frame)
            clock = Clock(frame.sample_rate, steady=steady)
        place = clock.place(_stamp(frame), frame.samples)
        if not fifo.samples:
            begin = place
        elif abs(place - begin - fifo.samples) > 1:
            yield _stamped(fifo, begin, form[0])
            begin = place
        frame.pts = None  # else the joined frames would have to lie without jitter
        fifo.write(frame)
        if fifo.samples >= CHUNK_SAMPLES:
            yield _stamped(fifo, begin, form[0])
    if form is not None and fifo.samples:
        yield _stamped(fifo, begin, form[0])


def _stamp(frame: AudioFrame) -> float | None:
    """A frame's stamp in samples of its own rate."""
    base = frame.time_base  # made anew each time it is asked for
    if frame.pts is None or base is None:
        return None
    return frame.pts * base.numerator * frame.sample_rate / base.denominator


def _frames(container: InputContainer, index: int) -> Iterator[AudioFrame]:
    """The frames of one track; the packets of the others are not even read, where the container
    says where they are."""
    for stream in container.streams:
        stream.discard = Discard.default if stream.index == index else Discard.all
    wanted = container.streams[index]
    if not isinstance(wanted, AudioStream):
        raise TypeError(f"stream {index} is no sound")
    if not ffmpeg.is_decodable(wanted):
        raise ValueError(f"stream {index} is in a codec that is not decoded")
    if not wanted.codec_context.is_open:
        # More threads hand packets around for longer than they decode.
        wanted.codec_context.thread_count = 1
    for packet in packets(container, wanted):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue  # damaged; the stamps of the next ones say where they belong
        yield from frames


def _stamped(fifo: AudioFifo, begin: float, rate: int) -> AudioFrame:
    chunk = fifo.read(0)
    assert chunk is not None  # noqa: S101 # asked only when there are samples
    chunk.pts = round(begin)
    chunk.time_base = Fraction(1, rate)
    return chunk


def form_of(frame: AudioFrame) -> Form:
    """What a filter graph is made for."""
    return frame.sample_rate, frame.format.name, frame.layout.name


def _graph(frame: AudioFrame, rate: int, first: int, left: bool) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_abuffer(
        sample_rate=frame.sample_rate,
        format=frame.format,
        layout=frame.layout,
        time_base=Fraction(1, frame.sample_rate),
    )
    graph.link_nodes(
        source,
        *([graph.add("pan", "mono|c0=c0")] if left else []),
        graph.add("aresample", converted(rate, MONO)),
        graph.add("aresample", filled(rate, first)),
        graph.add("abuffersink"),
    ).configure()
    return graph


def _ready(graph: Graph) -> Iterator[Block]:
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError):
            return
        yield np.asarray(frame.to_ndarray(), dtype=np.int16).reshape(-1)


def _end(graph: Graph) -> Iterator[Block]:
    graph.push(None)
    yield from _ready(graph)
