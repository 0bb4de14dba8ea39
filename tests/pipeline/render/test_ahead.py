"""When a result's sound is made beside the alignment, and when it is left for later."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pipeline.job import inputs
from pipeline.job.background import BackgroundWork
from pipeline.job.inputs import inspect
from pipeline.job.model import Job
from pipeline.job.progress import StageClock
from pipeline.job.steps import MakePlan, Sounds, find_alignment, plan_answers
from pipeline.media.frame_times import FrameTimes, frame_times
from pipeline.media.info import MediaInfo
from pipeline.model import VARIANTS
from pipeline.render import ahead, growing
from pipeline.render.aac import sound_file
from pipeline.render.result import render
from pipeline.settings import Settings
from pipeline.sound.decode import PcmSound, decode_tracks
from tests.media.work import SETTINGS, Pair, Result, make_result
from tests.pipeline.pairs import WHOLE


@pytest.mark.parametrize(
    ("dance", "reference", "expected"),
    [(3600, 3600, True), (3601, 3500, False), (3500, 3601, False)],
)
def test_by_the_lengths(dance: float, reference: float, expected: bool) -> None:
    assert ahead.pays_off(dance, reference) is expected


def listen(pair: tuple[Path, Path], scratch: Path, meanwhile: ExitStack) -> tuple[Sounds, MakePlan]:
    """The sounds of a pair after its alignment, as a job has them, and its plans."""
    scratch.mkdir()
    job = Job(dance=pair[0], reference=pair[1], out=scratch, stem="a", scratch=scratch)
    clock = StageClock(["decode", "align_v2", "align_modular"], lambda event: None)
    files = inspect(job, lambda event: None, Settings(), meanwhile)
    found = find_alignment(job, files, clock, Settings(), meanwhile)
    assert found.alignment.matched
    sounds, make = found.sounds, plan_answers(job, files, found.alignment, found.sounds, Settings())
    return sounds, make


def test_the_sound_of_a_short_pair_is_there_before_it_is_rendered(
    sample_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "short"
    with ExitStack() as meanwhile:
        sounds, make = listen(sample_pair, scratch, meanwhile)
        assert sounds.frames is not None
        [early] = scratch.glob("sound-*.json")
        for name in VARIANTS:
            sound = sound_file(make(name), *sample_pair, scratch, settings=Settings())
            assert sound.shared and sound.path.with_suffix(".json") == early
    monkeypatch.setattr(ahead, "MAX_SECONDS", 5.0)  # as if the pair were of two hours
    with ExitStack() as meanwhile:
        sounds, _ = listen(sample_pair, tmp_path / "long", meanwhile)
        assert sounds.frames is None
        assert "encode-early" not in {thread.name for thread in threading.enumerate()}
    assert not list((tmp_path / "long").glob("sound-*"))


def test_the_pictures_are_read_while_the_reference_is_decoded(
    sample_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And by the thread that waits: one more would take memory of its own."""
    read = threading.Event()

    def decode(path: Path, info: MediaInfo, *given: Any, **named: Any) -> tuple[PcmSound, ...]:
        assert info.role == "dance" or read.wait(30), "the pictures wait for the reference"
        return decode_tracks(path, info, *given, **named)

    def times(*given: Any, **named: Any) -> FrameTimes:
        assert threading.current_thread() is threading.main_thread()
        read.set()
        return frame_times(*given, **named)

    monkeypatch.setattr(inputs, "decode_tracks", decode)
    monkeypatch.setattr(inputs, "frame_times", times)
    with ExitStack() as meanwhile:
        sounds, _ = listen(sample_pair, tmp_path / "s", meanwhile)
    assert sounds.frames is not None


class Encoder:
    """Makes a sound in a thread, and stops in the middle until it is told to ``go_on``."""

    def __init__(self, result: Result, pair: Pair, scratch: Path, error: Exception | None) -> None:
        self._begun, self._go_on, self._error = threading.Event(), threading.Event(), error
        scratch.mkdir()
        given = (result.plan, pair.dance, pair.reference, scratch)
        self._work = BackgroundWork(
            "encoder", lambda _: sound_file(*given, settings=SETTINGS, progress=self._wait)
        )
        assert self._begun.wait(30)

    def _wait(self, done: float) -> None:
        self._begun.set()
        if done >= 0.4:
            assert self._go_on.wait(30), "the result waits for the whole sound"
            if self._error is not None:
                raise self._error

    def hear(self, done: float) -> None:
        """The progress of the rendering."""
        if done > 0.2:
            self._go_on.set()


def test_a_result_is_written_while_its_sound_is_being_encoded(pair: Pair, tmp_path: Path) -> None:
    """And is the same, bit by bit."""
    first = make_result(pair, [WHOLE], tmp_path / "first.mp4")
    scratch, out = tmp_path / "s", tmp_path / "out.mp4"
    encoder = Encoder(first, pair, scratch, None)
    report = render(first.plan, pair.dance, pair.reference, out, settings=SETTINGS,
                    scratch=scratch, progress=encoder.hear)  # fmt: skip
    assert report.sound_shared
    assert out.read_bytes() == first.path.read_bytes()


def test_a_sound_that_is_given_up_is_made_anew(pair: Pair, tmp_path: Path) -> None:
    first = make_result(pair, [WHOLE], tmp_path / "first.mp4")
    scratch, out = tmp_path / "s", tmp_path / "out.mp4"
    encoder = Encoder(first, pair, scratch, OSError("the encoder broke"))
    report = render(first.plan, pair.dance, pair.reference, out, settings=SETTINGS,
                    scratch=scratch, progress=encoder.hear)  # fmt: skip
    assert not report.sound_shared
    assert out.read_bytes() == first.path.read_bytes()


def test_a_signal_while_a_result_waits_for_its_sound_ends_it(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libavformat loses what is raised while it reads."""
    first = make_result(pair, [WHOLE], tmp_path / "first.mp4")
    scratch, out = tmp_path / "s", tmp_path / "out.mp4"
    encoder = Encoder(first, pair, scratch, None)

    def interrupted(seconds: float) -> None:
        encoder.hear(1.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(growing, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render(first.plan, pair.dance, pair.reference, out, settings=SETTINGS, scratch=scratch)
    assert not out.exists()


def test_what_a_dead_process_had_begun_is_not_waited_for(pair: Pair, tmp_path: Path) -> None:
    first = make_result(pair, [WHOLE], tmp_path / "first.mp4", scratch=tmp_path)
    [sound] = tmp_path.glob("sound-*.m4a")
    sound.rename(growing.part_of(sound))
    again = make_result(pair, [WHOLE], tmp_path / "again.mp4", scratch=tmp_path)
    assert not again.report.sound_shared
    assert again.path.read_bytes() == first.path.read_bytes()


def test_nothing_goes_on_after_the_job(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    """A job that fails or is cancelled while the sound is being encoded ends the encoder."""
    with pytest.raises(KeyboardInterrupt), ExitStack() as meanwhile:
        listen(sample_pair, tmp_path / "s", meanwhile)
        raise KeyboardInterrupt
    assert "encode-early" not in {thread.name for thread in threading.enumerate()}
