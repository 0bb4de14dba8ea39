"""Checks a result before it gets its final name.

The file is opened anew: its picture and sound must be there and last as long as the plan says, and
the sound must not be silent; the pictures must be as many as planned, copied ones in the dance's
codec and size.
Only headers and a few seconds of sound are read, so that this stays quick for long files.
"""

from __future__ import annotations

from pathlib import Path

import av
import av.error
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from pipeline import reasons
from pipeline.limits import Limits
from pipeline.media import ffmpeg
from pipeline.media.truncation import beyond_index
from pipeline.plan.render_plan import RenderPlan
from pipeline.reasons import RenderError
from pipeline.sound.decode import SILENT_PEAK

WINDOW_COUNT = 24
"""At how many places the sound is decoded."""
WINDOW_SECONDS = 1.0
"""How much at each."""


def verify(out: Path, plan: RenderPlan, *, settings: Limits) -> None:
    """Raises ``RenderError`` (``verify_failed``) when ``out`` is not what ``plan`` says."""
    try:
        with _opened(out, settings) as container:
            if beyond_index(container, out.stat().st_size):
                raise failed("it is cut off")
            _check(container, plan)
    except (av.error.FFmpegError, MemoryError, ValueError, IndexError) as error:
        raise failed("it cannot be read", detail=repr(error)) from error


def _opened(out: Path, settings: Limits) -> InputContainer:
    """Our own MP4: its header tells all, so no picture is decoded to find out what is in it."""
    return av.open(
        ffmpeg.file_url(out),
        options={**ffmpeg.open_options(max_streams=settings.max_streams), "probesize": "32"},
        # One for each stream, as PyAV's documentation has it, and not as its type does.
        stream_options=[{"skip_frame": "all"}, {}],  # type: ignore[list-item]
    )


def failed(what: str, detail: str = "") -> RenderError:
    """The error for one thing that is wrong."""
    return RenderError(
        reasons.VERIFY_FAILED, f"the result did not pass its check: {what}", detail=detail
    )


def _check(container: InputContainer, plan: RenderPlan) -> None:
    if len(container.streams.video) != 1 or len(container.streams.audio) != 1:
        raise failed("it does not have one picture and one sound track")
    video, sound = container.streams.video[0], container.streams.audio[0]
    _check_picture(video, plan)
    _check_lengths(video, sound, plan)
    if not _is_audible(container, sound, plan):
        raise failed("its sound is silent")


def _check_picture(video: VideoStream, plan: RenderPlan) -> None:
    source = plan.dance.video
    assert source is not None  # noqa: S101
    if plan.picture.action == "copy":
        codec = video.codec_context.codec.canonical_name
        if codec != source.codec:
            raise failed(f"its picture is {codec} instead of {source.codec}")
        if (video.codec_context.width, video.codec_context.height) != (source.width, source.height):
            raise failed("its picture has another size than the dance's")
        if video.frames != plan.picture.packets:
            raise failed(f"it has {video.frames} pictures instead of {plan.picture.packets}")
    elif source.field_pictures:  # two of the planned pictures make one that is encoded
        if not plan.picture.frames // 2 <= video.frames <= plan.picture.frames:
            raise failed(f"it has {video.frames} pictures of {plan.picture.frames} fields")
    elif video.frames != plan.picture.frames:
        raise failed(f"it has {video.frames} pictures instead of {plan.picture.frames}")


def _check_lengths(video: VideoStream, sound: AudioStream, plan: RenderPlan) -> None:
    for name, stream in (("picture", video), ("sound", sound)):
        if stream.duration is None or stream.time_base is None:
            raise failed(f"its {name} has no length")
        seconds = float(stream.duration * stream.time_base)
        # An edit list starts the stream at its first shown packet; the muxer rounds to 1 ms.
        slack = 0.1 + 2 * float(plan.picture.step * plan.picture.time_base)
        if abs(seconds - plan.duration) > slack:
            raise failed(f"its {name} lasts {seconds:.3f} s instead of {plan.duration:.3f} s")


def _is_audible(container: InputContainer, sound: AudioStream, plan: RenderPlan) -> bool:
    assert sound.time_base is not None  # noqa: S101
    for place in np.linspace(0, max(0.0, plan.duration - WINDOW_SECONDS), WINDOW_COUNT):
        container.seek(round(float(place) / float(sound.time_base)), stream=sound)
        decoded = 0.0
        for frame in container.decode(sound):
            # AAC is decoded to floats. Channel by channel: their mean may be nothing.
            if float(np.abs(frame.to_ndarray()).max(initial=0.0)) > SILENT_PEAK:
                return True
            decoded += frame.samples / frame.sample_rate
            if decoded >= WINDOW_SECONDS:
                break
    return False
