"""One recording given as both files is noticed, whatever the copies are called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pipeline.child.supervise import call
from pipeline.job import warnings
from pipeline.job.model import Job
from pipeline.job.run import run
from pipeline.media.identical import BLOCK_BYTES, same_bytes
from pipeline.settings import Settings


def test_files_are_the_same_by_their_bytes_alone(tmp_path: Path) -> None:
    one, copy, other, short = (tmp_path / name for name in ("a.mov", "b.mp4", "c.mov", "d.mov"))
    data = os.urandom(2 * BLOCK_BYTES + 7)
    one.write_bytes(data)
    shutil.copyfile(one, copy)
    other.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    short.write_bytes(data[:-1])
    assert same_bytes(one, copy) and same_bytes(one, one)
    assert not same_bytes(one, other) and not same_bytes(one, short)
    told = call("same", {"path": str(one), "other": str(copy)}, timeout=60.0)
    assert told.outcome == {"same": True}


@pytest.mark.parametrize("same", [True, False])
def test_a_job_of_one_recording_twice_is_warned_and_done(
    sample_pair: tuple[Path, Path], tmp_path: Path, same: bool
) -> None:
    dance, reference = sample_pair
    if same:
        reference = shutil.copyfile(dance, tmp_path / "the song.mp4")
    job = Job(dance, reference, tmp_path, "x", tmp_path / "scratch", align_only=True)
    outcome = run(job, lambda event: None, Settings())
    assert outcome.matched
    assert [w["code"] for w in outcome.warnings] == (["same_file"] if same else [])
    assert not same or "the same file" in warnings.text(outcome.warnings[0])
