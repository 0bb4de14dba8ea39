"""The kept pictures as packets: copied from the dance, or re-encoded where they must be.

Re-encoding is done by an ffmpeg that writes packets into our pipe; they are muxed as they
come, so that nothing of it lies on the disk and the process ends with ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from pipeline.limits import Limits
from pipeline.media import ffmpeg
from pipeline.media.frame_times import frame_times
from pipeline.media.info import VideoInfo
from pipeline.media.opening import opened
from pipeline.media.packets import packets
from pipeline.plan.render_plan import Picture, RenderPlan
from pipeline.render.mp4 import VideoPackets, copied_packets, stamped

HDR_TRANSFERS = {16, 18}
"""Perceptual quantiser and hybrid log-gamma (ISO/IEC 23091-2)."""
DEINTERLACED = "bwdif=mode=send_frame:deint=interlaced"
"""Pictures marked as interlaced become whole ones, the others stay as they are: what is encoded
here is progressive, and combs would stay in it for ever."""
GOOD = ("-preset", "veryfast", "-crf", "18")
"""Settings of x264 with which nobody sees a difference."""
RISING = "if(isnan(PREV_OUTPTS),0,max(PTS-STARTPTS,PREV_OUTPTS+1))"
"""Encoders take no two pictures with one time stamp."""
TONE_MAP = (
    "zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt709,"
    "tonemap=mobius:desat=0,zscale=transfer=bt709:matrix=bt709:range=limited"
)
"""203 cd/m² is the white of standard range (ITU-R BT.2408). The Möbius curve leaves all below a
third of it as it is and bends only what is brighter; ``hable`` darkened the whole picture."""


@contextmanager
def pictures(
    plan: RenderPlan,
    dance: Path,
    *,
    settings: Limits,
    quality: Sequence[str] = GOOD,
    folder: Path | None = None,
) -> Iterator[tuple[VideoStream, VideoPackets]]:
    """The stream that describes the picture, and its packets with result stamps.

    ``quality`` and ``folder`` are those of ``encoded_pictures``. Raises ``InputError`` and
    ``FfmpegError``.
    """
    if plan.picture.action == "copy":
        frames = frame_times(dance, plan.dance, settings=settings) if plan.picture.rebuilt else None
        assert plan.dance.video is not None  # noqa: S101
        with opened(
            dance,
            role="dance",
            settings=settings,
            as_stored=bool(plan.dance.video.edits),
            skip_pictures=described(plan) is not None,
        ) as container:
            stream = container.streams[plan.picture.stream]
            assert isinstance(stream, VideoStream)  # noqa: S101
            yield stream, copied_packets(container, plan.picture, frames)
        return
    with encoded_pictures(plan, dance, quality, settings=settings, folder=folder) as made:
        yield made


@contextmanager
def encoded_pictures(
    plan: RenderPlan,
    dance: Path,
    quality: Sequence[str] = GOOD,
    *,
    settings: Limits,
    folder: Path | None = None,
) -> Iterator[tuple[VideoStream, VideoPackets]]:
    """The stream and the packets of the kept pictures as H.264.

    ``quality`` are x264's settings, ``folder`` is where two passes have their notes. Raises
    ``FfmpegError``.
    """
    with (
        ffmpeg.process(encode_arguments(plan, dance, settings, quality), folder=folder) as pipe,
        ffmpeg.open_pipe(pipe, "nut") as encoded,
    ):
        stream = encoded.streams.video[0]
        yield stream, _encoded(encoded, stream, plan.picture)
        while pipe.read(1 << 16):  # the muxer's trailer
            pass


def described(plan: RenderPlan) -> VideoInfo | None:
    """What a copied picture is like, where that need not be found out by decoding again: an H.264
    film says its shape and colours within its pictures."""
    video = plan.dance.video
    if plan.picture.action != "copy" or video is None or video.sample_aspect_ratio is None:
        return None
    return video if plan.dance.is_mp4 and video.codec == "h264" else None


def two_pass(number: int, bits_per_second: float) -> list[str]:
    """x264's settings for the first or the second of two passes."""
    rate = ("-b:v", str(round(bits_per_second)))
    return ["-preset", "fast", *rate, "-pass", str(number), "-passlogfile", "pass"]


def encode_arguments(
    plan: RenderPlan, dance: Path, settings: Limits, quality: Sequence[str] = GOOD
) -> list[str]:
    """ffmpeg's arguments that re-encode exactly the kept pictures as H.264 into a pipe.

    Their own stamps are kept (``passthrough``), the rotation is applied to the pixels, and
    high dynamic range becomes standard range, since 8-bit H.264 cannot say it.
    """
    picture, video = plan.picture, plan.dance.video
    assert video is not None  # noqa: S101
    key = float(picture.key * picture.time_base)
    seek: list[str] = []
    stored = bool(video.edits)
    if picture.rebuilt and not video.field_pictures:
        # The stamps are ours, not the container's: count pictures instead. (Of a field without a
        # stamp only the first one's, which is the frame's, is asked for.)
        stop = picture.first + picture.frames
        filters = [f"trim=start_frame={picture.first}:end_frame={stop}", f"setpts='{RISING}'"]
    else:
        filters = [
            f"trim=start_pts={picture.start}:end_pts={picture.end}",
            f"setpts=PTS-{picture.start}",
        ]
        if plan.dance.start_time < key:  # seeking counts from the container's start
            seek = ["-ss", f"{key - plan.dance.start_time:.6f}", "-noaccurate_seek"]
    filters = [*_edited(video), *filters, DEINTERLACED, _scaled(picture.short_side)]
    if video.color_transfer in HDR_TRANSFERS:
        filters.append(TONE_MAP)
    filters.append("format=yuv420p")
    return [
        *("-nostdin", "-copyts", "-an", "-sn", "-dn", *seek),
        *ffmpeg.input_arguments(dance, settings, as_stored=stored),
        *("-map", f"0:{picture.stream}", "-vf", ",".join(filters)),
        *("-fps_mode", "passthrough", "-enc_time_base:v", "demux"),
        *("-c:v", "libx264", *quality, "-bf", "0"),
        *("-flags:v", "+global_header", "-f", "nut", "pipe:1"),
    ]


def _scaled(short_side: int) -> str:
    """The filter that brings the shorter side to so many pixels (0: as it is), and both to even
    numbers."""
    if not short_side:
        return "scale=trunc(iw/2)*2:trunc(ih/2)*2"
    return f"scale='if(gt(iw,ih),-2,{short_side})':'if(gt(iw,ih),{short_side},-2)':flags=bicubic"


def _edited(video: VideoInfo) -> list[str]:
    """Filters that leave the pictures of the dance's own edits, shown when these say."""
    unit = float(video.time_base)
    edits = [tuple(round(t / unit) for t in (e.media, e.length, e.shown)) for e in video.edits]
    if not edits:
        return []
    chosen = "+".join(f"gte(pts,{begin})*lt(pts,{begin + length})" for begin, length, _ in edits)
    moved = "+".join(
        f"gte(PTS,{begin})*lt(PTS,{begin + length})*({shown - begin})"
        for begin, length, shown in edits
    )
    return [f"select='{chosen}'", f"setpts='PTS+{moved}'"]


def _encoded(
    container: InputContainer, stream: VideoStream, picture: Picture
) -> Iterator[Packet[VideoStream]]:
    """The encoder's packets, in its own time base, each lasting until the next picture."""
    unit = stream.time_base
    assert unit is not None  # noqa: S101
    length = round((picture.end - picture.start) * picture.time_base / unit)
    step = max(1, round(picture.step * picture.time_base / unit))
    own = replace(
        picture, time_base=unit, start=0, end=length, key=0, packets=1 << 62, depth=0, step=step
    )
    source = (p for p in packets(container, stream) if p.pts is not None and p.size > 0)
    yield from stamped(source, own)
