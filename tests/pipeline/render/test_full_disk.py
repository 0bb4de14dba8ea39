"""A disk that really runs full, in the middle of the work: a small file system of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import reasons
from pipeline.media.ffmpeg import executable
from pipeline.plan.make import make_plan
from pipeline.plan.options import RenderOptions
from pipeline.reasons import JobError
from pipeline.render import result as rendering
from pipeline.render.result import render
from pipeline.running.runner import Runner
from pipeline.scratch import FREE_MARGIN_BYTES
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import submit
from store import Store
from tests.media.clips import RATE, write_sound
from tests.media.work import SETTINGS, Pair, read_pair
from tests.pipeline.pairs import OFFSET, WHOLE
from tests.waiting import until

MEBI = 2**20
DISK = 400
"""Size of the file system (MiB)."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of ``DISK`` MiB."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs Linux and root")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Takes all but ``leave`` bytes of the disk that ``folder`` is on, while others write too."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        while (free := shutil.disk_usage(folder).free) > leave:
            with suppress(OSError):  # somebody else took it
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free - leave)
    return filler


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, song: NDArray[np.float32]) -> Pair:
    """A dance of 12 s and some 50 MB whose picture MP4 does not take, and its song."""
    folder = tmp_path_factory.mktemp("large")
    sound = write_sound(song[round(OFFSET * RATE) :], folder / "room.wav")
    dance = folder / "dance.avi"
    subprocess.run(
        [
            *(executable(), "-loglevel", "error", "-f", "lavfi"),
            *("-i", "testsrc2=s=640x360:r=30,noise=alls=40:allf=t", "-i", str(sound)),
            *("-t", "12", "-c:v", "mpeg4", "-q:v", "4", "-c:a", "copy", "-y", str(dance)),
        ],
        check=True,
        timeout=100,
    )
    reference = write_sound(song, folder / "song.flac")
    return read_pair(dance, reference, folder / "scratch")


@pytest.fixture(scope="module")
def copied(large: Pair, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The same as H.264, which is copied."""
    folder = tmp_path_factory.mktemp("copied")
    dance = folder / "dance.mp4"
    subprocess.run(
        [
            *(executable(), "-loglevel", "error", "-i", str(large.dance), "-c:v", "libx264"),
            *("-preset", "ultrafast", "-qp", "16", "-c:a", "aac", "-y", str(dance)),
        ],
        check=True,
        timeout=100,
    )
    assert 24 * MEBI < dance.stat().st_size < 100 * MEBI
    return read_pair(dance, large.reference, folder / "scratch")


def fails_for_want_of_space(
    pair: Pair, disk: Path, scratch: Path, leave: int, at: float, options: RenderOptions
) -> JobError:
    """The error of a render whose disk is filled at ``at`` (0 to 1) but for ``leave`` bytes."""
    plan = make_plan([WHOLE], pair.dance_info, pair.reference_info, variant="v2",
                     options=options, measurements=pair.measurements)  # fmt: skip
    out = disk / "results" / "out.mp4"
    out.parent.mkdir()
    scratch.mkdir(exist_ok=True)
    filled: list[Path] = []

    def hear(done: float) -> None:
        if done >= at and not filled:
            filled.append(fill(disk, leave))

    with pytest.raises(JobError) as caught:
        render(plan, pair.dance, pair.reference, out, settings=SETTINGS, scratch=scratch,
               progress=hear)  # fmt: skip
    assert filled
    assert caught.value.reason == reasons.DISK_FULL
    assert list(out.parent.iterdir()) == []
    return caught.value


@pytest.mark.parametrize("encoded", [False, True])
def test_no_space_left_while_the_result_is_written(
    encoded: bool, large: Pair, copied: Pair, disk: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The write itself fails: nobody has looked at the free space in time."""
    monkeypatch.setattr(rendering, "BYTES_BETWEEN_CHECKS", 1 << 40)
    pair = large if encoded else copied
    error = fails_for_want_of_space(
        pair, disk, tmp_path / "s", leave=4 * MEBI, at=0.75, options=RenderOptions()
    )
    assert "the disk is full" in str(error)
    assert "No space left" in error.detail


def test_the_free_space_is_looked_at_while_writing(
    copied: Pair, disk: Path, tmp_path: Path
) -> None:
    """There is room for the whole result yet, but not for what is left alone besides."""
    leave = 60 * MEBI
    assert leave < FREE_MARGIN_BYTES
    error = fails_for_want_of_space(
        copied, disk, tmp_path / "s", leave=leave, at=0.75, options=RenderOptions()
    )
    assert "no space for 8 MiB more" in str(error)


@pytest.mark.parametrize("room", [0.0, 0.3])
def test_no_space_left_while_the_sound_is_encoded(
    room: float, copied: Pair, disk: Path, tmp_path: Path
) -> None:
    """Written by us where it is music alone, by ffmpeg where it is mixed."""
    options = RenderOptions(room_sound=room)
    error = fails_for_want_of_space(
        copied, disk, disk / "scratch", leave=0, at=0.0, options=options
    )
    assert "disk" in str(error)
    assert not list((disk / "scratch").iterdir())


def test_a_task_on_a_full_disk_fails_in_words_and_leaves_nothing(
    large: Pair, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = disk / "outputs"
    outputs.mkdir()
    monkeypatch.setenv("RETRACK_OUTPUTS", str(outputs))
    settings = Settings()
    store = Store(settings, FORM).start()
    runner = Runner(store, settings)
    runner.start()
    try:
        task = submit(store, settings, large.dance, large.reference,
                      dance_name="class.avi", reference_name="song.flac")  # fmt: skip
        results = outputs / "results" / task.id
        until(lambda: any(results.glob("attempt-*/.retrack-*/*.mp4")), "the result being written")
        filler = fill(disk)
        until(lambda: (found := store.get(task.id)) and found.finished, "the task's end")
        done = store.get(task.id)
        assert done is not None
        assert (done.status, done.reason) == ("failed", reasons.DISK_FULL)
        assert done.message == reasons.message_of(reasons.DISK_FULL, None)
        assert (done.extra.get("v2_output"), done.extra.get("modular_output")) == (None, None)
        left = {path.name for path in results.rglob("*")}
        kept = {name for name in left if not name.startswith("details-")}
        assert kept <= {".retrack", "evidence.json"}, "of what was half done"
        # With room again, what happened is on the disk too.
        filler.unlink()
        saved = outputs / "task_status.json"
        until(lambda: '"disk_full"' in saved.read_text(), "the failure on the disk")
    finally:
        runner.stop()
        store.close()
    again = Store(settings, FORM).start()
    found = again.get(task.id)
    again.close()
    assert found is not None and (found.status, found.reason) == ("failed", reasons.DISK_FULL)
