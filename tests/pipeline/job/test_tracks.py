"""Files with several sound tracks: the pair that fits is found, whichever is loudest or first."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import reasons
from pipeline.job import tracks, warnings
from pipeline.job.model import Job, Outcome
from pipeline.job.run import run
from pipeline.media.ffmpeg import executable
from pipeline.media.probe import probe
from pipeline.model import MethodAlignment, Segment
from pipeline.reasons import InputError
from pipeline.sample.pair import OFFSET_SECONDS
from pipeline.sound.decode import PcmSound, decode_tracks
from pipeline.tasks.answer import track_notices
from tests.media import measure
from tests.media.work import SETTINGS, late_by
from tests.wav import write_wav


def make(*arguments: str | Path) -> None:
    command = [executable(), "-loglevel", "error", "-y", *map(str, arguments)]
    subprocess.run(command, timeout=120, check=True)


def talk(seconds: float, seed: int) -> NDArray[np.float64]:
    """Bursts of coloured noise like syllables; loud, and no music."""
    random = np.random.default_rng(seed)
    count = round(seconds * 16_000)
    voice = np.convolve(random.standard_normal(count), np.hanning(24), mode="same")
    gate = np.repeat(random.random(count // 3200 + 1) > 0.4, 3200)[:count]
    spoken: NDArray[np.float64] = 0.6 * voice * gate / np.abs(voice).max()
    return spoken


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracks")


def spoken(folder: Path, seed: int) -> Path:
    path = folder / f"talk-{seed}.wav"
    return write_wav(path, talk(30.0, seed), 16_000)


@pytest.fixture(scope="module")
def recording(sample_pair: tuple[Path, Path], folder: Path) -> Path:
    """A screen recorder's film: a loud microphone, the soft music, and a silent track."""
    path = folder / "recording.mkv"
    make(
        *("-t", "12", "-i", sample_pair[0], "-i", spoken(folder, 1), "-f", "lavfi", "-t", "12"),
        *("-i", "anullsrc=r=48000", "-map", "0:v", "-map", "1:a", "-map", "0:a", "-map", "2:a"),
        *("-c:v", "copy", "-c:a", "aac", "-filter:a:1", "volume=0.1", "-shortest", path),
    )
    return path


@pytest.fixture(scope="module")
def music_video(sample_pair: tuple[Path, Path], folder: Path) -> Path:
    """A reference whose first, louder track is a commentary."""
    path = folder / "video.mka"
    make(
        *(
            "-i",
            spoken(folder, 2),
            "-i",
            sample_pair[1],
            "-map",
            "0:a",
            "-map",
            "1:a",
            "-c:a",
            "aac",
        ),
        *("-filter:a:1", "volume=0.1", "-metadata:s:a:0", "title=Commentary"),
        *("-disposition:a:0", "default", "-disposition:a:1", "0", path),
    )
    return path


def done(dance: Path, reference: Path, out: Path, **more: Any) -> Outcome:
    job = Job(dance, reference, out, "x", out / "scratch", variants=("v2",), **more)
    return run(job, lambda event: None, SETTINGS)


def heard(outcome: Outcome, song: Path) -> float:
    """How late (seconds) the song is in the result, where its place is known."""
    output = outcome.variants["v2"].output
    assert output is not None
    plan = outcome.variants["v2"].plan
    assert plan is not None
    start = plan["sound"]["pieces"][0]["source_start"]
    return late_by(measure.sound(Path(output)), measure.sound(song), start, at=2.0)


def test_the_music_is_found_in_whatever_tracks_it_is(
    recording: Path, music_video: Path, sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    outcome = done(recording, music_video, tmp_path)
    assert outcome.matched
    assert outcome.alignment["offset"] == pytest.approx(OFFSET_SECONDS, abs=0.010)
    told = outcome.alignment["tracks"]
    assert told == {
        "dance": {"track": 2, "of": 3, "why": "fits"},
        "reference": {"track": 2, "of": 2, "why": "fits"},
    }
    assert abs(heard(outcome, sample_pair[1])) < 0.005
    notices = track_notices(outcome.alignment)
    assert [notice["code"] for notice in notices] == ["dance_track", "reference_track"]
    for notice in notices:
        assert "track 2" in warnings.text(notice)


def test_a_place_by_hand_takes_the_track_that_fits_there(
    sample_pair: tuple[Path, Path], music_video: Path, tmp_path: Path
) -> None:
    outcome = done(sample_pair[0], music_video, tmp_path, hint=(OFFSET_SECONDS + 0.1, 1.0))
    assert outcome.alignment["tracks"]["reference"]["track"] == 2
    assert outcome.alignment["offset"] == pytest.approx(OFFSET_SECONDS, abs=0.010)
    assert abs(heard(outcome, sample_pair[1])) < 0.005


def test_a_mute_dance_gets_the_track_that_players_take_and_says_so(
    sample_pair: tuple[Path, Path], music_video: Path, tmp_path: Path
) -> None:
    mute, marked = tmp_path / "mute.mp4", tmp_path / "marked.mka"
    make("-i", sample_pair[0], "-an", "-c", "copy", mute)
    make(
        *("-i", music_video, "-map", "0", "-c", "copy", "-disposition:a:0", "0"),
        *("-disposition:a:1", "default", marked),
    )
    for reference, number in ((music_video, 1), (marked, 2)):
        found = done(mute, reference, tmp_path / f"out{number}", hint=(OFFSET_SECONDS, 1.0))
        assert found.alignment["tracks"] == {
            "reference": {"track": number, "of": 2, "why": "played"}
        }
        [notice] = track_notices(found.alignment)
        assert f"track {number} was taken" in warnings.text(notice)
    chosen = done(mute, music_video, tmp_path / "c", hint=(OFFSET_SECONDS, 1.0), reference_track=2)
    assert chosen.alignment["tracks"]["reference"]["why"] == "chosen"
    assert track_notices(chosen.alignment) == []
    assert abs(heard(chosen, sample_pair[1])) < 0.005


def test_the_command_line_chooses(
    recording: Path, music_video: Path, sample_pair: tuple[Path, Path]
) -> None:
    def align(*arguments: str | Path) -> tuple[int, Mapping[str, Any], str]:
        command = [sys.executable, "-m", "pipeline", "align", *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        return ended.returncode, json.loads(ended.stdout or "{}"), ended.stderr

    code, found, told = align(recording, sample_pair[1], "--method", "v2")
    assert code == 0 and found["tracks"]["dance"]["track"] == 2
    assert "sound track 2 of the dance's 3" in told
    code, found, _ = align(recording, sample_pair[1], "--method", "v2", "--dance-track", "1")
    assert code == 3 and found["tracks"]["dance"]["why"] == "chosen"
    code, _, told = align(recording, music_video, "--method", "v2", "--reference-track", "3")
    assert code == 2 and "has 2 sound tracks; there is no track 3" in told


def test_silent_broken_and_equal_tracks_are_left_out(
    recording: Path, sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    info = probe(recording, role="dance", settings=SETTINGS)
    assert len(info.sounds) == 3
    sounds = decode_tracks(recording, info, tmp_path, settings=SETTINGS)
    assert [info.track_number(sound.stream) for sound in sounds] == [1, 2], "the loudest first"
    assert len(list(tmp_path.iterdir())) == 2, "what is left out takes no space"
    twice = tmp_path / "twice.mka"
    make(
        *("-i", sample_pair[1], "-map", "0:a", "-map", "0:a", "-map", "0:a", "-c:a", "pcm_f32le"),
        *("-filter:a:2", "volume='if(gt(t,3),1e9,1)':eval=frame", twice),
    )
    info = probe(twice, role="reference", settings=SETTINGS)
    sounds = decode_tracks(twice, info, tmp_path, settings=SETTINGS)
    assert [info.track_number(sound.stream) for sound in sounds] == [1]
    with pytest.raises(InputError, match="no numbers"):
        decode_tracks(twice, info, tmp_path, settings=SETTINGS, number=3)
    with pytest.raises(InputError) as caught:
        decode_tracks(twice, info, tmp_path, settings=SETTINGS, number=4)
    assert caught.value.reason == reasons.NO_TRACK


def sound(stream: int) -> PcmSound:
    return PcmSound(Path("none"), 8000, 80_000, stream, 1.0, 0.1)


def answer(name: str, confidence: float) -> MethodAlignment:
    matched = confidence > 0.4
    segments = (Segment(0.0, 9.0, 1.0),) if matched else ()
    return MethodAlignment(method=name, matched=matched, confidence=confidence, segments=segments)


def asked(first: Mapping[tuple[int, int], float], second: float) -> tuple[tracks.Pair, list[Any]]:
    """The best pair, and what was asked, for these confidences of the first method."""
    calls: list[Any] = []

    def ask(name: str, dance: PcmSound, reference: PcmSound, _: Any) -> MethodAlignment:
        pair = (dance.stream, reference.stream)
        calls.append((name, *pair))
        given = first.get(pair, 0.1)
        return answer(name, given if name == "v2" else second if given > 0.4 else 0.1)

    candidates = tracks.pairs([sound(0), sound(1), sound(2)], [sound(0), sound(1)])
    best = tracks.best_pair(candidates, ("v2", "modular"), ask, lambda name: lambda done: None)
    return best, calls


def test_a_doubtful_pair_is_asked_of_both_and_a_beaten_one_is_not() -> None:
    best, calls = asked({(2, 1): 0.95}, 0.95)
    assert (best.dance.stream, best.reference.stream) == (2, 1)
    assert len([call for call in calls if call[0] == "v2"]) == 6
    assert [call for call in calls if call[0] == "modular"] == [("modular", 2, 1)]
    best, calls = asked({(0, 0): 0.93, (2, 1): 0.99}, 0.95)
    assert (best.dance.stream, best.reference.stream) == (2, 1)
    assert len([call for call in calls if call[0] == "modular"]) == 2
    best, calls = asked({(2, 1): 0.6}, 0.1)
    assert len([call for call in calls if call[0] == "modular"]) == 6, "nothing is sure"


def test_the_number_of_pairs_is_bounded_and_the_loudest_are_kept() -> None:
    many = tracks.pairs([sound(n) for n in range(15)], [sound(n) for n in range(16)])
    assert len(many) == tracks.MAX_PAIRS
    assert (many[0].dance.stream, many[0].reference.stream) == (0, 0)
    assert max(pair.dance.stream + pair.reference.stream for pair in many) < 6
