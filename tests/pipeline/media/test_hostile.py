"""Files that name other files, or are not what they say: nothing else is read.

Each limit is also taken away, to see that the attack is real and that the limit is what
stops it (PyAV takes unknown options in silence).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import reasons
from pipeline.media import ffmpeg
from pipeline.media.probe import probe
from tests.pipeline.media.crafted import (
    SETTINGS,
    ffmpeg_reads,
    make,
    opens,
    picture,
    refusal,
    tone,
)


@pytest.fixture(scope="module")
def playlist(folder: Path, good: Path) -> Path:
    """An HLS playlist that calls itself .mp4 and points at another local file."""
    stream = folder / "secret.ts"
    make("-i", str(good), "-c", "copy", str(stream))
    path = folder / "playlist.mp4"
    path.write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{stream.absolute()}\n#EXT-X-ENDLIST\n"
    )
    return path


@pytest.fixture(scope="module")
def script(folder: Path, good: Path) -> Path:
    """An ffconcat script that calls itself .mp4 and names another user's file."""
    path = folder / "script.mp4"
    path.write_text(f"ffconcat version 1.0\nfile {good.name}\n")
    return path


def test_a_playlist_reads_no_other_file(playlist: Path) -> None:
    assert refusal(playlist).reason == reasons.NOT_MEDIA


def test_the_list_of_demuxers_is_what_stops_a_playlist(playlist: Path) -> None:
    """Newer demuxers look at the name as well, so here it has the right one."""
    named = playlist.with_suffix(".m3u8")
    named.write_bytes(playlist.read_bytes())
    assert ffmpeg_reads(named, "-protocol_whitelist", "file,pipe")
    assert not ffmpeg_reads(named, *ffmpeg.input_arguments(named, SETTINGS)[:-2])
    options = ffmpeg.open_options()
    assert not opens(named, **options)
    assert opens(named, **{k: v for k, v in options.items() if k != "format_whitelist"})
    assert refusal(named).reason == reasons.NOT_MEDIA


def test_the_list_of_demuxers_is_what_stops_a_script_in_ffmpeg(script: Path) -> None:
    assert ffmpeg_reads(script, "-protocol_whitelist", "file,pipe")
    assert not ffmpeg_reads(script, *ffmpeg.input_arguments(script, SETTINGS)[:-2])


def test_the_list_of_demuxers_is_what_stops_a_script_in_pyav(script: Path) -> None:
    options = ffmpeg.open_options()
    assert not opens(script, **options)
    without = {key: value for key, value in options.items() if key != "format_whitelist"}
    assert opens(script, **without)
    assert refusal(script).reason == reasons.NOT_MEDIA


def test_an_index_of_subtitles_reads_no_other_file(folder: Path) -> None:
    """VobSub's index is read by a demuxer beside that of DVDs, and opens a second file."""
    film = folder / "disc.vob"
    make(*picture(), *tone(), "-c:v", "mpeg2video", "-c:a", "ac3", str(film))
    assert probe(film, role="dance", settings=SETTINGS).container == "mpeg"
    index = folder / "disc.idx"
    head = "# VobSub index file, v7\n"
    index.write_text(f"{head}id: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n")
    film.rename(folder / "disc.sub")
    options = ffmpeg.open_options()
    assert not opens(index, **options)
    assert opens(index, **{k: v for k, v in options.items() if k != "format_whitelist"})
    assert refusal(index).reason == reasons.NOT_MEDIA


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b"FORM\x00\x01\x00\x00AIFFCOMM", True),
        (b"caff\x00\x01\x00\x00desc", True),
        (b"FLV\x01\x05\x00\x00\x00\x09", True),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", True),
        (b"wvpk\x10\x00\x00\x00", True),
        (b"\x00\x00\x01\xba\x44\x00\x04\x00", True),
        (b"[Reference]\nRef1=http://127.0.0.1/x.asf\n", False),
        (b'<asx version="3.0"><entry><ref href="secret.wma"/></entry></asx>', False),
    ],
    ids=["aiff", "caf", "flv", "asf", "wavpack", "mpeg", "asf-reference", "asx"],
)
@pytest.mark.parametrize("role", ["dance", "reference"])
def test_heads_without_a_film(head: bytes, known: bool, role: str, tmp_path: Path) -> None:
    path = tmp_path / "upload.wma"
    path.write_bytes(head + bytes(600))
    reason = refusal(path, role).reason
    assert reason == (reasons.UNREADABLE if known else reasons.NOT_MEDIA)


def test_the_list_of_protocols_is_applied(good: Path) -> None:
    options = ffmpeg.open_options()
    assert opens(good, **options)
    assert not opens(good, **{**options, "protocol_whitelist": "tcp"})
    assert not ffmpeg_reads(good, "-protocol_whitelist", "tcp")


@pytest.mark.parametrize("name", ["concat:good.mp4|good.mp4", "http:x.mp4", "-i.mp4", "pipe:0"])
def test_names_are_never_protocols_or_options(name: str, good: Path, folder: Path) -> None:
    path = folder / name
    path.write_bytes(good.read_bytes())
    assert probe(path, role="dance", settings=SETTINGS).duration == pytest.approx(2, abs=0.1)
