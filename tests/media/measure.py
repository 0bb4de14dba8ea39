"""What a result file really holds: which pictures, when, and where its sound comes from."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from scipy.signal import correlate

from pipeline.media import ffmpeg
from tests.media.clips import RATE, read_barcode


@dataclass(frozen=True)
class Pictures:
    """The pictures that a player shows, in order."""

    numbers: tuple[int, ...]
    times: tuple[float, ...]
    """When each is shown (seconds)."""
    hashes: tuple[str, ...]
    """Of the decoded pixels."""
    rotation: int


def pictures(path: Path, turned: int = 0) -> Pictures:
    """Decodes with PyAV, as a player does: nothing before time 0, in order of their stamps.

    ``turned`` says by how many degrees counter-clockwise the pixels themselves are turned.
    """
    numbers: list[int] = []
    times: list[float] = []
    hashes: list[str] = []
    rotation = 0
    reformatter = VideoReformatter()  # one for all: a picture's own costs more than its decoding
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            assert frame.pts is not None and frame.time_base is not None
            grey = np.asarray(reformatter.reformat(frame, format="gray").to_ndarray())
            numbers.append(read_barcode(np.rot90(grey, -turned // 90)))
            times.append(float(frame.pts * frame.time_base))
            planes = [bytes(plane) for plane in frame.planes]
            hashes.append(hashlib.sha256(b"".join(planes)).hexdigest())
            rotation = frame.rotation
    return Pictures(tuple(numbers), tuple(times), tuple(hashes), rotation)


def pictures_by_ffmpeg(path: Path, width: int, height: int) -> tuple[tuple[int, ...], float]:
    """The numbers that ffmpeg shows, and the time of the first (seconds)."""
    done = subprocess.run(
        [
            *(ffmpeg.executable(), "-hide_banner", "-loglevel", "info", "-noautorotate"),
            *("-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"),
            *("-vf", "showinfo", "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    size = width * height
    raw = np.frombuffer(done.stdout, dtype=np.uint8).reshape(-1, height, width)
    assert raw.size % size == 0
    log = done.stderr.decode("utf-8", "replace")
    first = next(line for line in log.splitlines() if "pts_time:" in line)
    return tuple(read_barcode(p) for p in raw), float(first.split("pts_time:")[1].split()[0])


def sound(path: Path) -> NDArray[np.float32]:
    """The result's sound by ffmpeg, mono 48 kHz, sample 0 at the file's time 0."""
    done = subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-i", str(path), "-map", "0:a:0"),
            *("-af", "aresample=48000:async=1:first_pts=0,pan=mono|c0=0.5*c0+0.5*c1"),
            *("-f", "f32le", "pipe:1"),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return np.frombuffer(done.stdout, dtype="<f4")


def sound_by_pyav(path: Path) -> NDArray[np.float32]:
    """The result's sound by PyAV, mono 48 kHz, sample 0 at the file's time 0."""
    parts: list[NDArray[np.float32]] = []
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = stream.rate
        for frame in container.decode(stream):
            assert frame.pts is not None and frame.time_base is not None
            at = round(float(frame.pts * frame.time_base) * rate)
            samples = frame.to_ndarray()
            mono = samples.mean(axis=0).astype(np.float32)
            have = sum(len(p) for p in parts)
            if at > have:
                parts.append(np.zeros(at - have, dtype=np.float32))
            parts.append(mono[max(0, have - at) :])
    assert rate == RATE
    return np.concatenate(parts)


def lag(heard: NDArray[np.float32], wanted: NDArray[np.float32], reach: float = 0.25) -> float:
    """How much later ``heard`` is than ``wanted`` (seconds), to a fraction of a sample.

    Both begin at the same time; the peak of their correlation within ``reach`` seconds.
    """
    size = min(len(heard), len(wanted))
    product = correlate(heard[:size].astype(float), wanted[:size].astype(float), method="fft")
    middle = size - 1
    span = round(reach * RATE)
    window = product[middle - span : middle + span + 1]
    best = int(np.argmax(window))
    shift = 0.0
    if 0 < best < len(window) - 1:
        before, at, after = window[best - 1 : best + 2]
        bottom = before - 2 * at + after
        shift = 0.5 * (before - after) / bottom if bottom else 0.0
    return (best - span + shift) / RATE
