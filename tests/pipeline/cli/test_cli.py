"""The command line as a person or a script uses it: real processes, real files."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.limits import for_own_files, limits_to_json
from pipeline.media.ffmpeg import executable
from pipeline.sample.pair import OFFSET_SECONDS
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from store import Store
from tests.kinds import more
from tests.media import measure
from tests.media.clips import read_music
from tests.wav import write_wav

ROOT = Path(__file__).resolve().parents[3]


def retrack(*arguments: str | Path, module: str = "pipeline") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_align_finds_the_sample(sample_pair: tuple[Path, Path]) -> None:
    done = retrack("align", *sample_pair)
    assert done.returncode == 0, done.stderr
    found = answer(done)
    assert found["matched"] is True and found["ambiguous"] is False
    assert found["candidates"] == []
    assert found["offset"] == pytest.approx(OFFSET_SECONDS, abs=0.010)
    assert found["speed"] == pytest.approx(1.0, abs=1e-3)
    assert 0.5 < found["confidence"] <= 1.0
    assert {"dance_start", "dance_end", "offset", "speed"} <= found["segments"][0].keys()
    assert set(found["variants"]) == {"modular", "v2"}


def test_own_files_may_be_larger_than_an_upload(
    sample_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dance, reference = sample_pair
    large = tmp_path / "large.mp4"
    large.write_bytes(dance.read_bytes())
    with large.open("ab") as file:  # an empty box at the end, of which nothing is stored
        file.write((3 * 2**20).to_bytes(4) + b"free")
        file.truncate(file.tell() + 3 * 2**20 - 8)
    monkeypatch.setenv("RETRACK_MAX_UPLOAD_MB", "1")
    monkeypatch.setenv("RETRACK_OUTPUTS", str(tmp_path / "outputs"))
    done = retrack("align", large, reference)
    assert done.returncode == 0, done.stderr
    assert answer(done)["matched"] is True
    refused = retrack("submit", large, reference)
    assert refused.returncode == 2
    assert "larger than 1 MiB" in refused.stderr
    assert "RETRACK_MAX_UPLOAD_MB" in refused.stderr


def test_without_settings_a_command_starts_without_pydantic_and_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their imports are a tenth of a short run; the limits are the same."""
    for name in [name for name in os.environ if name.startswith("RETRACK_")]:
        monkeypatch.delenv(name)
    program = (
        "import json, sys; from pipeline.cli.main import own_limits; import pipeline.job.run;"
        "from pipeline.limits import limits_to_json;"
        "loaded = [name for name in ('pydantic', 'store') if name in sys.modules];"
        "print(json.dumps([loaded, limits_to_json(own_limits())]), 'pydantic' in sys.modules)"
    )
    for setting, reads in (({}, "False"), ({"RETRACK_MAX_STREAMS": "9"}, "True")):
        with monkeypatch.context() as patch:
            for name, value in setting.items():
                patch.setenv(name, value)
            said = subprocess.run(
                [sys.executable, "-c", program],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            ).stdout
            expected = limits_to_json(for_own_files(Settings()))
        assert said == f"{json.dumps([[], expected])} {reads}\n"


def test_align_the_other_way_round_inverts_the_map(
    sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    dance, reference = sample_pair
    done = retrack("align", dance, dance)
    assert answer(done)["offset"] == pytest.approx(0.0, abs=0.005)
    del reference, tmp_path


@pytest.mark.parametrize("ending", ["mp3", *more("wav", "aiff")])
def test_align_takes_a_bare_sound_as_the_dance_and_run_says_that_a_film_is_needed(
    sample_pair: tuple[Path, Path], tmp_path: Path, ending: str
) -> None:
    dance, reference = sample_pair
    bare = tmp_path / f"dance.{ending}"
    subprocess.run(
        [executable(), "-loglevel", "error", "-i", dance, "-vn", bare], timeout=60, check=True
    )
    done = retrack("align", bare, reference)
    assert done.returncode == 0, done.stderr
    assert answer(done)["offset"] == pytest.approx(OFFSET_SECONDS, abs=0.010)
    refused = retrack("run", bare, reference, "--out", tmp_path / "out")
    assert refused.returncode == 2
    assert "a film is needed" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_run_makes_both_results(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = retrack("run", *sample_pair, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    result = answer(done)
    for key in ("modular_output", "v2_output"):
        assert Path(result[key]).stat().st_size > 10_000
    assert result["alignment"]["matched"] is True
    assert {"probe", "decode", "render_v2", "render_modular"} <= result["seconds"].keys()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "sample_dance_modular.mp4",
        "sample_dance_v2.mp4",
    ], "no partial or scratch file is left"
    said = done.stderr.strip().splitlines()
    assert len(said) == 3, "a person reads these, whatever length the JSON has"
    for line, key in zip(said, ("modular_output", "v2_output"), strict=False):
        assert line.endswith(result[key])
    assert "agree to" in said[-1] and "confidence 100%" in said[-1]


def test_run_makes_one_variant(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = retrack("run", *sample_pair, "--out", tmp_path, "--variant", "v2", "--json")
    assert done.returncode == 0 and done.stderr == ""
    assert answer(done)["modular_output"] is None
    assert [p.name for p in tmp_path.iterdir()] == ["sample_dance_v2.mp4"]


def test_run_makes_a_small_file_for_every_player(
    sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    one = ("--variant", "modular", "--every-player")
    done = retrack("run", *sample_pair, "--out", tmp_path, *one, "--at-most-mb", "0.8")
    assert done.returncode == 0, done.stderr
    made = Path(answer(done)["modular_output"])
    assert made.stat().st_size <= 800_000
    assert b"elst" not in made.read_bytes()
    assert answer(done)["variants"]["modular"]["plan"]["picture"]["action"] == "encode"

    refused = retrack("run", *sample_pair, "--out", tmp_path, *one, "--at-most-mb", "0.1")
    assert refused.returncode == 1
    assert "0.1 MB are too few for 22 s of film" in refused.stderr
    assert "at least 1 MB" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize("option", ["--nudge", *more("--at-most-mb", "--room-sound")])
def test_a_value_out_of_its_range_is_refused_in_one_line(
    option: str, sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    done = retrack("run", *sample_pair, "--out", tmp_path, option, "99999")
    assert done.returncode == 2
    assert "it must be between" in done.stderr and len(done.stderr.splitlines()) == 1


def test_unrelated_sound_ends_with_3(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    noise = np.random.default_rng(7).standard_normal(16_000 * 30) * 0.1
    unrelated = write_wav(tmp_path / "noise.wav", noise, 16_000)
    done = retrack("align", sample_pair[0], unrelated)
    assert done.returncode == 3
    assert answer(done)["matched"] is False
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"just some text, not a video\n" * 100, "dance"),
        (b"#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd\n", "dance"),
        *more(
            (b"<html><body>hello</body></html>", "dance"),
            (b"PK\x03\x04" + b"\0" * 400, "dance"),
            (b"ffconcat version 1.0\nfile other.mp4\n", "dance"),
        ),
    ],
)
def test_unusable_input_ends_with_2_and_one_line(
    content: bytes, says: str, sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(content)
    done = retrack("align", bad, sample_pair[1])
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and says in done.stderr


def test_a_missing_file_ends_with_2(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = retrack("run", tmp_path / "none.mp4", sample_pair[1], "--out", tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_a_reference_without_a_picture_cannot_be_the_dance(
    sample_pair: tuple[Path, Path],
) -> None:
    _, reference = sample_pair
    done = retrack("run", reference, reference, "--out", "unused")
    assert done.returncode == 2 and "picture" in done.stderr


def test_submit_and_show(sample_pair: tuple[Path, Path], settings: Settings) -> None:
    done = retrack("submit", *sample_pair)
    assert done.returncode == 0, done.stderr
    task_id = done.stdout.strip()
    record = answer(retrack("show", task_id, module="store"))
    assert record["status"] == "pending" and record["message"] == "等待处理..."
    assert record["dance_name"] == "sample_dance.mp4"
    everything = answer(retrack("show", module="store"))
    assert list(everything) == [task_id]
    store = Store(settings, FORM)
    task = store.get(task_id)
    assert task is not None and store.safe_path(task.extra.get("dance_file"))


def test_help_explains_each_command_with_an_example() -> None:
    assert "after a signal" in retrack("--help").stdout, "each exit code is named"
    for command in ("align", "run", "submit"):
        done = retrack(command, "--help")
        assert done.returncode == 0 and "Example: python -m pipeline" in done.stdout


def test_a_hand_given_place_is_refined(sample_pair: tuple[Path, Path]) -> None:
    done = retrack("align", *sample_pair, "--offset", str(OFFSET_SECONDS + 0.2))
    assert done.returncode == 0, done.stderr
    assert answer(done)["offset"] == pytest.approx(OFFSET_SECONDS, abs=0.010)


def test_speed_without_offset_is_refused(sample_pair: tuple[Path, Path]) -> None:
    done = retrack("align", *sample_pair, "--speed", "1.1")
    assert done.returncode == 2 and "--offset" in done.stderr
    assert os.linesep in done.stderr


@pytest.fixture(scope="module")
def mute_dances(
    sample_pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The sample's dance with no sound track at all, and with a silent one."""
    folder = tmp_path_factory.mktemp("mute")
    source = str(sample_pair[0])
    made = {"none": folder / "none.mp4", "silent": folder / "silent.mp4"}
    for name, options in (("none", ["-an"]), ("silent", ["-af", "volume=0"])):
        subprocess.run(
            [executable(), "-v", "error", "-i", source, "-c:v", "copy", *options, made[name]],
            check=True,
            timeout=60,
        )
    return made


@pytest.mark.parametrize(("kind", "says"), [("none", "no sound"), ("silent", "silent")])
def test_a_mute_dance_is_refused_with_the_reason(
    kind: str, says: str, mute_dances: dict[str, Path], sample_pair: tuple[Path, Path]
) -> None:
    done = retrack("align", mute_dances[kind], sample_pair[1])
    assert done.returncode == 2
    assert "dance" in done.stderr and says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("kind", ["silent", *more("none")])
def test_a_mute_dance_can_be_placed_by_hand(
    kind: str, mute_dances: dict[str, Path], sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    track = first_seconds(sample_pair[1])
    done = retrack(
        "run", mute_dances[kind], sample_pair[1], "--out", tmp_path, "--offset", "-4.0",
        "--keep-all", "--no-loudness",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = answer(done)
    assert result["alignment"]["offset"] == pytest.approx(-4.0)
    assert result["alignment"]["by_hand"] is True
    for key in ("modular_output", "v2_output"):
        heard = measure.sound(Path(result[key]))
        assert np.abs(heard[: 3 * 48_000]).max() < 0.01, "before the music there is silence"
        late = measure.lag(heard[4 * 48_000 :][: len(track)], track)
        assert abs(late) < 0.002


def first_seconds(path: Path) -> Any:
    """The first ten seconds of a file, mono 48 kHz."""
    return read_music(path, 0.0, 10.0).mean(axis=1)


def test_a_terminal_gets_a_progress_bar(sample_pair: tuple[Path, Path]) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    arguments = [sys.executable, "-m", "pipeline", "align", *map(str, sample_pair)]
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not piece:
            break
        shown += piece
    output, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    assert json.loads(output)["matched"] is True, "the bar must not stand in the result"
    assert "align_v2" in shown.decode() and "%|" in shown.decode()
