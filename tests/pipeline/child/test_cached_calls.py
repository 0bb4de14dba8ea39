"""Small media calls for the page: real children, and a real process that ends."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TypeVar

import pytest

from pipeline import reasons
from pipeline.child import budget, cached_calls
from pipeline.child.supervise import ROOT, CallResult
from pipeline.child.turns import Turns
from tests.hostile.slow import repeated_chapters

T = TypeVar("T")

ASK_AND_END = """
import sys
from pathlib import Path
from pipeline.child.cached_calls import fetch
film, *names = map(Path, sys.argv[1:])
for name in names:
    asked = {"path": str(film), "out": str(name / "small.mp4")}
    assert fetch("preview", asked, name, timeout=300.0, group="") is None
"""


def test_what_waits_does_not_keep_the_process_from_ending(
    tmp_path: Path, sample_pair: tuple[Path, Path]
) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    command = [sys.executable, "-c", ASK_AND_END, str(sample_pair[0]), *map(str, folders)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=300)
    assert not list(folders[-1].iterdir()), "nobody is there to look at it any more"


def test_more_files_than_are_kept_are_each_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "_retrack_background", type(sys)("_retrack_background"))
    monkeypatch.setattr(cached_calls, "_MAX_ANSWERS", 2)
    paths = [tmp_path / f"{number}.mp4" for number in range(5)]
    for path in paths:
        path.write_text("no video")

    def look() -> list[str | None]:
        found = [
            cached_calls.fetch(
                "facts", {"path": str(p), "role": "dance"}, p, timeout=60.0, group=None
            )
            for p in paths
        ]
        return [one.reason if one else None for one in found]

    end = time.monotonic() + 60.0
    while None in (seen := look()):
        assert time.monotonic() < end, f"they push each other out for ever: {seen}"
        time.sleep(0.1)
    assert seen == [reasons.NOT_MEDIA] * 5


def test_a_child_that_cannot_be_started_is_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("no video")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-such-python"))
    end = time.monotonic() + 60.0
    given = {"path": str(path), "role": "dance"}
    while (done := cached_calls.fetch("facts", given, path, timeout=60.0, group="")) is None:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (done.outcome, done.reason) == (None, reasons.CRASHED)


def test_nobody_waits_behind_the_many_of_another() -> None:
    turns: Turns[str] = Turns()
    for number in range(4):
        turns.put("first", "first", f"first {number}")
    turns.put("second", "second", "second 0")
    turns.put("third", "third", "third 0")
    assert taken(turns) == "first 0"
    turns.put("fourth", "fourth", "fourth 0")
    turns.put("second", "second", "second 1")
    rest = [taken(turns) for _ in range(7)]
    assert rest == [
        *("second 0", "third 0", "first 1", "fourth 0"),
        *("second 1", "first 2", "first 3"),
    ]


def test_a_group_has_one_turn_at_a_time() -> None:
    turns: Turns[str] = Turns()
    for item in ("first 0", "first 1"):
        turns.put(None, None, item)
    turns.put("second", "second", "second 0")
    with turns.taken() as one:
        assert (one, taken(turns)) == ("first 0", "second 0")
    assert taken(turns) == "first 1"


def test_many_visitors_of_one_network_are_no_more_than_one_of_another() -> None:
    turns: Turns[str] = Turns()
    for number in range(4):
        turns.put("class", f"student {number}", f"class {number}")
    with turns.taken(), turns.taken() as second:
        assert second == "class 1", "nobody else waits"
        turns.put("home", "dancer", "home 0")
        turns.put("home", "dancer", "home 1")
        assert [taken(turns) for _ in range(3)] == ["home 0", "home 1", "class 2"]
    turns.put("home", "dancer", "home 2")
    turns.put("class", "student 0", "class 4")
    assert [taken(turns) for _ in range(3)] == ["class 3", "home 2", "class 4"]


def test_who_takes_turns_waits_for_the_next() -> None:
    turns: Turns[int] = Turns()
    got: list[int] = []

    def take() -> None:
        for _ in range(50):
            got.append(taken(turns))

    takers = [threading.Thread(target=take) for _ in range(2)]
    for taker in takers:
        taker.start()
    for number in range(100):
        turns.put(number % 3, number % 3, number)
    for taker in takers:
        taker.join(timeout=60)
    assert sorted(got) == list(range(100))


def taken(turns: Turns[T]) -> T:
    """An item whose work is done at once."""
    with turns.taken() as item:
        return item


def test_a_slow_file_of_one_visitor_does_not_delay_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is ended then; the other one needs a tenth of it.
    monkeypatch.setattr(budget, "OPENING_SECONDS", 3.0)
    slow, small = repeated_chapters(tmp_path / "slow.mkv", 2_000), tmp_path / "small.mp4"
    small.write_text("no video")

    def look(path: Path, visitor: str) -> CallResult | None:
        given = {"path": str(path), "role": "reference"}
        return cached_calls.fetch("facts", given, path, timeout=600.0, group=visitor, quick=True)

    assert look(slow, "first") is None
    end = time.monotonic() + 300.0
    while (found := look(small, "second")) is None:
        assert look(slow, "first") is None, "the other waited until this was done"
        assert time.monotonic() < end
        time.sleep(0.05)
    assert found.reason == reasons.NOT_MEDIA
    while look(slow, "first") is None:  # its child is no other test's
        assert time.monotonic() < end
        time.sleep(0.05)
