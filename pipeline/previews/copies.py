"""Small copies for the page: a thumbnail, and a film that every browser plays.

A result keeps the dance's own codec; where a browser cannot decode that (HEVC, AVI) the page
shows a small H.264 copy, made on demand in a child process at low priority. As everywhere, ffmpeg
writes into our pipe, so that it ends with us, however we end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from pipeline import reasons
from pipeline.limits import Limits
from pipeline.media import ffmpeg
from pipeline.media.info import AudioInfo, MediaInfo
from pipeline.model import Progress
from pipeline.reasons import RenderError

PREVIEW_PIXELS = 360
"""The shorter side of the small copy."""
THUMBNAIL_PIXELS = 320
"""The longer side of the thumbnail."""
LATE_SECONDS = 0.002
"""A track that begins so much after its file is given the silence before it: nobody hears less."""


def make_thumbnail(
    source: Path, out: Path, *, at: float, settings: Limits, stream: int | None = None
) -> None:
    """A JPEG of the picture at ``at`` seconds from the start, upright, at most 320 pixels.

    ``stream`` is the picture's index in its container (default: the first moving one).

    Raises ``RenderError``.
    """
    size = f"{THUMBNAIL_PIXELS}:{THUMBNAIL_PIXELS}"
    arguments = [
        *("-nostdin", "-ss", f"{max(0.0, at):.3f}"),
        *ffmpeg.input_arguments(source, settings),
        *("-map", _picture(stream), "-frames:v", "1", "-an", "-sn", "-dn"),
        *("-vf", f"scale={size}:force_original_aspect_ratio=decrease"),
        *("-q:v", "4", "-c:v", "mjpeg", "-f", "image2pipe", "pipe:1"),
    ]
    with _appearing(out) as part:
        with ffmpeg.process(arguments) as pipe:
            picture = pipe.read()
        if not picture:
            raise RenderError(reasons.RENDER_FAILED, f"no picture of {out.name} could be made")
        part.write_bytes(picture)


def make_preview(
    source: Path,
    out: Path,
    *,
    duration: float,
    settings: Limits,
    stream: int | None = None,
    sound: AudioInfo | None = None,
    progress: Progress | None = None,
) -> None:
    """A small H.264 and AAC copy of ``source`` (MP4), at most 30 pictures a second; of a
    sound without a picture, the AAC alone. ``sound`` is the track to take (None: the first).

    ``duration`` (seconds) is the source's, for the progress and as a limit; ``stream`` as for
    ``make_thumbnail``. Raises ``RenderError``.
    """
    scale = f"scale='if(gt(iw,ih),-2,{PREVIEW_PIXELS})':'if(gt(iw,ih),{PREVIEW_PIXELS},-2)'"
    arguments = [
        *("-map", f"{_picture(stream)}?"),
        *("-map", f"0:{sound.index}" if sound else "0:a:0?", "-sn", "-dn"),
        *("-vf", f"{scale},format=yuv420p", "-fpsmax", "30"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "-threads", "1"),
        *_AAC,
        *_TO_PIPE,
    ]
    _write(source, out, arguments, duration, settings, progress)


def make_sound_copy(
    source: Path,
    out: Path,
    *,
    info: MediaInfo,
    sound: AudioInfo,
    settings: Limits,
    progress: Progress | None = None,
) -> None:
    """One sound track of ``source`` alone, as AAC in an MP4, heard at the times at which it is
    heard in the file. Raises ``RenderError``.
    """
    # Browsers begin a file at its first sample: before a late one there has to be silence.
    late = sound.start_time > LATE_SECONDS
    silence = ("-af", "aresample=async=1:first_pts=0")
    codec = ("-c:a", "copy") if sound.codec == "aac" and not late else (*silence, *_AAC)
    # ffmpeg counts from the first of the streams that it reads: it reads the picture's as well.
    film = info.video is not None or "video" in info.other
    picture = ("-map", "0:v", "-c", "copy", "-f", "null", "-") if film else ()
    arguments = ["-map", f"0:{sound.index}", *codec, *_TO_PIPE, *picture]
    _write(source, out, arguments, info.duration, settings, progress)


_AAC = ("-c:a", "aac", "-b:a", "96k", "-ac", "2")
_TO_PIPE = ("-movflags", ffmpeg.FRAGMENTS, "-frag_duration", "1000000", "-f", "mp4", "pipe:1")


def _write(
    source: Path,
    out: Path,
    arguments: Sequence[str],
    duration: float,
    settings: Limits,
    progress: Progress | None,
) -> None:
    given = ["-nostdin", "-t", f"{duration + 5:.3f}", *ffmpeg.input_arguments(source, settings)]
    with (
        _appearing(out) as part,
        ffmpeg.process([*given, *arguments]) as pipe,
        ffmpeg.open_pipe(pipe, "mp4") as made,
    ):
        _with_index_in_front(made, part, duration, progress)
        while pipe.read(1 << 16):  # the muxer's trailer
            pass


def _with_index_in_front(
    made: InputContainer, part: Path, duration: float, progress: Progress | None
) -> None:
    """The same packets as one MP4 that a browser can seek in before it has all of it."""
    done = 0.0
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        into = [target.add_stream_from_template(stream, opaque=True) for stream in made.streams]
        for packet in made.demux():
            if packet.dts is None:
                continue
            seconds = float(packet.dts * packet.time_base)
            packet.stream = into[packet.stream.index]
            target.mux(packet)
            if progress is not None and duration > 0:
                done = min(1.0, max(done, seconds / duration))
                progress(done)


def _picture(stream: int | None) -> str:
    return "0:V:0" if stream is None else f"0:{stream}"


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A temporary name that becomes ``out`` when all went well, and is gone otherwise."""
    part = out.with_name(f".{out.stem}.{os.getpid()}.part{out.suffix}")
    try:
        yield part
        part.replace(out)
    except (ffmpeg.FfmpegError, av.error.FFmpegError) as error:
        raise RenderError(
            reasons.RENDER_FAILED, f"{out.name} could not be made", detail=str(error)
        ) from error
    finally:
        part.unlink(missing_ok=True)
