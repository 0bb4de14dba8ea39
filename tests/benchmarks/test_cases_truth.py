"""The benchmark's truth is true: measured by correlation on the cases themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.alignment import scoring
from benchmarks.alignment.workers import Answer
from benchmarks.cases import degrade, truth, warp
from benchmarks.cases.case import Case, Draw, fit, record, scene
from benchmarks.cases.tracks import RATE, Track, all_tracks, same_music, tracks
from pipeline.model import Samples, Segment
from tests import music

pytestmark = pytest.mark.music


@pytest.fixture(scope="module", params=["neverball", "nexuiz"])
def song(request: pytest.FixtureRequest) -> Samples:
    """Music of the first splits, and of the fresh one where its 84 MB have been fetched before."""
    if request.param == "nexuiz":
        if not (music.cache_folder() / "nexuiz-music").is_dir():
            pytest.skip("nexuiz-music has not been unpacked; the benchmark's fresh split does it")
        return Track("brokenlight", "nexuiz", music.tracks("nexuiz-music")[3]).samples()
    try:
        found = [t for t in all_tracks() if t.artist == "neverball" and t.seconds > 60]
    except music.NoMusic as error:
        pytest.skip(str(error))
    return found[0].samples()


@pytest.mark.parametrize("speed", [1.0, 1.0005, 0.7, 1.4])
def test_resampled_music_follows_its_map(song: Samples, speed: float) -> None:
    dance, segment = record(song, 12.34567, 25, speed=speed)
    at = np.arange(3 * RATE, 20 * RATE) / RATE
    spot = np.interp((speed * at + segment.offset) * RATE, np.arange(len(song)), song)
    heard = dance[3 * RATE : 20 * RATE]
    # linear interpolation is coarse, but its likeness falls at once when the map is off
    assert np.corrcoef(spot, heard)[0, 1] > 0.9
    late = np.interp((speed * at + segment.offset + 0.001) * RATE, np.arange(len(song)), song)
    assert np.corrcoef(spot, heard)[0, 1] > np.corrcoef(late, heard)[0, 1]


def test_a_negative_offset_leaves_the_lead_silent(song: Samples) -> None:
    dance, segment = record(song, -7.25, 30)
    assert segment.dance_start == 7.25
    assert not np.any(dance[: int(7.25 * RATE)])
    assert abs(warp.waveform_lag(song[: 20 * RATE], dance[int(7.25 * RATE) :], RATE)) < 1e-4


@pytest.mark.parametrize("speed", [0.7, 0.95, 1.06, 1.4])
def test_stretched_music_follows_its_map(song: Samples, speed: float) -> None:
    """Onsets keep their place to a few milliseconds, whatever the stretcher's delay is."""
    dance = warp.stretch(song, RATE, 10.0, 30.0, speed)
    piece = song[10 * RATE :]
    assert abs(warp.envelope_lag(piece, dance, RATE, speed)) < 0.004


@pytest.mark.parametrize("engine", ["rubberband", "atempo"])
@pytest.mark.parametrize("semitones", [-3.0, 2.0])
def test_music_in_another_key_follows_its_map(
    song: Samples, engine: warp.Engine, semitones: float
) -> None:
    """Also when measured half a minute apart: the tempo is the same."""
    dance = warp.stretch(song, RATE, 10.0, 45.0, 1.0, engine, semitones)
    pitch = 2 ** (semitones / 12)
    for start in (0, 25):
        heard, piece = dance[start * RATE :][: 20 * RATE], song[(10 + start) * RATE :][: 20 * RATE]
        assert abs(warp.envelope_lag(piece, heard, RATE, 1.0, pitch)) < 0.005


def test_the_measured_delay_is_real(song: Samples) -> None:
    """A stretched sound that is moved by 50 ms is measured 50 ms later."""
    dance = warp.stretch(song, RATE, 10.0, 30.0, 0.95)
    moved = np.concatenate((np.zeros(800, dtype=np.float32), dance))
    piece = song[10 * RATE :]
    first, second = (warp.envelope_lag(piece, d, RATE, 0.95) for d in (dance, moved))
    assert second - first == pytest.approx(0.05, abs=0.001)


@pytest.mark.parametrize("name", ["aac64", "aac24", "opus24", "amr"])
def test_codecs_do_not_move_the_sound(song: Samples, name: warp.Codec) -> None:
    """Measured on bursts of noise after the music, on which correlation is not led by the bass."""
    random = np.random.default_rng(1)
    bursts = random.standard_normal(5 * RATE) * (
        np.sin(np.arange(5 * RATE) * 20 * np.pi / RATE) > 0
    )
    piece = np.concatenate((song[: 20 * RATE], 0.1 * bursts)).astype(np.float32)
    heard = warp.codec(piece, RATE, name)
    late = warp.waveform_lag(piece[20 * RATE :], heard[20 * RATE :], RATE)
    assert abs(late) < 0.0003


def test_degradations_do_not_move_the_sound(song: Samples) -> None:
    piece = song[: 20 * RATE]
    response = degrade.room_response(RATE, 0.5, 3.0, 1)
    heard = {
        "noise": degrade.noise(piece, 0, "pink", 1),
        "room": degrade.reverberate(piece, response),
        "band": degrade.band_limit(piece, RATE, 300, 3400),
        "equaliser": degrade.equalise(piece, RATE, 1),
        "gate": degrade.spectral_gate(piece, RATE),
        "gain": degrade.automatic_gain(piece, RATE),
        "clip": degrade.clip(piece, 3),
        "claps": degrade.claps_and_stomps(piece, RATE, 1, level_db=0),
    }
    for name, sound in heard.items():
        assert len(sound) == len(piece), name
        assert abs(warp.waveform_lag(piece, sound, RATE)) < 0.001, name


def test_noise_has_the_level_that_is_asked_for(song: Samples) -> None:
    piece = song[: 20 * RATE]
    for snr in (-20, 0, 10):
        added = degrade.noise(piece, snr, "white", 3) - piece
        measured = 20 * np.log10(degrade.rms(piece) / degrade.rms(added))
        assert measured == pytest.approx(snr, abs=0.2)


def test_a_weak_direct_path_is_as_weak_as_said() -> None:
    response = degrade.room_response(RATE, 0.6, -10.0, 5)
    level = 10 * np.log10(response[0] ** 2 / np.sum(response[1:] ** 2))
    assert level == pytest.approx(-10.0, abs=0.01)


def test_splits_share_no_recording() -> None:
    try:
        develop, held = tracks("develop"), tracks("held")
    except music.NoMusic as error:
        pytest.skip(str(error))
    assert len(develop) + len(held) >= 20
    assert not any(same_music(one, other) for one in develop for other in held)


def test_the_later_splits_have_packages_of_their_own() -> None:
    seen = {*music.SMALL_PACKAGES, *music.LARGE_PACKAGES}
    assert not seen & set(music.FRESH_PACKAGES)
    assert not {*seen, *music.FRESH_PACKAGES} & set(music.RELEASE_PACKAGES)


@pytest.mark.parametrize(("speed", "engine"), [(1.0, None), (0.95, None), (0.95, "rubberband")])
def test_a_false_truth_is_noticed(song: Samples, speed: float, engine: warp.Engine | None) -> None:
    dance, segment = record(song, 10.0, 30, speed=speed, engine=engine)
    case = Case("made-up", "clean", fit(dance), song, RATE, (segment,))
    assert truth.check(case, segment).holds
    assert not truth.check(case, replace(segment, offset=segment.offset + 0.06)).holds
    assert not truth.check(case, replace(segment, offset=segment.offset - 0.02)).holds


def test_cases_are_the_same_each_time() -> None:
    def draw() -> tuple[float, float]:
        where = scene(Draw("develop", "clean", 0), 20)
        return where.start, float(np.sum(where.reference))

    try:
        assert draw() == draw()
    except music.NoMusic as error:
        pytest.skip(str(error))


def test_of_many_equal_places_eight_have_to_be_listed() -> None:
    truth = Segment(0, 10, 5.0)
    places = tuple((5.0 + 2.0 * k, 1.0) for k in range(20))
    silence = np.zeros(RATE, dtype=np.float32)
    case = Case("made-up", "practice_loop", silence, silence, RATE, (truth,), True, places)

    def handled(count: int) -> bool | None:
        answer = Answer(True, True, 0.5, (Segment(0, 10, 7.0),), places[2 : 1 + count])
        return scoring.score(case, "m", answer, 1).handled

    assert handled(8) and not handled(7)


def made_up(segments: tuple[Segment, ...] | None) -> Case:
    silence = np.zeros(RATE, dtype=np.float32)
    return Case("made-up", "takes", silence, silence, RATE, segments)


def test_the_error_is_the_largest_over_the_overlap() -> None:
    case = made_up((Segment(0, 60, 10.0),))
    answer = Answer(True, False, 0.9, (Segment(0, 60, 10.0, 1.0005),))
    error = scoring.score(case, "m", answer, 1).error_ms
    assert error == pytest.approx(30.0)


def test_a_missing_and_an_extra_take_are_not_right() -> None:
    true = (Segment(0, 20, 10.0), Segment(25, 50, 40.0))
    limits = scoring.limits_error
    assert limits(true, true) == 0
    assert limits(true, true[:1]) == float("inf")
    assert limits(true, (*true, Segment(52, 60, 0.0))) == float("inf")
    halves = (Segment(0, 10, 10.0), Segment(10.1, 20, 10.001), true[1])
    assert limits(true, halves) == pytest.approx(0)
    late = (Segment(0.3, 20, 10.0), true[1])
    assert limits(true, late) == pytest.approx(300)
