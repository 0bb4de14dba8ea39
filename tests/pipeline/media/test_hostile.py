"""Files that mean harm, or are not what they say: refused with a reason, nothing else read.

Each limit is also taken away, to see that the attack is real and that the limit is what
stops it (PyAV takes unknown options in silence).
"""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import av.error
import numpy as np
import pytest

from pipeline import reasons
from pipeline.media import ffmpeg
from pipeline.media import picture as media_picture
from pipeline.media.info import AudioInfo, Role
from pipeline.media.picture import COPYABLE, ENCODABLE, describe_picture
from pipeline.media.probe import probe
from pipeline.previews.copies import make_thumbnail
from pipeline.reasons import InputError, RenderError
from pipeline.settings import Settings
from pipeline.sound.decode import decode_sound
from pipeline.sound.pcm import mono_blocks

SETTINGS = Settings()


def make(*arguments: str) -> None:
    done = subprocess.run(
        [ffmpeg.executable(), "-loglevel", "error", "-y", *arguments],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def picture(size: str = "160x120", rate: str = "30", seconds: float = 2) -> list[str]:
    return ["-f", "lavfi", "-t", str(seconds), "-i", f"testsrc2=s={size}:r={rate}"]


def tone(seconds: float = 2) -> list[str]:
    return ["-f", "lavfi", "-t", str(seconds), "-i", "sine=f=440:r=48000"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def good(folder: Path) -> Path:
    path = folder / "good.mp4"
    make(*picture(), *tone(), "-c:v", "libx264", "-c:a", "aac", "-shortest", str(path))
    return path


def refusal(path: Path, role: str = "dance", settings: Settings = SETTINGS) -> InputError:
    with pytest.raises(InputError) as caught:
        probe(path, role=role, settings=settings)  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"the {role} file ")
    assert "\n" not in str(caught.value)
    assert caught.value.role == role
    return caught.value


def opens(path: Path, **options: str) -> bool:
    """Whether PyAV opens it and finds a stream under just these options."""
    try:
        with av.open(str(path), options=options) as container:
            return len(container.streams) > 0
    except (av.error.FFmpegError, MemoryError):
        return False


def ffmpeg_reads(path: Path, *options: str) -> bool:
    return ffmpeg_works(path, options, ["-map", "0:0", "-c", "copy"])


def ffmpeg_works(path: Path, options: Sequence[str], output: Sequence[str]) -> bool:
    """Whether ffmpeg ends well with this input's options and this output's."""
    done = subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-nostdin", *options),
            *("-i", f"file:{path}", *output, "-f", "null", "-"),
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode == 0


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


def test_sixty_sound_tracks(folder: Path) -> None:
    path = folder / "tracks.mp4"
    maps = [part for _ in range(60) for part in ("-map", "1:a")]
    make(*picture(), *tone(), "-map", "0:v", *maps, "-c:v", "libx264", "-c:a", "aac", str(path))
    assert refusal(path).reason == reasons.TOO_MANY_STREAMS
    options = ffmpeg.open_options()
    assert not opens(path, **options)
    assert opens(path, **{**options, "max_streams": "100"})


def test_of_sixty_tracks_in_a_transport_stream_no_more_than_the_limit_are_seen(
    folder: Path,
) -> None:
    """libavformat leaves out streams above the limit there instead of failing."""
    path = folder / "tracks.ts"
    maps = [part for _ in range(60) for part in ("-map", "1:a")]
    make(*picture(), *tone(), "-map", "0:v", *maps, "-c:v", "libx264", "-c:a", "aac", str(path))
    info = probe(path, role="dance", settings=SETTINGS)
    assert 1 <= len(info.sounds) < SETTINGS.max_streams


def test_a_huge_picture_is_refused_by_its_size(folder: Path) -> None:
    path = folder / "huge.mp4"
    make(*picture("8192x8192", "1", 2), *tone(), *("-c:v", "libx264", "-preset", "ultrafast"),
         *("-c:a", "aac"), str(path))  # fmt: skip
    assert refusal(path).reason == reasons.PICTURE_TOO_LARGE


def test_a_hundred_hours_in_a_few_bytes(folder: Path) -> None:
    path = folder / "long.mp4"
    make(
        *picture("64x64", "1/1000", 360_000), *tone(2), "-c:v", "libx264", "-c:a", "aac", str(path)
    )
    assert path.stat().st_size < 400_000
    error = refusal(path)
    assert error.reason == reasons.TOO_LONG
    assert "6000 minutes" in str(error)


def test_more_pictures_than_can_be_encoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, settings = folder / "many.avi", Settings(max_duration=2.5)
    make(*picture("640x480", "100", 2), *tone(), "-c:v", "mjpeg", "-c:a", "pcm_s16le", str(path))
    count = 2 * 100 * 640 * 480
    monkeypatch.setattr(media_picture, "MAX_ENCODED_HZ", 0.9 * count / settings.max_duration)
    error = refusal(path, settings=settings)
    assert error.reason == reasons.TOO_LONG and "export it as H.264" in str(error)
    monkeypatch.setattr(media_picture, "MAX_ENCODED_HZ", 1.1 * count / settings.max_duration)
    probe(path, role="dance", settings=settings)


def test_a_sound_of_more_samples_than_any_recorder_makes(folder: Path) -> None:
    path = folder / "wide.wav"
    make("-f", "lavfi", "-t", "2", "-i", "anullsrc=r=655350:cl=7.1", "-c:a", "pcm_u8", str(path))
    error = refusal(path, "reference")
    assert error.reason == reasons.UNSUPPORTED and "655350 Hz" in str(error)
    make("-f", "lavfi", "-t", "2", "-i", "anullsrc=r=192000:cl=7.1", "-c:a", "pcm_u8", str(path))
    probe(path, role="reference", settings=SETTINGS)


def test_an_index_that_lists_the_same_bytes_again_and_again(folder: Path) -> None:
    path = folder / "again.mov"
    make(*picture("320x240", "25", 60), *tone(60), "-c:v", "mjpeg", "-c:a", "pcm_s16le",
         "-movflags", "+faststart", str(path))  # fmt: skip
    data = bytearray(path.read_bytes())
    probe(path, role="dance", settings=SETTINGS)
    first, at = len(data), 0
    while (at := data.find(b"stco", at) + 4) > 3:
        count = int.from_bytes(data[at + 4 : at + 8], "big")
        places = [
            int.from_bytes(data[p : p + 4], "big") for p in range(at + 8, at + 8 + 4 * count, 4)
        ]
        assert count > 30
        first = min(first, *places)
        data[at + 8 : at + 8 + 4 * count] = places[0].to_bytes(4, "big") * count
    path.write_bytes(data[: first + len(data) // 30])
    assert refusal(path).reason == reasons.UNREADABLE


def test_a_thousand_frames_a_second(folder: Path) -> None:
    path = folder / "fast.mp4"
    make(*picture("64x64", "1000", 2), *tone(), "-c:v", "libx264", "-c:a", "aac", str(path))
    assert refusal(path).reason == reasons.FRAME_RATE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", reasons.EMPTY_FILE),
        (b"this is a text file, not a film\n" * 50, reasons.NOT_MEDIA),
        (b"<!doctype html><html><body><video src=x></video></body></html>", reasons.NOT_MEDIA),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', reasons.NOT_MEDIA),
        (bytes(range(256)) * 64, reasons.NOT_MEDIA),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", reasons.UNREADABLE),
    ],
    ids=["empty", "text", "html", "svg", "bytes", "no-moov"],
)
@pytest.mark.parametrize("role", ["dance", "reference"])
def test_what_is_no_film(content: bytes, reason: str, role: str, tmp_path: Path) -> None:
    path = tmp_path / "upload.mp4"
    path.write_bytes(content)
    assert refusal(path, role).reason == reason


def test_a_zip_archive(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "upload.mp4"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(good, "good.mp4")
    assert refusal(path).reason == reasons.NOT_MEDIA


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.mp4").reason == reasons.MISSING_FILE


def test_cut_off_at_half_without_an_index(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.mp4"
    path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    assert refusal(path).reason == reasons.UNREADABLE


def test_larger_than_the_limit(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    path.write_bytes(good.read_bytes())
    with path.open("r+b") as file:
        file.truncate(3 * 2**20)  # sparse
    assert refusal(path, settings=Settings(max_upload_mb=2)).reason == reasons.TOO_LARGE


def test_sound_only_picture_only_and_cover_art_only(good: Path, tmp_path: Path) -> None:
    sound, mute, cover = (tmp_path / name for name in ("a.m4a", "b.mp4", "c.mp4"))
    make("-i", str(good), "-map", "0:a", "-c", "copy", str(sound))
    make("-i", str(good), "-map", "0:v", "-c", "copy", str(mute))
    jpeg = tmp_path / "art.jpg"
    make("-i", str(good), "-frames:v", "1", str(jpeg))
    make("-i", str(sound), "-i", str(jpeg), "-map", "0", "-map", "1", "-c", "copy",
         "-disposition:v:0", "attached_pic", str(cover))  # fmt: skip
    assert refusal(sound).reason == reasons.NO_PICTURE
    assert refusal(cover).reason == reasons.NO_PICTURE
    assert refusal(mute).reason == reasons.NO_SOUND
    assert refusal(mute, "reference").reason == reasons.NO_SOUND
    assert probe(cover, role="reference", settings=SETTINGS).other == ("cover art",)


def test_too_short(tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    make(*picture(seconds=0.3), *tone(0.3), "-c:v", "libx264", "-c:a", "aac", str(path))
    assert refusal(path).reason == reasons.TOO_SHORT


def test_titles_are_data(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "title.mp4"
    make("-i", str(good), "-c", "copy", "-metadata", "title=<script>alert(1)</script>",
         "-metadata", f"comment={'x' * 100_000}", str(path))  # fmt: skip
    info = probe(path, role="dance", settings=SETTINGS)
    assert "script" not in str(info.to_json())


def test_an_index_too_large_for_the_memory_is_not_called_too_many_streams(
    good: Path, tmp_path: Path
) -> None:
    """libavformat says the same of both: that memory is short."""
    data = bytearray(good.read_bytes())
    at = data.index(b"stts") + 8
    data[at : at + 4] = b"\x7f\xff\xff\xff"
    path = tmp_path / "entries.mp4"
    path.write_bytes(data)
    with pytest.raises(MemoryError):
        ffmpeg.open_input(path)
    error = refusal(path)
    assert error.reason == reasons.LARGE_INDEX
    assert "streams" not in str(error)


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, 3e38, 32768.0], ids=["nan", "inf", "-inf", "3e38", "whole"]
)
@pytest.mark.parametrize("form", ["f32le", "f64le"])
@pytest.mark.parametrize("role", ["dance", "reference"])
def test_samples_that_are_no_sound(value: float, form: str, role: Role, tmp_path: Path) -> None:
    """One of them is enough: the encoder would refuse it after all the work was done."""
    samples = np.sin(np.arange(3 * 48000) / 20) * 0.3
    samples[70_000] = value
    path = tmp_path / "sound.wav"
    subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-f", form, "-ar", "48000", "-ac", "1"),
            *("-i", "pipe:0", "-c:a", f"pcm_{form}", str(path)),
        ],
        input=samples.astype(form.replace("le", "").replace("f32", "<f4").replace("f64", "<f8"))
        .tobytes(),
        timeout=60,
        check=True,
    )  # fmt: skip
    info = probe(path, role=role, settings=SETTINGS, need_picture=False)
    with pytest.raises(InputError) as caught:
        decode_sound(path, info, tmp_path, settings=SETTINGS)
    assert (caught.value.reason, caught.value.role) == (reasons.UNREADABLE, role)
    assert "no numbers" in str(caught.value)


def test_a_float_sound_with_headroom_is_read(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    make(*tone(3), "-af", "volume=20", "-c:a", "pcm_f32le", str(path))
    info = probe(path, role="reference", settings=SETTINGS)
    assert decode_sound(path, info, tmp_path, settings=SETTINGS).peak == pytest.approx(1, abs=0.01)


def decodes(path: Path, *arguments: str) -> bool:
    """Whether ffmpeg decodes the picture at this input."""
    return ffmpeg_works(path, ["-xerror", *arguments], ["-map", "0:v:0"])


def without(name: str) -> list[str]:
    """The input's arguments for ffmpeg, but for one option and the input itself."""
    arguments = ffmpeg.input_arguments(Path("x"), SETTINGS)[:-2]
    at = arguments.index(name)
    return arguments[:at] + arguments[at + 2 :]


def test_every_known_picture_has_its_decoder_on_the_list() -> None:
    for codec in COPYABLE | ENCODABLE:
        assert av.Codec(codec, "r").name in ffmpeg.PICTURE_DECODERS, codec


def test_a_still_picture_is_not_decoded_while_it_is_opened(good: Path, folder: Path) -> None:
    """A PNG of 16000 x 16000 pixels is small in the file and a gigabyte once it is decoded."""
    film, cover = folder / "stills.mov", folder / "cover.m4a"
    make(*picture("640x480", "1", 3), *tone(3), "-c:v", "png", "-c:a", "aac", str(film))
    make(*tone(3), *picture("640x480", "1", 1), "-map", "0", "-map", "1", "-c:a", "aac",
         "-c:v", "png", "-disposition:v:0", "attached_pic", "-f", "mp4", str(cover))  # fmt: skip
    options = ffmpeg.open_options()
    bare = {key: value for key, value in options.items() if key != "codec_whitelist"}
    for path in (film, cover):
        with av.open(str(path), options=options) as container:
            assert container.streams.video[0].codec_context.pix_fmt is None
        with av.open(str(path), options=bare) as container:
            assert container.streams.video[0].codec_context.pix_fmt == "rgb24"
        assert not decodes(path, *ffmpeg.input_arguments(path, SETTINGS)[:-2])
        assert decodes(path, *without("-codec_whitelist"))
    assert refusal(film).reason == reasons.UNSUPPORTED
    info = probe(cover, role="reference", settings=SETTINGS)
    assert info.other == ("cover art",)
    assert decode_sound(cover, info, folder, settings=SETTINGS).duration == pytest.approx(
        3, abs=0.1
    )


def test_a_sound_in_another_codec_is_not_decoded(folder: Path) -> None:
    path = folder / "other.mkv"
    make(*picture(), *tone(), "-c:v", "libx264", "-c:a", "tta", str(path))
    assert refusal(path).reason == reasons.NO_SOUND
    with ffmpeg.open_input(path) as container:
        info = replace(probe(path, role="dance", settings=SETTINGS, need_sound=False), start_time=0)
        track = AudioInfo(1, "tta", "", 48000, 1, 0.0, 2.0)
        with pytest.raises(ValueError, match="not decoded"):
            next(mono_blocks(container, info, track, 8000, 10.0))


@pytest.fixture(scope="module")
def growing(folder: Path) -> Path:
    """A film of interlaced pictures that are four times as large from the sixth one on."""
    parts = []
    for size in ("320x240", "640x480"):
        part = folder / f"{size}.m2v"
        make(*picture(size, "25", 0.2), "-flags", "+ildct+ilme", "-c:v", "mpeg2video", "-g", "1",
             "-bf", "0", "-f", "mpeg2video", str(part))  # fmt: skip
        parts.append(part.read_bytes())
    raw, path = folder / "growing.m2v", folder / "growing.avi"
    raw.write_bytes(parts[0] + 10 * parts[1])
    make("-fflags", "+genpts", "-f", "mpegvideo", "-framerate", "25", "-i", str(raw), *tone(),
         "-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "aac", str(path))  # fmt: skip
    return path


def test_a_picture_that_grows_is_held_to_the_limit(growing: Path, tmp_path: Path) -> None:
    small = Settings(max_pixels=320 * 240)
    with ffmpeg.open_input(growing) as container:
        stream = container.streams.video[0]
        describe_picture(container, stream, 0.0, 2.0, "dance", small)
        assert stream.codec_context.width * stream.codec_context.height <= small.max_pixels
    with ffmpeg.open_input(growing) as container:
        stream = container.streams.video[0]
        describe_picture(container, stream, 0.0, 2.0, "dance", SETTINGS)
        assert (stream.codec_context.width, stream.codec_context.height) == (640, 480)
    assert not decodes(growing, *ffmpeg.input_arguments(growing, small)[:-2])
    assert decodes(growing, *without("-max_pixels"))
    with pytest.raises(RenderError):
        make_thumbnail(growing, tmp_path / "a.jpg", at=1.0, settings=small)
    make_thumbnail(growing, tmp_path / "b.jpg", at=1.0, settings=SETTINGS)
