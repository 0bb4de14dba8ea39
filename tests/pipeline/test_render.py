"""Results made from plans: mixes, takes, nudges, portable files, sharing, and their failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from pipeline import decode, mux, reasons
from pipeline.model import Segment
from pipeline.plan import RenderOptions
from pipeline.planning import revise
from pipeline.reasons import JobError, RenderError
from pipeline.render import render
from pipeline.sample_tune import tune
from pipeline.verify import verify
from tests.media import measure
from tests.media.clips import RATE, Clip, make_dance, write_sound
from tests.media.fixtures import make_song
from tests.media.work import SETTINGS, Pair, kept, late_by, make_result, read_pair

OFFSET = 2.0
SECONDS = 8.0
WHOLE = Segment(0.0, SECONDS, OFFSET)
PLAIN = RenderOptions(loudness=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("render")


@pytest.fixture(scope="module")
def song() -> NDArray[np.float32]:
    return make_song()


@pytest.fixture(scope="module")
def own() -> NDArray[np.float32]:
    """The dance's own sound here: other music, so that it is told from the song."""
    return (0.5 * tune()[: round(SECONDS * RATE)]).astype(np.float32)


@pytest.fixture(scope="module")
def pair(folder: Path, song: NDArray[np.float32], own: NDArray[np.float32]) -> Pair:
    dance = make_dance(Clip("mov", b_frames=2), own, folder)
    reference = write_sound(song, folder / "song.m4a", "-c:a", "aac", "-b:a", "192k")
    return read_pair(dance, reference, folder / "scratch")


def level(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def shares_of(heard: NDArray[np.float32], *parts: NDArray[np.float32]) -> tuple[float, ...]:
    """With which gains ``parts`` are in ``heard`` (joint least squares)."""
    size = min(len(heard), *(len(part) for part in parts))
    columns = np.stack([part[:size].astype(float) for part in parts], axis=1)
    found, *_ = np.linalg.lstsq(columns, heard[:size].astype(float), rcond=None)
    return tuple(float(value) for value in found)


def test_both_results_share_one_encoding_and_are_exact(
    pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    first = make_result(pair, [WHOLE], tmp_path / "v2.mp4", scratch=tmp_path)
    other = replace(WHOLE, dance_start=2.3, dance_end=6.1, offset=OFFSET + 0.0123)
    second = make_result(pair, [other], tmp_path / "m.mp4", variant="modular", scratch=tmp_path)
    assert not first.report.sound_shared
    assert second.report.sound_shared
    begin = float(second.plan.picture.start * second.plan.picture.time_base)
    mono = song.mean(axis=1)
    assert abs(late_by(measure.sound(first.path), mono, OFFSET)) < 1e-4
    late = late_by(measure.sound(second.path), mono, OFFSET + 0.0123 + begin, seconds=3)
    assert abs(late) < 1e-4


def test_the_references_own_packets_are_used_when_nothing_changes(
    pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    result = make_result(pair, [WHOLE], tmp_path / "copied.mp4", options=PLAIN)
    assert result.plan.sound.action == "copy"
    with av.open(str(pair.reference)) as a, av.open(str(result.path)) as b:
        theirs = {bytes(packet) for packet in a.demux(audio=0)}
        ours = [bytes(packet) for packet in b.demux(audio=0)]
    assert len(ours) > 300
    assert all(packet in theirs for packet in ours)
    for heard in (measure.sound(result.path), measure.sound_by_pyav(result.path)):
        assert abs(late_by(heard, song.mean(axis=1), OFFSET)) < 1e-4


def test_loudness_is_one_static_gain(pair: Pair, song: NDArray[np.float32], tmp_path: Path) -> None:
    result = make_result(pair, [WHOLE], tmp_path / "loud.mp4")
    loudness = pair.materials.loudness
    assert loudness is not None
    wished = min(-14 - loudness.integrated, -1 - loudness.true_peak)
    assert result.plan.sound.pieces[0].gain_db == pytest.approx(wished)
    place = round(OFFSET * RATE)
    heard = measure.sound(result.path)
    mono = song.mean(axis=1)
    low = butter(4, 4000, fs=RATE, output="sos")
    after, before = sosfilt(low, heard), sosfilt(low, mono[place:])
    gains = [
        20 * np.log10(level(after[at : at + RATE]) / level(before[at : at + RATE]))
        for at in range(RATE, 6 * RATE, RATE)
    ]
    # AAC itself loses a few tenths of a decibel, twice here.
    assert gains == pytest.approx([wished] * len(gains), abs=0.6)
    assert np.std(gains) < 0.15


def test_room_sound_is_aligned_and_ducked(
    pair: Pair, song: NDArray[np.float32], own: NDArray[np.float32], tmp_path: Path
) -> None:
    half = make_result(pair, [WHOLE], tmp_path / "room.mp4", options=RenderOptions(room_sound=0.5))
    heard = measure.sound(half.path)
    mine = own.mean(axis=1)
    mono, place = song.mean(axis=1), round(OFFSET * RATE)
    music, room = shares_of(heard[RATE : 7 * RATE], mono[place + RATE :], mine[RATE:])
    assert 0.5 * 10 ** (-9.5 / 20) < room < 0.35  # there, and ducked by 3 to 9 dB
    rest = heard[RATE : 5 * RATE] - music * mono[place + RATE : place + 5 * RATE]
    assert abs(measure.lag(rest, mine[RATE : 5 * RATE], 0.05)) < 5e-4
    assert abs(late_by(heard, song.mean(axis=1), OFFSET)) < 2e-4
    assert np.abs(heard).max() <= 1.0
    quiet = np.zeros((14 * RATE, 2), dtype=np.float32)
    quiet[: 6 * RATE] = song[: 6 * RATE]  # music up to dance time 4, then silence
    quiet[13 * RATE :] = song[13 * RATE :]
    silent = write_sound(quiet, tmp_path / "pause.flac")
    paused = make_result(
        read_pair(pair.dance, silent, tmp_path / "s"),
        [WHOLE],
        tmp_path / "pause.mp4",
        options=RenderOptions(room_sound=0.5),
    )
    after = measure.sound(paused.path)[6 * RATE : 7 * RATE]
    (open_room,) = shares_of(after, mine[6 * RATE :])
    assert open_room == pytest.approx(0.5, abs=0.03)  # nothing to duck under


def test_keep_all_keeps_every_picture_and_the_original_sound_where_there_is_no_music(
    pair: Pair, song: NDArray[np.float32], own: NDArray[np.float32], tmp_path: Path
) -> None:
    part = Segment(3.0, 6.0, -3.0)  # the song begins at dance time 3
    options = RenderOptions(keep_all=True)
    result = make_result(pair, [part], tmp_path / "all.mp4", variant="modular", options=options)
    source = measure.pictures(pair.dance)
    got, begin = kept(result, source)
    assert (begin, len(got.numbers)) == (0, len(source.numbers))
    heard = measure.sound(result.path)
    mine = own.mean(axis=1)
    assert shares_of(heard[: 2 * RATE], mine) == pytest.approx([1], abs=0.03)
    assert shares_of(heard[7 * RATE :], mine[7 * RATE :]) == pytest.approx([1], abs=0.03)
    mono = song.mean(axis=1)
    _, rest = shares_of(heard[4 * RATE : 5 * RATE], mono[RATE:], mine[4 * RATE :])
    assert abs(rest) < 0.02
    assert abs(late_by(heard, song.mean(axis=1), -3.0, at=3.2, seconds=2.5)) < 2e-4


def test_between_takes_the_original_sound_stays(
    pair: Pair, song: NDArray[np.float32], own: NDArray[np.float32], tmp_path: Path
) -> None:
    takes = [Segment(0.5, 3.0, OFFSET), Segment(4.5, 7.5, OFFSET - 3.0)]
    result = make_result(pair, takes, tmp_path / "takes.mp4", variant="modular")
    begin = float(result.plan.picture.start * result.plan.picture.time_base)
    sources = [piece.source for piece in result.plan.sound.pieces]
    assert sources[-3:] == ["reference", "dance", "reference"]
    heard, mono = measure.sound(result.path), song.mean(axis=1)
    first, second = 1.0 - begin, 4.8 - begin
    assert abs(late_by(heard, mono, OFFSET + begin, at=first, seconds=1.5)) < 2e-4
    assert abs(late_by(heard, mono, OFFSET - 3.0 + begin, at=second, seconds=2)) < 2e-4
    low, high = round((3.2 - begin) * RATE), round((4.3 - begin) * RATE)
    mine = own.mean(axis=1)[round(3.2 * RATE) : round(4.3 * RATE)]
    assert shares_of(heard[low:high], mine) == pytest.approx([1], abs=0.03)
    seam = heard[round((3.0 - begin - 0.03) * RATE) : round((3.0 - begin + 0.03) * RATE)]
    assert level(seam) > 0.02  # no hole at the cross-fade


@pytest.mark.parametrize("nudge", [-500.0, 40.0, 500.0])
def test_a_nudge_moves_the_music_and_not_the_pictures(
    nudge: float, pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    base = make_result(pair, [Segment(1.0, 6.0, OFFSET)], tmp_path / "base.mp4", variant="modular")
    options = RenderOptions(nudge_ms=nudge)
    plan = revise(base.plan, options, frames=pair.materials.frames)
    out = tmp_path / "nudged.mp4"
    render(plan, pair.dance, pair.reference, out, settings=SETTINGS)
    assert plan.picture == base.plan.picture
    begin = float(plan.picture.start * plan.picture.time_base)
    late = late_by(measure.sound(out), song.mean(axis=1), OFFSET + begin - nudge / 1000)
    assert abs(late) < 1e-4


@pytest.mark.parametrize(("speed", "moved"), [(1.0004, False), (1.04, True), (0.96, True)])
def test_a_speed_that_moves_the_pitch_is_exact(
    speed: float, moved: bool, pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    segment = Segment(0, SECONDS, OFFSET, speed, pitch_moved=moved)
    result = make_result(pair, [segment], tmp_path / "speed.mp4")
    assert result.plan.sound.pieces[0].stretch == "resample"
    heard, mono = measure.sound(result.path), song.mean(axis=1)
    for at in (0.5, 3.0, 6.0):
        times = OFFSET + speed * (at + np.arange(RATE) / RATE)
        wanted = np.interp(times * RATE, np.arange(len(mono)), mono).astype(np.float32)
        first = round(at * RATE)
        assert abs(measure.lag(heard[first : first + RATE], wanted, 0.1)) < 1e-4


@pytest.mark.parametrize("speed", [0.9, 1.08])
def test_a_speed_that_keeps_the_pitch_stays_within_ten_milliseconds(
    speed: float, pair: Pair, tmp_path: Path
) -> None:
    """Measured on onsets of clicks, since a stretched wave has no exact lag."""
    wave = np.zeros((14 * RATE, 2), dtype=np.float32)
    beats = np.arange(0.35, 13.5, 0.61)
    t = np.arange(1200) / RATE
    tick = (0.7 * np.sin(2 * np.pi * 1500 * t) * np.exp(-t * 200)).astype(np.float32)
    for beat in beats:
        wave[round(beat * RATE) : round(beat * RATE) + 1200] += tick[:, None]
    reference = write_sound(wave, tmp_path / "beats.flac")
    segment = Segment(0, SECONDS, OFFSET, speed, pitch_moved=False)
    result = make_result(
        read_pair(pair.dance, reference, tmp_path / "s"), [segment], tmp_path / "kept.mp4"
    )
    assert result.plan.sound.pieces[0].stretch == "pitch_kept"
    heard = np.abs(measure.sound(result.path))
    errors = []
    for beat in beats:
        at = (beat - OFFSET) / speed
        if 0.1 < at < SECONDS - 0.2:
            low = round((at - 0.1) * RATE)
            window = heard[low : low + round(0.2 * RATE)]
            onset = int(np.argmax(window > 0.3 * window.max()))
            errors.append(low / RATE + onset / RATE - at)
    assert len(errors) > 8
    assert max(map(abs, errors)) < 0.010


def test_a_portable_file_has_no_edit_list_and_exact_sound(
    pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    segment = Segment(2.9, 7.0, OFFSET)  # away from a key frame: the picture is re-encoded
    options = RenderOptions(portable=True)
    result = make_result(pair, [segment], tmp_path / "p.mp4", variant="modular", options=options)
    assert b"elst" not in result.path.read_bytes()
    with av.open(str(result.path)) as container:
        video = container.streams.video[0]
        assert video.codec_context.codec.canonical_name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
    source = measure.pictures(pair.dance)
    _, begin = kept(result, source)
    late = late_by(measure.sound(result.path), song.mean(axis=1), OFFSET + source.times[begin])
    assert abs(late) < 2e-3
    whole = make_result(pair, [WHOLE], tmp_path / "w.mp4", options=options)
    assert whole.plan.picture.action == "copy"
    assert b"elst" not in whole.path.read_bytes()
    kept(whole, source)


def test_hevc_is_marked_for_apples_players(
    song: NDArray[np.float32], own: NDArray[np.float32], pair: Pair, tmp_path: Path
) -> None:
    dance = make_dance(Clip("mkv", "hevc", seconds=4), own, tmp_path)
    result = make_result(
        read_pair(dance, pair.reference, tmp_path / "s"), [WHOLE], tmp_path / "h.mp4"
    )
    assert b"hvc1" in result.path.read_bytes()
    assert b"hev1" not in result.path.read_bytes()


def test_the_index_is_in_front(pair: Pair, tmp_path: Path) -> None:
    data = make_result(pair, [WHOLE], tmp_path / "f.mp4").path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_large_files_index_is_in_front_without_a_second_pass(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make_result(pair, [WHOLE], tmp_path / "small.mp4")
    monkeypatch.setattr(mux, "LARGE", 0)
    monkeypatch.setattr(mux, "SPARE", 10.0)
    large = make_result(pair, [WHOLE], tmp_path / "large.mp4")
    data = large.path.read_bytes()
    assert data.index(b"moov") < data.index(b"free") < data.index(b"mdat")
    assert measure.pictures(large.path) == measure.pictures(small.path)
    assert np.array_equal(measure.sound(large.path), measure.sound(small.path))


def test_progress_rises_to_one(pair: Pair, tmp_path: Path) -> None:
    plan = make_result(pair, [WHOLE], tmp_path / "a.mp4").plan
    heard: list[float] = []
    render(plan, pair.dance, pair.reference, tmp_path / "b.mp4", settings=SETTINGS,
           scratch=tmp_path, progress=heard.append)  # fmt: skip
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(heard) > 20


def test_a_full_disk_is_a_clear_failure(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_result(pair, [WHOLE], tmp_path / "a.mp4").plan
    monkeypatch.setattr(decode, "FREE_MARGIN", 1 << 62)
    with pytest.raises(JobError) as caught:
        render(plan, pair.dance, pair.reference, tmp_path / "b.mp4", settings=SETTINGS)
    assert caught.value.reason == reasons.DISK_FULL
    assert not (tmp_path / "b.mp4").exists()
    assert not list(tmp_path.glob(".*part*"))


def test_a_result_that_is_not_the_plans_is_found_out(pair: Pair, tmp_path: Path) -> None:
    result = make_result(pair, [WHOLE], tmp_path / "a.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(result.path.read_bytes()[:-20_000])
    shorter = make_result(pair, [replace(WHOLE, dance_end=5)], tmp_path / "s.mp4",
                          variant="modular").path  # fmt: skip
    for path in (cut, shorter, pair.reference):
        with pytest.raises(RenderError) as caught:
            verify(path, result.plan, settings=SETTINGS)
        assert caught.value.reason == reasons.VERIFY_FAILED


def test_a_silent_result_never_gets_its_name(
    pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    plan = make_result(pair, [WHOLE], tmp_path / "a.mp4").plan
    silence = write_sound(np.zeros_like(song), tmp_path / "silence.m4a", "-c:a", "aac")
    out = tmp_path / "mute.mp4"
    with pytest.raises(RenderError) as caught:
        render(plan, pair.dance, silence, out, settings=SETTINGS, scratch=tmp_path)
    assert caught.value.reason == reasons.VERIFY_FAILED
    assert "silent" in str(caught.value)
    assert not out.exists()


CHILD = """
import json, sys
from pathlib import Path
from pipeline.plan import RenderPlan
from pipeline.render import render
from pipeline.sample_tune import tune
from pipeline.settings import Settings
plan = RenderPlan.from_json(json.loads(Path(sys.argv[1]).read_text()))
print("ready", flush=True)
render(plan, Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), settings=Settings())
"""


@pytest.mark.parametrize("portable", [False, True])
def test_a_killed_render_leaves_no_process_and_nothing_under_the_final_name(
    portable: bool, pair: Pair, tmp_path: Path
) -> None:
    import json

    long = np.tile(make_song(), (20, 1))
    reference = write_sound(long, tmp_path / "long.flac")
    dance = make_dance(Clip(fps=Clip().fps, seconds=250, gop=600), long, tmp_path)
    options = RenderOptions(portable=portable, nudge_ms=-200)
    segment = Segment(3, 240, 1.0)
    ready = read_pair(dance, reference, tmp_path / "s")
    from pipeline.planning import make_plan

    plan = make_plan([segment], ready.dance_info, ready.reference_info, variant="modular",
                     options=options, materials=ready.materials)  # fmt: skip
    assert plan.picture.action == ("encode" if portable else "copy")
    note, out = tmp_path / "plan.json", tmp_path / "out.mp4"
    note.write_text(json.dumps(plan.to_json()))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(note), str(dance), str(reference), str(out)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert child.stdout is not None
    child.stdout.readline()
    helpers: list[psutil.Process] = []
    while len(helpers) < 1:
        helpers = psutil.Process(child.pid).children(recursive=True)
        assert child.poll() is None
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    _, alive = psutil.wait_procs(helpers, timeout=10)
    assert not alive
    assert not out.exists()


def test_colour_depth_and_rotation_survive(
    own: NDArray[np.float32], pair: Pair, tmp_path: Path
) -> None:
    from pipeline.probe import probe

    clip = Clip("mov", "hevc", rotation=90, pixel_format="yuv420p10le", b_frames=2, extra="hdr")
    turned = make_dance(clip, own, tmp_path)
    ready = read_pair(turned, pair.reference, tmp_path / "s")
    result = make_result(ready, [replace(WHOLE, dance_start=2.7)], tmp_path / "hdr.mp4",
                         variant="modular")  # fmt: skip
    before, after = ready.dance_info.video, probe(
        result.path, role="dance", settings=SETTINGS
    ).video  # fmt: skip
    assert before is not None
    assert after is not None
    for name in ("rotation", "bit_depth", "pixel_format", "color_primaries", "color_transfer",
                 "color_matrix", "color_range", "width", "height"):  # fmt: skip
        assert getattr(after, name) == getattr(before, name), name
    with av.open(str(result.path)) as container:
        sides: Any = next(container.decode(video=0)).side_data  # PyAV's stub has keys here
        kinds = {data.type.name for data in sides}
    assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DISPLAYMATRIX"} <= kinds


def test_bare_aac_is_used_bit_by_bit_too(
    song: NDArray[np.float32], pair: Pair, tmp_path: Path
) -> None:
    reference = write_sound(song, tmp_path / "song.aac", "-c:a", "aac", "-b:a", "192k")
    ready = read_pair(pair.dance, reference, tmp_path / "s")
    result = make_result(ready, [WHOLE], tmp_path / "bare.mp4", options=PLAIN)
    assert result.plan.sound.action == "copy"
    heard = measure.sound(result.path)
    clean = measure.sound(reference)  # with the encoder's delay, which bare AAC does not tell
    assert abs(late_by(heard, clean, OFFSET)) < 1e-4
