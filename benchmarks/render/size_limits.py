"""How well a limit of size is used, and what a file of a limited size costs.

    python -m benchmarks.render.size_limits

Makes films of ``SECONDS`` s (busy and still ones, upright and wide, at 30 and 60 pictures a second,
H.264 and HEVC), has each written with several limits, every other one as ``portable``, and prints
the size as a share of the limit, the picture's size and the time.

Takes about 2 minutes on 2 cores at rest.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.render.__main__ import run_ffmpeg
from pipeline.media.probe import probe
from pipeline.model import Segment
from pipeline.plan.options import RenderOptions
from pipeline.plan.size_limit import MEGABYTE
from tests.media.clips import write_sound
from tests.media.fixtures import make_song
from tests.media.work import SETTINGS, make_result, read_pair

SECONDS = 12


@dataclass(frozen=True)
class Film:
    name: str
    source: str
    """A filter that draws it."""
    codec: tuple[str, ...]


H264 = ("libx264", "-preset", "ultrafast", "-crf", "20")
HEVC = ("libx265", "-preset", "ultrafast", "-crf", "22", "-tag:v", "hvc1")
FILMS = (
    Film("busy, upright 1080p30", "testsrc2=s=1080x1920:r=30,noise=alls=12:allf=t", H264),
    Film("busy, wide 1080p60", "testsrc2=s=1920x1080:r=60,noise=alls=12:allf=t", H264),
    Film("moving, 720p30 HEVC", "mandelbrot=s=1280x720:r=30,noise=alls=4:allf=t", HEVC),
    Film("grainy, 480p25", "smptehdbars=s=854x480:r=25,noise=alls=30:allf=t", H264),
)
LIMITS = (1.0, 2.5, 5.0)


def main() -> None:
    print("| film | limit | every player | size | of the limit | picture | seconds |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference = write_sound(make_song(), folder / "reference.flac")
        for number, film in enumerate(FILMS):
            dance = folder / f"{number}.mp4"
            run_ffmpeg(
                *("-f", "lavfi", "-i", film.source, "-i", str(reference), "-t", str(SECONDS)),
                *("-pix_fmt", "yuv420p", "-g", "30", "-c:v", *film.codec, "-c:a", "aac"),
                str(dance),
            )
            pair = read_pair(dance, reference, folder / "scratch")
            for place, limit in enumerate(LIMITS):
                portable = (number + place) % 2 == 1
                options = RenderOptions(at_most_mb=limit, portable=portable)
                segment = Segment(0.0, float(SECONDS), 0.0)
                before = time.monotonic()
                made = make_result(pair, [segment], folder / "out.mp4", options=options)
                spent = time.monotonic() - before
                video = probe(made.path, role="dance", settings=SETTINGS).video
                assert video is not None  # noqa: S101 # a result has a picture
                size = made.path.stat().st_size
                print(
                    f"| {film.name} | {limit:g} MB | {'yes' if portable else 'no'} "
                    f"| {size / MEGABYTE:.3f} MB | {size / limit / MEGABYTE:.1%} "
                    f"| {video.width}x{video.height}, {made.plan.picture.action} "
                    f"| {spent:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
