"""When the clean sound is encoded beside the alignment, and when it is left for later."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.job.model import Job
from pipeline.job.progress import StageClock
from pipeline.job.steps import Sounds, find_alignment, inspect
from pipeline.render import ahead
from pipeline.settings import Settings


@pytest.mark.parametrize(
    ("dance", "reference", "expected"),
    [
        (180, 210, True),
        (180, 302, False),  # much of it would be in vain
        (3600, 3600, True),
        (3601, 3500, False),
        (3500, 3601, False),
        (7200, 7212, False),
    ],
)
def test_by_the_lengths(dance: float, reference: float, expected: bool) -> None:
    assert ahead.pays_off(dance, reference) is expected


def listen(pair: tuple[Path, Path], scratch: Path, meanwhile: ExitStack) -> Sounds:
    """The sounds of a pair after its alignment, as a job has them."""
    scratch.mkdir()
    job = Job(dance=pair[0], reference=pair[1], out=scratch, stem="a", scratch=scratch)
    clock = StageClock(["decode", "align_v2", "align_modular"], lambda event: None)
    files = inspect(job, lambda event: None, Settings(), meanwhile)
    found = find_alignment(job, files, clock, Settings(), meanwhile)
    assert found.alignment.matched
    return found.sounds


def test_a_short_pair_is_encoded_early_and_a_long_one_is_not(
    sample_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as meanwhile:
        sounds = listen(sample_pair, tmp_path / "short", meanwhile)
        assert sounds.reference_encode is not None
        sounds.reference_encode.result()
        assert (tmp_path / "short" / "sound-early.m4a").stat().st_size > 100_000
    monkeypatch.setattr(ahead, "MAX_SECONDS", 5.0)  # as if the pair were of two hours
    with ExitStack() as meanwhile:
        sounds = listen(sample_pair, tmp_path / "long", meanwhile)
        assert sounds.reference_encode is None
        assert "encode-early" not in {thread.name for thread in threading.enumerate()}
    assert not list((tmp_path / "long").glob("sound-early*"))


def test_nothing_goes_on_after_the_job(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    """A job that fails or is cancelled while the sound is being encoded ends the encoder."""
    with pytest.raises(KeyboardInterrupt), ExitStack() as meanwhile:
        listen(sample_pair, tmp_path / "s", meanwhile)
        raise KeyboardInterrupt
    assert "encode-early" not in {thread.name for thread in threading.enumerate()}
