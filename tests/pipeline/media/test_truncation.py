"""Files that end before their header says: noticed, said in words, and used all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import reasons
from pipeline.job import warnings
from pipeline.job.model import Job, Outcome
from pipeline.job.run import run
from pipeline.media.ffmpeg import executable
from pipeline.media.info import MediaInfo, Role
from pipeline.media.probe import probe
from pipeline.media.truncation import ends_early
from pipeline.reasons import InputError
from pipeline.running.runner import Runner
from pipeline.sample.tune import tune
from pipeline.settings import Settings
from pipeline.sound.decode import decode_sound
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import submit
from store import Store
from tests.kinds import more
from tests.media import measure
from tests.media.clips import RATE, Clip, make_dance, write_sound
from tests.media.work import SETTINGS
from tests.waiting import until
from ui.words.catalogue import en, zh

SECONDS = 20.0
OFFSET = 2.0
KEPT = 0.6

SOUNDS = {
    "song.wav": [],
    "song.flac": [],
    "vorbis.ogg": ["-c:a", "libvorbis"],
    "opus.ogg": ["-c:a", "libopus"],
    "constant.mp3": ["-b:a", "192k"],
    "variable.mp3": ["-q:a", "2"],
    "song.aiff": [],
    "song.caf": [],
    "song.wma": [],
    "song.m4a": ["-c:a", "aac", "-movflags", "+faststart"],
}
CLIPS = {
    "front.mp4": Clip(b_frames=2, seconds=SECONDS),
    "h264.mkv": Clip("mkv", b_frames=2, seconds=SECONDS),
    "vp8.webm": Clip("webm", "vp8", seconds=SECONDS),
    "h264.avi": Clip("avi", b_frames=2, seconds=SECONDS),
    "mpeg4.avi": Clip("avi", "mpeg4", seconds=SECONDS),
    "wmv2.wmv": Clip("wmv", "wmv2", seconds=SECONDS),
    "h264.ts": Clip("ts", b_frames=2, seconds=SECONDS),
    "h264.m2ts": Clip("m2ts", b_frames=2, seconds=SECONDS),
}

EVERYDAY = (
    *("song.wav", "song.flac", "vorbis.ogg", "constant.mp3", "song.aiff", "song.caf", "song.wma"),
    *("song.m4a", "front.mp4", "h264.mkv", "h264.avi", "h264.ts", "wmv2.wmv"),
)
"""One of each container, of Matroska and of transport streams; other codecs are more of a kind."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@cache
def music() -> NDArray[np.float32]:
    """The sample's tune, shape (samples, 2), as long as the references of this test."""
    return tune()[: round((SECONDS + OFFSET + 2) * RATE)]


def whole(name: str, folder: Path) -> Path:
    """The file before it is cut off; made once."""
    path = folder / name
    if path.exists():
        return path
    song = music()
    if name in SOUNDS:
        return write_sound(song, path, *SOUNDS[name])
    made = make_dance(CLIPS[name], song[round(OFFSET * RATE) :], folder)
    if name == "front.mp4":
        copy = ["-i", str(made), "-c", "copy", "-movflags", "+faststart", str(path)]
        subprocess.run([executable(), "-loglevel", "error", *copy], check=True, timeout=60)
        return path
    return made.rename(path)


def cut(name: str, folder: Path, share: float = KEPT) -> Path:
    source = whole(name, folder)
    path = folder / f"cut-{share:g}-{name}"
    path.write_bytes(source.read_bytes()[: round(source.stat().st_size * share)])
    return path


def look(path: Path, role: Role, scratch: Path) -> tuple[MediaInfo, float]:
    """What the file is, and where its sound ends (seconds)."""
    info = probe(path, role=role, settings=SETTINGS)
    return info, decode_sound(path, info, scratch, settings=SETTINGS).duration


@pytest.mark.parametrize("name", [*EVERYDAY, *more(*sorted({*SOUNDS, *CLIPS} - {*EVERYDAY}))])
def test_a_cut_off_file_is_noticed_and_a_whole_one_is_not(
    name: str, folder: Path, tmp_path: Path
) -> None:
    role: Role = "dance" if name in CLIPS else "reference"
    info, end = look(whole(name, folder), role, tmp_path)
    assert warnings.cut_off(info, end) == []
    info, end = look(cut(name, folder), role, tmp_path)
    (found,) = warnings.cut_off(info, end)
    assert found["code"] == f"{role}_cut_off"
    # Bytes are not spread evenly over time, and libvpx spreads them by how busy the machine is.
    assert found["at"] == pytest.approx(KEPT * (SECONDS if name in CLIPS else 24), rel=0.3)
    assert found["at"] == pytest.approx(end, abs=0.01)


def test_what_has_no_end_of_its_own_is_not_called_cut_off(folder: Path, tmp_path: Path) -> None:
    """A live recording promises nothing; a trailing tag or a lost index takes nothing away."""
    live = tmp_path / "live.mkv"
    with live.open("wb") as out:
        source = ["-i", str(whole("h264.mkv", folder)), "-c", "copy"]
        subprocess.run([executable(), "-loglevel", "error", *source, "-f", "matroska", "-"],
                       check=True, stdout=out, timeout=60)  # fmt: skip
    tagged = tmp_path / "tagged.wav"
    tagged.write_bytes(whole("song.wav", folder).read_bytes() + b"TAG" + bytes(125))
    without = tmp_path / "without-index.mkv"
    data = whole("h264.mkv", folder).read_bytes()
    without.write_bytes(data[: data.rindex(b"\x1c\x53\xbb\x6b")])
    cases: list[tuple[Path, Role]] = [(live, "dance"), (tagged, "reference"), (without, "dance")]
    for path, role in cases:
        info, end = look(path, role, tmp_path)
        assert not ends_early(info, end), path.name


def outcome(dance: Path, reference: Path, folder: Path) -> Outcome:
    job = Job(dance, reference, folder / "out", "class", folder / "scratch")
    return run(job, lambda event: None, Settings())


@pytest.mark.parametrize(
    "name", ["front.mp4", "mpeg4.avi", *more("h264.mkv", "h264.avi", "h264.m2ts")]
)
def test_what_is_there_of_a_dance_becomes_results(name: str, folder: Path, tmp_path: Path) -> None:
    made = outcome(cut(name, folder), whole("song.wav", folder), tmp_path)
    assert made.warnings[0]["code"] == "dance_cut_off"
    encoded = "mpeg4" in name
    assert [w["code"] for w in made.warnings[1:]] == ["picture_encoded"] * encoded
    for variant in made.variants.values():
        assert variant.status == "success", variant.text
        assert variant.output is not None
        numbers = measure.pictures(Path(variant.output)).numbers
        assert len(numbers) / 30 == pytest.approx(KEPT * SECONDS, abs=1.5)
        assert numbers == tuple(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize("name", ["song.m4a", *more("constant.mp3", "vorbis.ogg")])
def test_what_is_there_of_a_reference_is_heard(name: str, folder: Path, tmp_path: Path) -> None:
    made = outcome(whole("front.mp4", folder), cut(name, folder), tmp_path)
    (found,) = made.warnings
    assert found["code"] == "reference_cut_off"
    for variant in made.variants.values():
        assert variant.status == "success", variant.text
        assert variant.plan is not None
        end = variant.plan["sound"]["pieces"][-1]["end"]
        assert end == pytest.approx(found["at"] - OFFSET, abs=0.4)


def test_too_little_of_it_is_a_clear_failure(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        outcome(cut("front.mp4", folder, 0.03), whole("song.wav", folder), tmp_path)
    assert caught.value.reason in {reasons.UNREADABLE, reasons.TOO_SHORT}
    assert "the dance file" in str(caught.value)


def test_the_command_line_says_where_it_ends(folder: Path, tmp_path: Path) -> None:
    files = [str(cut("front.mp4", folder)), str(whole("song.wav", folder))]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pipeline",
            "run",
            *files,
            "--out",
            str(tmp_path),
            "--variant",
            "v2",
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert "the dance file is cut off: it ends at 0:1" in done.stderr
    assert json.loads(done.stdout)["warnings"][0]["code"] == "dance_cut_off"


def test_the_task_keeps_the_warning(folder: Path, settings: Settings) -> None:
    store = Store(settings, FORM).start()
    runner = Runner(store, settings)
    runner.start()
    try:
        task = submit(store, settings, cut("front.mp4", folder), whole("song.wav", folder),
                      dance_name="class.mp4", reference_name="song.wav")  # fmt: skip
        until(lambda: (found := store.get(task.id)) and found.finished, "the task's end")
        done = store.get(task.id)
        assert done is not None and done.status == "success"
        (found,) = done.extra["warnings"]
        assert found["code"] == "dance_cut_off"
    finally:
        runner.stop()
        store.close()


def test_every_warning_has_words_in_both_languages() -> None:
    for code in warnings.TEXTS:
        assert f"warning.{code}" in en.TEXT
        assert f"warning.{code}" in zh.TEXT
