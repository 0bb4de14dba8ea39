"""What the index of a file takes of memory: the longest honest film beside films made to harm."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.media.ffmpeg import executable
from tests.hostile import bombs
from tests.hostile.measured import table

LIMIT_MB = 4000
"""Of a process that opens one, as of a task."""
_OPEN = """
import resource, sys
import av
from pipeline.media import ffmpeg

def used(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(name + ":"))

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]) << 20,) * 2)
data, held, most = used("VmData"), used("RssAnon"), used("VmPeak")
file = av.open(sys.argv[1], options=ffmpeg.open_options())
print(used("RssAnon") - held, used("VmData") - data, used("VmPeak") - most)
"""


def _honest(path: Path) -> Path:
    """Three hours at 240 pictures a second, with pictures out of order and an edit list."""
    part = path.with_name("part.mp4")
    picture, sound = "color=s=64x64:r=240:d=20", "sine=r=48000:d=20"
    _run("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-c:v", "libx264",
         "-preset", "veryfast", "-bf", "3", "-c:a", "aac", "-shortest", str(part))  # fmt: skip
    _run("-stream_loop", "539", "-i", str(part), "-c", "copy", "-t", "10799", str(path))
    return path


def _run(*arguments: str) -> None:
    command = [executable(), "-v", "error", "-y", *arguments]
    subprocess.run(command, timeout=900, check=True)


FILES: Mapping[str, Callable[[Path], Path]] = {
    "honest.mp4": _honest,
    "edits-10000.mov": lambda path: bombs.repeated_edits(path, 10_000),
    "edits-20000.mov": lambda path: bombs.repeated_edits(path, 20_000),
    "samples-8000000.m4a": lambda path: bombs.many_samples(path, 8_000_000),
    "samples-30000000.m4a": lambda path: bombs.many_samples(path, 30_000_000),
}


def measure_indexes() -> None:
    """Prints what each takes where ``pipeline.memory`` does not limit it."""
    rows = [["file", "bytes", "held MB", "asked for MB", "most while it is opened, MB"]]
    with tempfile.TemporaryDirectory() as name:
        for file, make in FILES.items():
            path = make(Path(name) / file)
            command = [sys.executable, "-c", _OPEN, str(path), str(LIMIT_MB)]
            said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
            rows.append([file, f"{path.stat().st_size:,}", *said.stdout.split()])
            path.unlink()
    print(table(rows))
