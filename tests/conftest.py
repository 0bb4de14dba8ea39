"""What every room's tests use: the sample pair, and settings on a folder of their own."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.media import ffmpeg
from pipeline.settings import Settings
from ui.assets import SAMPLE


def pytest_configure() -> None:
    """What a shell started in the background ignores SIGINT, and so would all that it starts.

    The command line keeps it so on purpose (a Ctrl-C in the terminal is not meant for it); its
    tests send that signal and are about a command that is not in the background.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """The process's own, behind each test: the page's script and the command line set theirs."""
    given = os.umask(0o077)
    os.umask(given)
    yield
    os.umask(given)


@pytest.fixture(scope="session")
def sample_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Copies of the sample's dance and reference that the page offers."""
    folder = tmp_path_factory.mktemp("sample")
    dance, reference = (Path(shutil.copy(path, folder)) for path in SAMPLE)
    return dance, reference


@pytest.fixture(scope="session")
def short_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The first eight seconds of the sample, for tests of what is done with a task."""
    folder = tmp_path_factory.mktemp("short")
    for path in SAMPLE:
        short = ["-nostdin", "-t", "8", "-i", ffmpeg.file_url(path), "-c", "copy"]
        ffmpeg.run([*short, ffmpeg.file_url(folder / path.name)])
    dance, reference = (folder / path.name for path in SAMPLE)
    return dance, reference


@pytest.fixture(scope="session")
def two_takes(
    sample_pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Ten seconds of the sample dance two times in a row, of the same song."""
    folder = tmp_path_factory.mktemp("twice")
    once, dance = folder / "once.mp4", folder / "twice.mp4"
    for before, source, made in (
        (["-t", "10"], sample_pair[0], once),
        (["-stream_loop", "1"], once, dance),
    ):
        given = ["-nostdin", *before, "-i", ffmpeg.file_url(source), "-c", "copy"]
        ffmpeg.run([*given, ffmpeg.file_url(made)])
    return dance, sample_pair[1]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings on an outputs folder of this test; child processes see them as well."""
    outputs = tmp_path / "project" / "outputs"
    outputs.mkdir(parents=True)
    monkeypatch.setenv("RETRACK_OUTPUTS", str(outputs))
    monkeypatch.setenv("RETRACK_WORKERS", "1")
    monkeypatch.setenv("RETRACK_BACKOFF_SECONDS", "0.1")
    yield Settings()
