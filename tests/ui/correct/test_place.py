"""Placing by hand with the plain script, where no component of ours can be given files."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.media.ffmpeg import executable
from tests.ui.test_page import FAILED, RECORDS, opened, outputs, words
from ui.correct.place import checked

__all__ = ["outputs"]


def test_the_same_moment_of_both_files_makes_the_place(
    outputs: Path, sample_pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = outputs / "uploads" / FAILED
    folder.mkdir(parents=True)
    paths = {}
    for role, path in zip(("dance", "reference"), sample_pair, strict=True):
        (folder / f"{role}{path.suffix}").write_bytes(path.read_bytes())
        paths[f"{role}_file"] = f"outputs/uploads/{FAILED}/{role}{path.suffix}"
    monkeypatch.setitem(RECORDS, FAILED, {**RECORDS[FAILED], **paths})
    page = opened(outputs, FAILED)
    assert "Please place the song below" in words(page)
    assert "exactly as you give it" in words(page), "no search is promised for a mute dance"
    about = f"{FAILED}-failed-0-0.000"
    page.number_input(key=f"place.moment-original-{about}").set_value(4.0)
    page.number_input(key=f"place.moment-reference-{about}").set_value(9.5)
    page.number_input(key=f"place.speed-{about}").set_value(1.05).run()
    page.button(key="place.save").click().run()
    assert not page.exception
    record = json.loads((outputs / "task_status.json").read_text())[FAILED]
    assert record["options"]["hint"] == {"offset": pytest.approx(9.5 - 1.05 * 4), "speed": 1.05}
    assert record["status"] in {"pending", "processing"}


@pytest.mark.parametrize(
    "given",
    [
        *(None, {}, [3, 1], {"offset": "3"}, {"offset": 3}, {"offset": True, "speed": 1}),
        *({"offset": 1e9, "speed": 1}, {"offset": float("nan"), "speed": 1}),
    ],
)
def test_what_is_no_place_is_not_taken(given: object) -> None:
    assert checked(given) is None


def test_a_place_is_kept_within_the_speeds_that_are_looked_for() -> None:
    assert checked({"offset": -3, "speed": 9}) == {"offset": -3.0, "speed": 1.4}


def test_a_track_is_chosen_where_a_file_has_several(
    outputs: Path, sample_pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The box begins with the track that players take, and what is chosen is saved."""
    folder = outputs / "uploads" / FAILED
    folder.mkdir(parents=True)
    (folder / "dance.mp4").write_bytes(sample_pair[0].read_bytes())
    make = [
        *("-i", str(sample_pair[1]), "-i", str(sample_pair[1])),
        *("-map", "0:a", "-map", "1:a", "-c", "copy"),
        *("-disposition:a:0", "0", "-disposition:a:1", "default"),
        *("-metadata:s:a:0", "title=<b>Commentary</b>", str(folder / "reference.mka")),
    ]
    subprocess.run([executable(), "-loglevel", "error", *make], timeout=60, check=True)
    paths = {
        "dance_file": f"outputs/uploads/{FAILED}/dance.mp4",
        "reference_file": f"outputs/uploads/{FAILED}/reference.mka",
    }
    monkeypatch.setitem(RECORDS, FAILED, {**RECORDS[FAILED], **paths})
    page = opened(outputs, FAILED)
    until = time.monotonic() + 60
    name = f"place.track-reference-{FAILED}-failed-0"
    while True:
        boxes = {box.key: box for box in page.run().selectbox}
        if name in boxes or time.monotonic() > until:
            break
        time.sleep(0.2)  # the file is looked at in a child
    box = boxes[name]
    assert box.label == "Sound track of the song"
    assert box.value == 2
    assert box.options[0].startswith("1: <b>Commentary</b>")
    box.select_index(0).run()
    page.button(key="place.save").click().run()
    assert not page.exception
    options = json.loads((outputs / "task_status.json").read_text())[FAILED]["options"]
    assert options["reference_track"] == 1 and "dance_track" not in options
    assert options["hint"] == {"offset": 0.0, "speed": 1.0}
