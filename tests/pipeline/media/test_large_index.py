"""A small file whose index takes hundreds of megabytes is refused before it has taken them."""

from __future__ import annotations

import resource
import stat
import sys
import threading
from pathlib import Path

import psutil
import pytest

from pipeline import memory, reasons
from pipeline.child.calls import CALLS
from pipeline.media import ffmpeg
from pipeline.media.probe import probe
from pipeline.reasons import InputError, message_of
from pipeline.settings import Settings
from tests.hostile import bombs
from tests.hostile.boxes import DATA_AT, Track, picture_entry, sound_entry, write_film

SETTINGS = Settings()
HELD_MB = 60
"""What this process may hold more of afterwards: what was taken is given back."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory has no limits here")


@pytest.fixture(scope="module")
def edits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of which libavformat goes on with a part, without an error, when memory is short."""
    return bombs.repeated_edits(tmp_path_factory.mktemp("index") / "edits.mov", 20_000)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose index is asked for at once, so that opening it fails."""
    return bombs.many_samples(tmp_path_factory.mktemp("index") / "samples.m4a", 12_000_000)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose index grows while it is read."""
    return bombs.many_samples_later(tmp_path_factory.mktemp("index") / "later.m4a", 12_000_000)


@pytest.mark.parametrize("name", ["edits", "samples", "later"])
def test_it_is_refused_in_plain_words(name: str, request: pytest.FixtureRequest) -> None:
    path, before = request.getfixturevalue(name), psutil.Process().memory_info().rss
    with pytest.raises(InputError) as caught:
        probe(path, role="reference", settings=SETTINGS)
    assert (caught.value.reason, caught.value.role) == (reasons.LARGE_INDEX, "reference")
    assert "the reference file" in str(caught.value) and "export it again" in str(caught.value)
    assert "参考音乐" in message_of(reasons.LARGE_INDEX, "reference")
    assert psutil.Process().memory_info().rss - before < HELD_MB * 2**20
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY


def test_its_picture_is_not_made_either(edits: Path, tmp_path: Path) -> None:
    """ffmpeg would open it in a process of its own."""
    asked = {"path": str(edits), "out": str(tmp_path / "a.jpg"), "at": 1.0}
    with pytest.raises(InputError) as caught:
        CALLS["thumbnail"](asked, SETTINGS, lambda event: None)
    assert (caught.value.reason, caught.value.role) == (reasons.LARGE_INDEX, "dance")


def test_the_longest_honest_index_is_read(tmp_path: Path) -> None:
    """Of three hours at 240 pictures a second."""
    count = 3 * 3600 * 240
    film = Track(
        picture_entry("jpeg", 320, 240), 240, 1, count, [DATA_AT], size=1, per_chunk=count, edits=1
    )
    sound = Track(sound_entry(8000), 8000, 1, 80_000, [DATA_AT], size=2, per_chunk=80_000)
    path = write_film(tmp_path / "long.mov", bytes(count), film, sound)
    assert probe(path, role="reference", settings=SETTINGS).duration == pytest.approx(10_800)
    with ffmpeg.open_input(path) as container:
        assert len(container.streams.video[0].index_entries) == count


def test_an_ffmpeg_that_starts_meanwhile_has_no_such_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It inherits limits, and would keep this one."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nulimit -S -d\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(ffmpeg, "executable", lambda: str(program))
    limited, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with memory.for_an_index():
            limited.set()
            go_on.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert limited.wait(30)
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY
    threading.Timer(0.3, go_on.set).start()
    with ffmpeg.process([]) as pipe:
        assert pipe.read().split() == [b"unlimited"]
    holder.join()
