"""Decoders that a file may not reach; each list is also taken away, to see that it counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import av.error
import pytest

from pipeline import reasons
from pipeline.media import ffmpeg
from pipeline.media.info import AudioInfo
from pipeline.media.picture import COPYABLE, ENCODABLE, describe_picture
from pipeline.media.probe import probe
from pipeline.previews.copies import make_thumbnail
from pipeline.reasons import RenderError
from pipeline.settings import Settings
from pipeline.sound.decode import decode_sound
from pipeline.sound.pcm import mono_blocks
from tests.pipeline.media.crafted import (
    SETTINGS,
    ffmpeg_works,
    make,
    picture,
    refusal,
    tone,
)


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
