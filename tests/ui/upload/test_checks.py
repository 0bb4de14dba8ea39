"""What speaks against handing files in is known while the person still looks."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import reasons
from pipeline.media.ffmpeg import executable
from tests.tasks import task_of
from tests.ui.test_page import DONE, RECORDS, opened, outputs, words
from ui.incoming.uploads import Upload
from ui.upload import checks, inspection
from ui.upload.panel import usable
from ui.words import sentences as words_of

__all__ = ["outputs"]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "_retrack_background", type(sys)("_retrack_background"))
    yield


def waiting(path: Path, role: str = "dance") -> Upload:
    return Upload(path.name, path, path.name, path.stat().st_size, role)


def answered(ask: Callable[[], object]) -> None:
    end = time.monotonic() + 60.0
    while ask():
        assert time.monotonic() < end, "no answer"
        time.sleep(0.05)


def test_what_the_probe_refuses_is_not_handed_in(
    sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    text, cut = tmp_path / "notes.mp4", tmp_path / "cut.mov"
    text.write_text("a shopping list")
    cut.write_bytes(
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  \0\0\0\x08wide\xff\xff\xff\xffmdat" + bytes(9999)
    )
    dances = [waiting(sample_pair[0]), waiting(text), waiting(cut)]
    song = waiting(sample_pair[1], "reference")
    assert usable(dances, song).dances == dances, "nobody has to wait for the answer"
    answered(lambda: inspection.unfinished([*dances, song]))
    picked = usable(dances, song)
    assert picked.dances == [dances[0]] and picked.reference == song
    assert [inspection.refusal(one) for one in picked.left_out] == [
        reasons.NOT_MEDIA,
        reasons.UNREADABLE,
    ]
    said = inspection.facts_of(picked.files)
    assert said[dances[0].uid]["warning"] == said[song.uid]["warning"] == ""
    assert said["cut.mov"]["warning"] == "The file is damaged or incomplete."


def test_a_mute_dance_may_be_handed_in_and_a_mute_song_not(
    sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    mute = tmp_path / "mute.mp4"
    command = [executable(), "-loglevel", "error", "-i", str(sample_pair[0]), "-an", "-c", "copy"]
    subprocess.run([*command, str(mute)], check=True)
    dance, song = waiting(mute), waiting(mute, "reference")
    answered(lambda: inspection.unfinished([dance, song]))
    assert inspection.refusal(dance) is None
    assert inspection.refusal(song) == reasons.NO_SOUND


def test_a_renamed_copy_is_the_same_file(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copyfile(sample_pair[0], tmp_path / "the song.mp4"))
    dance, song, copied = (
        waiting(sample_pair[0]),
        waiting(sample_pair[1], "reference"),
        waiting(copy),
    )
    again = Upload("again", copy, copy.name, copied.size, "reference")
    for reference, same in ((song, []), (again, [dance])):
        answered(lambda given=reference: checks.unfinished([dance], given))  # type: ignore[misc]
        assert checks.same_files([dance], reference) == same


@pytest.mark.parametrize(
    ("locale", "told", "praise"),
    [("en-US", "are the same file", "Confidence"), ("zh-CN", "是同一个文件", "置信度：")],
)
def test_the_same_recording_twice_is_warned_of_and_not_praised(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, locale: str, told: str, praise: str
) -> None:
    monkeypatch.setitem(RECORDS, DONE, {**RECORDS[DONE], "warnings": [{"code": "same_file"}, None]})
    said = words(opened(outputs, DONE, locale))
    assert told in said and praise not in said
    assert words_of.verdict(task_of(DONE, "success", warnings=[{"code": "same_file"}]))


@pytest.mark.parametrize(
    ("locale", "told"), [("en-US", "(semitones: about -2)"), ("zh-CN", "（相差半音数：约 -2）")]
)
def test_music_in_another_key_is_said(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, locale: str, told: str
) -> None:
    given = [{"code": "other_key", "semitones": -2.0}]
    monkeypatch.setitem(RECORDS, DONE, {**RECORDS[DONE], "warnings": given})
    assert told in words(opened(outputs, DONE, locale))
