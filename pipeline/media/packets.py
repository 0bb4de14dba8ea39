"""The packets of a container, whatever else appears in it on the way.

PyAV's ``demux`` raises ``IndexError`` when a file is at its end in which a stream appeared late (an
MPEG-TS says in its middle what it holds, and two recordings put together say it twice). Asked
again it goes on where it was.

A VP9 picture that is only referred to may be a packet of its own (mkvmerge writes it so, with the
time stamp of the next one). It is joined to the picture that is shown, as MP4 has to have it and as
its muxer does, so that here, too, each packet is one picture.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TypeVar

from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

log = logging.getLogger(__name__)

AnyStream = TypeVar("AnyStream", bound=Stream)

MAX_CONTINUATIONS = 64
"""How often reading continues after a stream appeared late; no file has more such streams."""


def packets(container: InputContainer, *streams: AnyStream) -> Iterator[Packet[AnyStream]]:
    """The packets of the ``streams`` from where the container stands, in decoding order; those
    without data (an AVI's empty slots, the end of the file) as well: a decoder needs the last.

    Raises ``av.error.FFmpegError``.
    """
    found = _all_packets(container, streams)
    first = streams[0]
    if isinstance(first, VideoStream):
        context = first.codec_context
        # A damaged film's stream has none, which PyAV's types do not say.
        if context is not None and context.codec.canonical_name == "vp9":
            return _whole_pictures(found, first)
    return found


def _all_packets(
    container: InputContainer, streams: tuple[AnyStream, ...]
) -> Iterator[Packet[AnyStream]]:
    """``demux``, continued where it stopped at a stream that it did not know; the packet that
    stands for the file's end comes once."""
    for _ in range(MAX_CONTINUATIONS):
        try:
            for packet in container.demux(*streams):
                end = packet.size == 0 and packet.pts is None and packet.dts is None
                yield packet  # type: ignore[misc] # one of the streams that were asked for
                if end:
                    return
        except IndexError as error:
            log.info("a stream appears late: %r", error)
        else:
            return


def _whole_pictures(
    found: Iterator[Packet[AnyStream]], stream: AnyStream
) -> Iterator[Packet[AnyStream]]:
    joined = BitStreamFilterContext("vp9_superframe", stream)
    for packet in found:
        if packet.size:
            for whole in joined.filter(packet):
                whole.stream = stream
                yield whole
        else:
            yield packet
