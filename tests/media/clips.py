"""Our own clips for measuring: pictures that carry their number, with real music.

Each picture shows its number as 16 black or white squares (bit 0 on the left) in a row at the
top, between a white and a black guard square, so that any decoder's output can be read even
after re-encoding, scaling or rotation by 180 degrees. The sound is a stretch of a track at a known
place, so that the true map is known.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.media import ffmpeg

BITS = 14
CELL = 16
WIDTH, HEIGHT = CELL * (BITS + 2), 144
RATE = 48000
LATE = 1.37
"""By how much the sound of a ``late_sound`` clip begins late (seconds)."""


@dataclass(frozen=True)
class Clip:
    """How a dance is to be made."""

    container: str = "mp4"
    codec: str = "h264"
    fps: Fraction = Fraction(30)
    rotation: int = 0
    start: float = 0.0
    """Where the container's stamps begin (seconds)."""
    b_frames: int = 0
    gop: int = 60
    seconds: float = 8.0
    pixel_format: str = "yuv420p"
    extra: str = ""
    """``vfr``, ``opengop``, ``two_sounds``, ``data``, ``late_sound``, ``odd``, ``hdr``, ``hidden``
    (reference pictures of VP9)."""

    first: int = 0
    """The first picture's number."""

    @property
    def name(self) -> str:
        fps = f"{float(self.fps):g}".replace(".", "_")
        parts = [self.container, self.codec, fps, f"r{self.rotation}", f"s{self.start:g}"]
        return "-".join(
            [*parts, f"b{self.b_frames}", self.pixel_format, self.extra, f"n{self.first}"]
        ).strip("-")


def barcode(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A grey picture that says ``number``; the lower part moves, so that coding has work."""
    picture = np.full((height, width), 90, dtype=np.uint8)
    columns = np.arange(width)
    picture[48:] = ((columns[None, :] * 2 + np.arange(height - 48)[:, None] + 5 * number) % 97) + 60
    bits = [1, *((number >> k) & 1 for k in range(BITS)), 0]
    for k, bit in enumerate(bits):
        picture[8:40, k * CELL : (k + 1) * CELL] = 235 if bit else 16
    return picture


def read_barcode(picture: NDArray[np.uint8]) -> int:
    """The number in a decoded grey picture, -1 when there is none."""
    cells = picture[16:32, : CELL * (BITS + 2)].reshape(16, BITS + 2, CELL)
    values = cells[:, :, 4 : CELL - 4].mean(axis=(0, 2))
    if values[0] < 160 or values[-1] > 90:
        return -1
    return int((values[1:-1] > 125) @ (1 << np.arange(BITS)))


ENCODERS = {
    "h264": ["libx264", "-preset", "ultrafast", "-crf", "20"],
    "hevc": ["libx265", "-preset", "ultrafast", "-crf", "20"],
    "vp9": ["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "600k"],
    "vp8": ["libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"],
    "av1": ["libsvtav1", "-preset", "12", "-crf", "30"],
    "mpeg4": ["mpeg4", "-q:v", "4"],
    "mpeg2video": ["mpeg2video", "-q:v", "4"],
    "mjpeg": ["mjpeg", "-q:v", "4"],
    "wmv2": ["wmv2", "-q:v", "4"],
    "flv": ["flv", "-q:v", "4"],
    "prores": ["prores_ks"],
}
SOUNDS = {
    **{"mp4": "aac", "mov": "aac", "m4v": "aac", "mkv": "libopus", "webm": "libopus"},
    **{"ts": "aac", "m2ts": "ac3", "flv": "aac", "vob": "ac3", "mpg": "mp2", "wmv": "wmav2"},
}


def make_dance(clip: Clip, music: NDArray[np.float32], folder: Path) -> Path:
    """The dance with ``music`` (shape (samples, 2), 48 kHz) from its first picture on."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{clip.name}.{clip.container}"
    wave = folder / f"{clip.name}.f32"
    (music[: round(clip.seconds * RATE)]).astype("<f4").tofile(wave)
    width = WIDTH + (1 if clip.extra == "odd" else 0)
    height = HEIGHT + (1 if clip.extra == "odd" else 0)
    count = round(clip.seconds * float(clip.fps))
    encoder, *quality = ENCODERS[clip.codec]
    params: list[str] = []
    if clip.codec == "h264":
        flags = [
            f"bframes={clip.b_frames}",
            "scenecut=0",
            f"open-gop={int(clip.extra == 'opengop')}",
        ]
        params = ["-x264-params", ":".join([*flags, "b-adapt=0"])]
    if clip.codec == "hevc":
        hdr = ""
        if clip.extra == "hdr":
            hdr = (
                ":hdr10=1:max-cll=1000,400:master-display="
                "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
            )
        opened = int(clip.extra == "opengop")
        params = [
            "-x265-params",
            f"log-level=error:bframes={clip.b_frames}:open-gop={opened}:pools=1{hdr}",
        ]
        if clip.container in {"mp4", "mov"}:
            params += ["-tag:v", "hvc1"]
    filters = f"format={clip.pixel_format}"
    if clip.extra == "vfr":  # every fifth picture is missing; numbers go on
        filters = f"select='mod(n,5)',{filters}"
    if clip.extra == "hdr":
        filters += ",setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    command = [
        *("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}"),
        *("-r", str(clip.fps), "-i", "pipe:0"),
        *("-f", "f32le", "-ar", str(RATE), "-ac", "2"),
        *("-i", ffmpeg.file_url(wave), "-map", "0:v"),
    ]
    if clip.extra == "two_sounds":
        command += ["-map", "1:a", "-map", "1:a", "-filter:a:0", "volume=0.02"]
    else:
        command += ["-map", "1:a"]
    command += [
        *("-vf", filters, "-fps_mode", "passthrough", "-c:v", encoder, *quality, *params),
        *("-g", str(clip.gop)),
        *("-c:a", SOUNDS.get(clip.container, "pcm_s16le"), "-b:a", "160k", "-ac", "2"),
        *("-output_ts_offset", str(clip.start)),
    ]
    plain = folder / f"{clip.name}.plain.{clip.container}"
    frames = b"".join(barcode(clip.first + n, width, height).tobytes() for n in range(count))
    if clip.extra == "hidden":  # libvpx hides reference pictures only in the second of two passes
        command = [*command, "-deadline", "good", "-auto-alt-ref", "1", "-lag-in-frames", "16"]
        command += ["-passlogfile", str(folder / "vp9"), "-pass"]
        _ffmpeg([*command, "1", "-f", "null", "-"], frames)
        command.append("2")
    _ffmpeg([*command, "-y", str(plain)], frames)
    wave.unlink()
    if clip.extra == "late_sound":
        late = ["-itsoffset", str(LATE), "-i", str(plain), "-i", str(plain)]
        _ffmpeg([*late, "-map", "1:v", "-map", "0:a", "-c", "copy", "-y", str(target)])
        plain.unlink()
    elif clip.rotation or clip.extra == "data":
        turn = ["-display_rotation", str(clip.rotation)] if clip.rotation else []
        data = ["-timecode", "01:00:00:00"] if clip.extra == "data" else []
        _ffmpeg(
            [
                *turn,
                "-copyts",
                "-i",
                str(plain),
                "-map",
                "0",
                "-c",
                "copy",
                *data,
                "-y",
                str(target),
            ]
        )
        plain.unlink()
    else:
        plain.rename(target)
    return target


def _ffmpeg(arguments: list[str], data: bytes | None = None) -> None:
    done = subprocess.run(
        [ffmpeg.executable(), "-hide_banner", "-loglevel", "error", *arguments],
        input=data,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")


def write_sound(samples: NDArray[np.float32], target: Path, *options: str) -> Path:
    """Writes ``samples`` (48 kHz stereo) in the format that the name's ending says."""
    _ffmpeg(
        ["-f", "f32le", "-ar", str(RATE), "-ac", "2", "-i", "pipe:0", *options, "-y", str(target)],
        samples.astype("<f4").tobytes(),
    )
    return target


def struck(seconds: float = 6.0) -> NDArray[np.float32]:
    """A tone and hard strokes, at each of which encoders change their blocks' length; shape
    (samples, 2) at 48 kHz."""
    t = np.arange(round(seconds * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 220 * t)
    stroke = np.exp(-(t % 0.37) * 60) * np.random.default_rng(5).standard_normal(len(t))
    return np.repeat((tone + 0.3 * stroke).astype(np.float32)[:, None], 2, axis=1)


def read_music(path: Path, start: float, seconds: float) -> NDArray[np.float32]:
    """A stretch of a track, shape (samples, 2) at 48 kHz."""
    done = subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-i", str(path)),
            *("-af", f"aresample=48000,atrim={start}:{start + seconds}", "-ac", "2"),
            *("-f", "f32le", "pipe:1"),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return np.frombuffer(done.stdout, dtype="<f4").reshape(-1, 2)
