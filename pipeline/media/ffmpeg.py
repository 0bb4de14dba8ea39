"""Calls of ffmpeg and PyAV: what they may open, and how their failures are reported.

Uploaded files are data from strangers. A playlist or a script of names that calls itself
``.mp4`` must not make a demuxer read other files, so the demuxers, the decoders and the protocols
are named for every input, for probing as for decoding; a list of protocols alone does not
stop an HLS playlist from reading local files.

Every ffmpeg process here reads from or writes to a pipe of ours, so that it ends by itself
(end of file, broken pipe) when this process is killed.
"""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import av
import av.error
import av.logging
import imageio_ffmpeg
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from pipeline import interrupt, memory
from pipeline.limits import Limits

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,"
    "mp3,aac,wav,flac,ogg,aiff,caf,ac3,eac3,wv"
)
"""The containers that are accepted, by ffmpeg's names."""
PROTOCOLS = "file"
"""An input is a local file and nothing else."""
PICTURE_DECODERS = frozenset(
    {"h264", "hevc", "vp9", "libvpx-vp9", "av1", "libdav1d", "libaom-av1", "vp8", "libvpx", "mpeg4"}
    | {"mjpeg", "mpeg1video", "mpeg2video", "h263", "h263i", "prores", "theora", "ffv1", "huffyuv"}
    | {"msmpeg4v1", "msmpeg4v2", "msmpeg4", "wmv1", "wmv2", "dvvideo", "ffvhuff", "rawvideo"}
    | {"cinepak", "svq1", "svq3", "flv", "vp6f"}
)
"""ffmpeg's decoders of the pictures in ``pipeline.media.picture``."""
SOUND_DECODERS = frozenset(
    {"aac", "aac_latm", "mp3float", "mp3", "mp2float", "mp2", "mp1float", "mp1", "opus", "libopus"}
    | {"vorbis", "libvorbis", "flac", "alac", "ac3", "eac3", "dca", "truehd", "mlp", "wavpack"}
    | {"wmav1", "wmav2", "wmapro", "wmalossless", "amrnb", "amrwb", "libopencore_amrnb"}
    | {"libopencore_amrwb", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ms", "adpcm_swf", "g722"}
    | {"adpcm_yamaha", "nellymoser", "speex", "gsm", "gsm_ms", "qdm2", "qdmc", "qcelp", "ilbc"}
    | {"mace3", "mace6", "pcm_s8", "pcm_u8", "pcm_alaw", "pcm_mulaw", "pcm_dvd", "pcm_bluray"}
    | {f"pcm_{form}{end}" for form in ("s16", "s24", "s32", "f32", "f64") for end in ("le", "be")}
    | {f"pcm_{form}_planar" for form in ("s8", "s16le", "s16be", "s24le", "s32le")}
)
"""Of the sounds that cameras, phones and players write into the containers above."""
DECODERS = ",".join(sorted(PICTURE_DECODERS | SOUND_DECODERS))
"""What a stranger's bytes may reach. Opening decodes too, covers and single pictures as well,
before any size of theirs is known; a still picture is none of these."""

FRAGMENTS = "+frag_keyframe+delay_moov+default_base_moof"
"""``-movflags`` for an MP4 that goes into a pipe, its stamps exact to the sample."""

av.logging.set_level(av.logging.PANIC)  # what is wrong with a file is said by our own errors


class FfmpegError(Exception):
    """ffmpeg ended with an error; the text is the end of what it said."""


@functools.cache
def executable() -> str:
    """The path of the ffmpeg that imageio-ffmpeg brings."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def file_url(path: Path) -> str:
    """``path`` as ffmpeg takes it without ever reading a protocol into its name."""
    return f"file:{path.absolute()}"


def input_arguments(path: Path, limits: Limits, *, as_stored: bool = False) -> list[str]:
    """The options that come before ``-i``, and ``-i`` itself, for an uploaded file; ``as_stored``
    reads an MP4 without its edit lists. A picture that grows in the middle is held to its limit as
    well."""
    return [
        *(("-ignore_editlist", "1") if as_stored else ()),
        *("-protocol_whitelist", PROTOCOLS),
        *("-format_whitelist", DEMUXERS),
        *("-codec_whitelist", DECODERS),
        *("-max_streams", str(limits.max_streams)),
        *("-max_pixels", str(limits.max_pixels)),
        *("-i", file_url(path)),
    ]


def open_options(*, max_streams: int = 16) -> dict[str, str]:
    """The same limits for PyAV, which takes unknown options in silence (so they are tested). The
    decoders are bound while it is opened only: ``is_decodable`` is asked before one is used."""
    return {
        "protocol_whitelist": PROTOCOLS,
        "format_whitelist": DEMUXERS,
        "codec_whitelist": DECODERS,
        "max_streams": str(max_streams),
    }


def is_decodable(stream: VideoStream | AudioStream) -> bool:
    """Whether the stream's decoder is one of those that a stranger's bytes may reach."""
    return stream.codec_context.codec.name in PICTURE_DECODERS | SOUND_DECODERS


def open_input(
    path: Path, *, max_streams: int = 16, as_stored: bool = False, skip_pictures: bool = False
) -> InputContainer:
    """Opens ``path`` for demuxing under the limits above, an MP4 ``as_stored`` without its edit
    lists.

    ``skip_pictures``: libavformat decodes none to find out what they are like, which takes ten
    times as long as all else of opening a film of 1080p. An MP4's packets have their stamps
    without.

    Raises ``av.error.FFmpegError`` when it is none of the accepted containers, and
    ``MemoryError`` when its index is too large (``pipeline.memory``) or it has more than
    ``max_streams`` streams (that is how libavformat reports this limit).
    """
    options = open_options(max_streams=max_streams)
    if as_stored:
        options["ignore_editlist"] = "1"
    if skip_pictures:
        options["skip_frame"] = "all"
    opened: InputContainer | None = None
    try:
        with memory.for_an_index():
            opened = av.open(file_url(path), options=options, metadata_errors="replace")
            return opened
    except MemoryError:
        if opened is not None:  # else the error would keep it
            opened.close()
        raise


def open_pipe(pipe: IO[bytes], form: str) -> InputContainer:
    """Opens what our own ffmpeg writes into ``pipe`` (in the format ``form``) for demuxing.

    libavformat reads the descriptor itself: through a Python object, an exception that a signal
    raises during the read would be lost in libavformat's callback.
    """
    opened = av.open(f"pipe:{pipe.fileno()}", format=form, options={"protocol_whitelist": "pipe"})
    return opened


def command(arguments: Sequence[str]) -> list[str]:
    """A whole command line; ``-nostdin`` is left to the caller, who may write to its input."""
    return [executable(), "-hide_banner", "-nostats", "-loglevel", "error", *arguments]


def _end(log: IO[bytes]) -> str:
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - 2000))
    return log.read().decode("utf-8", "replace").strip()


@contextmanager
def process(
    arguments: Sequence[str],
    *,
    write: bool = False,
    partial: bool = False,
    folder: Path | None = None,
) -> Iterator[IO[bytes]]:
    """Runs ffmpeg (in ``folder``) and gives its standard output, or its input with ``write``.

    At the end of the block the pipe is closed and the process awaited. Raises
    ``FfmpegError`` when it ended with an error, and ``Ended`` when that was a signal's doing.
    Leaving the block by an exception kills it, and so does leaving a ``partial`` reading before
    its end, which is no error.
    """
    with tempfile.TemporaryFile() as log:
        with memory.alone:
            running = subprocess.Popen(
                command(arguments),
                stdin=subprocess.PIPE if write else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if write else subprocess.PIPE,
                stderr=log,
                cwd=folder,
            )
        pipe = running.stdin if write else running.stdout
        assert pipe is not None  # noqa: S101 # asked for above
        try:
            try:
                yield pipe
                if partial and pipe.read(1):
                    return
                pipe.close()
            except BrokenPipeError:
                code = running.wait(timeout=60)
                interrupt.check()
                raise FfmpegError(_end(log) or f"ffmpeg ended with code {code}") from None
            code = running.wait(timeout=600)
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
            if not pipe.closed:
                _close_quietly(pipe)
        if code != 0:
            interrupt.check()
            raise FfmpegError(_end(log) or f"ffmpeg ended with code {code}")


def _close_quietly(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # its reader is gone, which is why we are here


def run(arguments: Sequence[str]) -> None:
    """Runs a short ffmpeg to its end. Raises ``FfmpegError``."""
    with process(arguments) as pipe:
        pipe.read()
