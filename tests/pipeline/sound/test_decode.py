"""Decoded sound lies where the container says, whatever the encoder did to its ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import reasons
from pipeline.media import ffmpeg
from pipeline.media.info import Role
from pipeline.media.probe import probe
from pipeline.plan.render_plan import Piece
from pipeline.reasons import InputError
from pipeline.render.mix import decode_arguments
from pipeline.settings import Settings
from pipeline.sound.decode import PcmSound, decode_sound, music_bounds
from pipeline.sound.timestamps import MONO
from tests.media.clips import RATE, Clip, make_dance, struck, write_sound

SETTINGS = Settings()
CLICKS = (0.5, 1.75, 3.2)
"""Seconds."""


def clicks(seconds: float = 4.0) -> NDArray[np.float32]:
    """Short bursts at known places, shape (samples, 2)."""
    out = np.zeros((round(seconds * RATE), 2), dtype=np.float32)
    t = np.arange(240) / RATE
    burst = (0.8 * np.sin(2 * np.pi * 1000 * t) * np.hanning(240)).astype(np.float32)
    for at in CLICKS:
        place = round(at * RATE) - 120
        out[place : place + 240] += burst[:, None]
    return out


def restamp(whole: Path, path: Path, packets: str) -> None:
    """Copies ``whole`` to ``path`` through a bitstream filter that moves or drops packets."""
    command = [ffmpeg.executable(), "-loglevel", "error", "-i", str(whole), "-c", "copy"]
    subprocess.run([*command, "-bsf:a", packets, str(path)], timeout=60, check=True)


def decoded(path: Path, tmp_path: Path, role: Role = "reference") -> PcmSound:
    info = probe(path, role=role, settings=SETTINGS)
    return decode_sound(path, info, tmp_path, settings=SETTINGS)


def places(sound: PcmSound, wanted: tuple[float, ...] = CLICKS) -> list[float]:
    """Where the bursts are (seconds), by the centre of their energy."""
    samples = sound.read(0, sound.frames).astype(float) ** 2
    found = []
    for at in wanted:
        low = round((at - 0.1) * sound.rate)
        window = samples[low : low + round(0.2 * sound.rate)]
        found.append((low + float(np.average(np.arange(len(window)), weights=window))) / sound.rate)
    return found


@pytest.mark.parametrize(
    "name",
    [
        *("a.m4a", "a.mp3", "a.wav", "a.flac", "a.ogg", "a.opus", "a.mov", "a.mkv", "a.webm"),
        *("a.aiff", "a.caf", "a.wv"),
    ],
)
def test_bursts_are_where_they_were_put(name: str, tmp_path: Path) -> None:
    codec = {"a.ogg": ["-c:a", "libvorbis"], "a.mkv": ["-c:a", "aac"]}.get(name, [])
    path = write_sound(clicks(), tmp_path / name, *codec)
    for found, wanted in zip(places(decoded(path, tmp_path)), CLICKS, strict=True):
        assert found == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("name", ["a.wma", "a.ac3", "a.eac3", "a.flv", "a.mpg"])
def test_an_encoders_delay_that_the_file_does_not_tell_moves_all_alike(
    name: str, tmp_path: Path
) -> None:
    """A reference's delay is in both: in what is aligned and in what is put under the dance."""
    path = write_sound(clicks(), tmp_path / name)
    found = places(decoded(path, tmp_path))
    shift = found[0] - CLICKS[0]
    assert 0 <= shift < 0.05
    assert found == pytest.approx([at + shift for at in CLICKS], abs=1e-3)
    spoken = np.abs(rendered(path).astype(float)) > 3000
    assert np.flatnonzero(spoken)[0] / 8000 == pytest.approx(found[0], abs=3e-3)


@pytest.mark.parametrize(
    "clip",
    [
        Clip(start=1.5, seconds=4),
        Clip("mkv", start=7, seconds=4),
        Clip("ts", start=7, seconds=4),
        Clip("m2ts", seconds=4),
    ],
)
def test_time_is_counted_from_the_containers_start(clip: Clip, tmp_path: Path) -> None:
    sound = decoded(make_dance(clip, clicks(), tmp_path), tmp_path, "dance")
    # AAC's priming may lie before the first picture: then the container starts there.
    shift = places(sound)[0] - CLICKS[0]
    assert -1e-3 <= shift < 0.05
    for found, wanted in zip(places(sound), CLICKS, strict=True):
        assert found - wanted == pytest.approx(shift, abs=1e-3)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_late_track_begins_with_silence(container: str, tmp_path: Path) -> None:
    clip = Clip(container, extra="late_sound", seconds=4)
    path = make_dance(clip, clicks()[: round(2.3 * RATE)], tmp_path)
    sound = decoded(path, tmp_path, "dance")
    samples = np.abs(sound.read(0, sound.frames))
    loud = np.flatnonzero(samples > 0.2) / sound.rate
    assert loud[0] == pytest.approx(1.37 + CLICKS[0], abs=4e-3)
    assert not np.any(samples[: round(1.3 * sound.rate)])


def test_a_gap_in_the_stamps_is_filled_with_silence(tmp_path: Path) -> None:
    """Two seconds are cut out of the packets, their stamps are kept."""
    whole = write_sound(clicks(), tmp_path / "whole.mka", "-c:a", "aac")
    path = tmp_path / "gap.mka"
    restamp(whole, path, "noise=drop='between(pts*tb,1,2.9)'")
    sound = decoded(path, tmp_path)
    kept = (CLICKS[0], CLICKS[2])
    assert places(sound, kept) == pytest.approx(kept, abs=2e-3)
    assert np.abs(sound.read(round(1.2 * 8000), round(2.8 * 8000))).max() < 0.01


def plain(path: Path, form: str) -> NDArray[np.int16]:
    """All samples by ffmpeg, whatever the stamps say."""
    done = subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-i", str(path)),
            *("-af", f"aresample={form}", "-f", "s16le", "pipe:1"),
        ],
        capture_output=True,
        timeout=60,
        check=True,
    )
    return np.frombuffer(done.stdout, dtype="<i2")


def rendered(path: Path) -> NDArray[np.int16]:
    """All samples as rendering decodes them, as ``plain`` gives them."""
    info = probe(path, role="reference", settings=SETTINGS)
    piece = Piece("reference", 0.0, 2 * info.duration + 60, 0.0)
    form = f"aresample=8000:{MONO}"
    arguments = decode_arguments(piece, (path, info, info.sounds[0].index), SETTINGS, form)
    with ffmpeg.process([*arguments, "-f", "s16le", "pipe:1"]) as pipe:
        return np.frombuffer(pipe.read(), dtype="<i2")


def assert_whole(path: Path, tmp_path: Path, wanted: NDArray[np.int16]) -> None:
    """Both ways of decoding give these samples, but for silence before them."""
    sound = decoded(path, tmp_path)
    ours = np.round(sound.read(0, sound.frames) * 32768).astype(np.int16)
    for got, most in ((ours, 1), (rendered(path), 400)):  # the other resamples twice
        lead, rest = got[: len(got) - len(wanted)], got[max(0, len(got) - len(wanted)) :]
        assert len(lead) < 800
        assert np.abs(lead).max(initial=0) <= 1
        inner = slice(40, len(rest) - 40)
        assert np.abs(rest[inner].astype(int) - wanted[-len(rest) :][inner]).max() <= most


@pytest.mark.parametrize("rate", [48000, 44100, 32000, 22050])
@pytest.mark.parametrize("name", ["a.ogg", "a.webm", "a.mp3", "a.mkv", "a.ts"])
def test_nothing_is_filled_or_cut_where_no_sound_is_missing(
    name: str, rate: int, tmp_path: Path
) -> None:
    """libavformat stamps some Vorbis packets 10 ms too late; that was taken for a gap."""
    codec = {"a.ogg": "libvorbis", "a.webm": "libvorbis", "a.mp3": "libmp3lame"}.get(name, "aac")
    path = write_sound(struck(), tmp_path / name, "-c:a", codec, "-ar", str(rate))
    assert_whole(path, tmp_path, plain(path, f"8000:{MONO}"))


def test_jittering_stamps_are_no_gaps(tmp_path: Path) -> None:
    """A third of the packets is stamped 13 ms late."""
    whole = write_sound(struck(), tmp_path / "whole.webm", "-c:a", "libopus")
    path = tmp_path / "jitter.webm"
    restamp(whole, path, "setts=ts='PTS+if(eq(mod(N,3),1),13,0)'")
    assert_whole(path, tmp_path, plain(whole, f"8000:{MONO}"))


def test_ogg_files_put_together_are_heard_whole(tmp_path: Path) -> None:
    """The second one's stamps begin anew."""
    parts = [
        write_sound(part, tmp_path / f"{number}.ogg", "-c:a", "libvorbis", "-serial_offset", number)
        for number, part in (("1", struck(3)), ("90", struck(5)[round(2.1 * RATE) :]))
    ]
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert_whole(path, tmp_path, plain(path, f"8000:{MONO}"))


@pytest.mark.parametrize(("codec", "ending"), [("flac", "mp4"), ("alac", "mov")])
def test_packets_that_an_edit_list_leaves_out_take_no_others_with_them(
    codec: str, ending: str, tmp_path: Path
) -> None:
    """A video cut without encoding: the sound before its start is in the file, unheard."""
    song = write_sound(struck(12), tmp_path / "song.wav")
    whole, path = tmp_path / f"whole.{ending}", tmp_path / f"cut.{ending}"
    picture = "testsrc2=s=160x120:r=30:d=12"
    steps = (
        [
            *("-f", "lavfi", "-i", picture, "-i", str(song), "-c:v", "libx264", "-g", "250"),
            *("-preset", "ultrafast", "-c:a", codec, str(whole)),
        ],
        ["-ss", "5.77", "-i", str(whole), "-map", "0", "-c", "copy", str(path)],
    )
    for step in steps:
        command = [ffmpeg.executable(), "-loglevel", "error", *step]
        subprocess.run(command, timeout=60, check=True)
    loud = np.abs(rendered(path).astype(int))
    quietest = loud[: 6 * 8000].reshape(-1, 160).max(axis=1)
    assert quietest[:-10].min() > 1000  # the tone is everywhere, in each 20 ms


def test_a_form_that_changes_in_the_middle_is_refused(tmp_path: Path) -> None:
    """Two files put together; what renders them could not know where the second part lies."""
    parts = [
        write_sound(struck(), tmp_path / f"{rate}.mp3", "-ar", str(rate)).read_bytes()
        for rate in (44100, 22050)
    ]
    path = tmp_path / "a.mp3"
    path.write_bytes(b"".join(parts))
    with pytest.raises(InputError) as caught:
        decoded(path, tmp_path)
    assert caught.value.reason == reasons.UNSUPPORTED
    assert "in the middle" in str(caught.value)


def test_a_stamp_beyond_all_lengths_fills_no_disk(tmp_path: Path) -> None:
    whole = write_sound(clicks(), tmp_path / "whole.mka", "-c:a", "aac")
    path = tmp_path / "late.mka"
    restamp(whole, path, "setts=ts='PTS+gt(N,90)*3600/TB'")
    info = probe(path, role="reference", settings=SETTINGS)
    # What is checked at first is the length that the container tells, which may be a lie.
    short = SETTINGS.model_copy(update={"max_duration": 60.0})
    with pytest.raises(InputError) as caught:
        decode_sound(path, info, tmp_path, settings=short)
    assert caught.value.reason == reasons.TOO_LONG
    assert (tmp_path / "reference-0-8000.s16").stat().st_size < 8000 * 2 * 10


def test_the_loudest_track_is_taken_and_the_others_leave_no_file(tmp_path: Path) -> None:
    path = make_dance(Clip(extra="two_sounds", seconds=4), clicks(), tmp_path)
    info = probe(path, role="dance", settings=SETTINGS)
    heard: list[float] = []
    sound = decode_sound(path, info, tmp_path, settings=SETTINGS, progress=heard.append)
    assert sound.stream == info.sounds[1].index
    assert sound.peak > 0.5
    assert [p.name for p in tmp_path.glob("*.s16")] == [sound.path.name]
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0, abs=0.05)
    quiet = decode_sound(path, info, tmp_path, settings=SETTINGS, number=1, rate=4000)
    assert quiet.peak < 0.05
    assert quiet.rate == 4000


def test_windows_reach_outside_the_file(tmp_path: Path) -> None:
    sound = decoded(write_sound(clicks(), tmp_path / "a.flac"), tmp_path)
    whole = sound.read(0, sound.frames)
    assert whole.dtype == np.float32
    window = sound.read(-10, sound.frames + 10)
    assert np.array_equal(window[10:-10], whole)
    assert not window[:10].any()
    assert not window[-10:].any()
    assert len(sound.read(sound.frames + 5, sound.frames + 9)) == 4
    assert len(sound.read(7, 3)) == 0


def test_channels_of_opposite_signs_are_heard(tmp_path: Path) -> None:
    """As of a balanced microphone on a stereo plug; their mean is nothing."""
    song = clicks() * np.array([1, -1], dtype=np.float32)
    assert places(decoded(write_sound(song, tmp_path / "a.flac"), tmp_path)) == pytest.approx(
        CLICKS, abs=1e-3
    )


def test_silence_is_refused(tmp_path: Path) -> None:
    path = write_sound(clicks() * 0.0005, tmp_path / "a.wav")
    with pytest.raises(InputError) as caught:
        decoded(path, tmp_path)
    assert caught.value.reason == reasons.SILENT
    assert str(caught.value).startswith("the reference file is silent")


def test_leading_and_trailing_silence(tmp_path: Path) -> None:
    music = np.zeros((6 * RATE, 2), dtype=np.float32)
    chance = np.random.default_rng(3)
    music[round(1.3 * RATE) : round(4.1 * RATE)] = 0.1 * chance.standard_normal((134400, 2))
    bounds = music_bounds(decoded(write_sound(music, tmp_path / "a.flac"), tmp_path))
    assert bounds.end == pytest.approx(6, abs=0.01)
    assert bounds.music_start == pytest.approx(1.3, abs=0.021)
    assert bounds.music_end == pytest.approx(4.1, abs=0.021)


def test_a_damaged_stretch_does_not_move_the_rest(tmp_path: Path) -> None:
    path = write_sound(clicks(), tmp_path / "a.mp3")
    data = bytearray(path.read_bytes())
    middle = len(data) * 6 // 10
    data[middle : middle + 600] = b"\x55" * 600
    path.write_bytes(bytes(data))
    found = places(decoded(path, tmp_path))
    assert found[0] == pytest.approx(CLICKS[0], abs=2e-3)
    assert found[2] == pytest.approx(CLICKS[2], abs=0.06)  # MP3 has no stamps to go by


def test_a_sound_is_opened_once(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    sound = decoded(sample_pair[1], tmp_path)
    first = sound.read(-5, 1000)
    assert len(first) == 1005 and not first[:5].any() and first.any()
    sound.path.unlink()
    assert sound.read(500, 1000).tobytes() == first[505:].tobytes()
