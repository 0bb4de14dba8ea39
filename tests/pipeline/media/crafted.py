"""Files that our own scripts make to be refused, and what reads them under which options."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import av
import av.error
import pytest

from pipeline.media import ffmpeg
from pipeline.media.probe import probe
from pipeline.reasons import InputError
from pipeline.settings import Settings

SETTINGS = Settings()


def make(*arguments: str) -> None:
    done = subprocess.run(
        [ffmpeg.executable(), "-loglevel", "error", "-y", *arguments],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def picture(size: str = "160x120", rate: str = "30", seconds: float = 2) -> list[str]:
    return ["-f", "lavfi", "-t", str(seconds), "-i", f"testsrc2=s={size}:r={rate}"]


def tone(seconds: float = 2) -> list[str]:
    return ["-f", "lavfi", "-t", str(seconds), "-i", "sine=f=440:r=48000"]


def refusal(path: Path, role: str = "dance", settings: Settings = SETTINGS) -> InputError:
    with pytest.raises(InputError) as caught:
        probe(path, role=role, settings=settings)  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"the {role} file ")
    assert "\n" not in str(caught.value)
    assert caught.value.role == role
    return caught.value


def opens(path: Path, **options: str) -> bool:
    """Whether PyAV opens it and finds a stream under just these options."""
    try:
        with av.open(str(path), options=options) as container:
            return len(container.streams) > 0
    except (av.error.FFmpegError, MemoryError):
        return False


def ffmpeg_reads(path: Path, *options: str) -> bool:
    return ffmpeg_works(path, options, ["-map", "0:0", "-c", "copy"])


def ffmpeg_works(path: Path, options: Sequence[str], output: Sequence[str]) -> bool:
    """Whether ffmpeg ends well with this input's options and this output's."""
    done = subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-nostdin", *options),
            *("-i", f"file:{path}", *output, "-f", "null", "-"),
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode == 0
