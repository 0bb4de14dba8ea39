"""What is said of a file speaks for all of its sound tracks."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from pipeline import reasons
from pipeline.child import cached_calls
from pipeline.child.supervise import CallResult, call
from pipeline.media import ffmpeg
from tests.waiting import until
from ui.incoming.uploads import Upload
from ui.upload import inspection
from ui.upload.inspection import _describe


def test_the_level_of_each_sound_track_is_said(tmp_path: Path) -> None:
    path = tmp_path / "three.mka"
    ffmpeg.run(
        [
            *("-nostdin", "-f", "lavfi", "-t", "3", "-i", "sine=f=440:r=48000"),
            *("-f", "lavfi", "-t", "3", "-i", "anullsrc=r=48000", "-map", "0", "-map", "1"),
            *("-map", "0", "-filter:a:0", "volume=0.1", ffmpeg.file_url(path)),
        ]
    )
    found = call("facts", {"path": str(path), "role": "reference"}, timeout=60)
    assert found.outcome is not None, found.text
    soft, silent, loud = found.outcome["levels_db"]
    assert silent is None and loud == pytest.approx(soft + 20, abs=0.5)
    said = _describe(found.outcome, 1000, "reference")
    assert f"2 sound tracks: {soft:.0f}, {loud:.0f} dB" in said["text"]
    assert said["warning"] == ""


def test_only_a_file_without_any_loud_track_is_too_quiet() -> None:
    info = {"duration": 3.0, "sounds": [{}, {}], "levels_db": [-70.0, -20.0]}
    assert _describe(info, 1, "dance")["warning"] == ""
    info["levels_db"] = [-70.0, None]
    assert "-70 dB" in _describe(info, 1, "dance")["text"]
    assert _describe(info, 1, "dance")["warning"] != ""


def test_a_look_that_was_interrupted_is_said_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "_retrack_background", ModuleType("background"))
    nobody = CallResult(reason=reasons.INTERRUPTED)
    cached_calls.go_through(lambda *given, **options: nobody, Path.stat)
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    upload = Upload("a", path, "a.mp4", 1, "dance")
    until(lambda: inspection.look(upload), "the answer")
    assert "interrupted" in inspection.facts_of([upload])["a"]["warning"]
    assert inspection.unfinished([upload]), "the page looks again"
    assert inspection.refusal(upload) is None, "and it can be handed in"
