"""A command that is ended on its way leaves nothing; what a SIGKILL leaves is swept later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipeline.media.ffmpeg import executable
from pipeline.scratch import LOCK, PREFIX, scratch_folder, sweep

ROOT = Path(__file__).resolve().parents[2]
MARK = "RETRACK_TEST_MARK"
LIMIT = 60.0
"""The longest wait for a moment of a run (seconds)."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Twenty seconds of notes that do not repeat, filmed in a codec that has to be re-encoded."""
    folder = tmp_path_factory.mktemp("ending")
    song = "aevalsrc='0.3*sin(2*PI*t*(300+200*sin(t*t/9)))*(1-mod(t*3.3,1))':s=44100:d=27"
    dance, reference = folder / "dance.mkv", folder / "song.flac"
    for target, arguments in (
        (reference, ["-f", "lavfi", "-i", song]),
        (
            dance,
            [
                *("-f", "lavfi", "-i", "testsrc2=s=640x360:r=30", "-ss", "3", "-i", reference),
                *("-t", "20", "-c:v", "mpeg4", "-q:v", "5"),
            ],
        ),
    ):
        subprocess.run(
            [executable(), "-loglevel", "error", "-y", *map(str, arguments), str(target)],
            check=True,
        )
    return dance, reference


def start(
    pair: tuple[Path, Path], folder: Path, *options: str, background: bool = False
) -> tuple[subprocess.Popen[bytes], Path, Path, str]:
    """A run in ``folder``: its process, its place for temporary files, its results, its mark."""
    temporary, out, mark = folder / "tmp", folder / "out", uuid.uuid4().hex
    temporary.mkdir(exist_ok=True)
    running = subprocess.Popen(
        [
            # As a script's shell does for a job in the background.
            *(("sh", "-c", 'trap "" INT; exec "$@"', "sh") if background else ()),
            *(sys.executable, "-m", "pipeline", "run", *map(str, pair), "--out", str(out)),
            *options,
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), MARK: mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return running, temporary, out, mark


def wait_for(condition: Callable[[], bool], running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert running.poll() is None, "the run ended before the moment came"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def alive(mark: str) -> list[str]:
    """The processes of the run with this mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.name())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["*.s16", "sound-*.json", "part"])
def test_a_signal_leaves_nothing(
    moment: str, number: signal.Signals, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """While decoding, once the sound is encoded beside the alignment, while the result grows."""
    running, temporary, out, mark = start(pair, tmp_path)
    place, pattern = (out, "*.mp4") if moment == "part" else (temporary, moment)
    wait_for(lambda: any(p.stat().st_size > 0 for p in place.rglob(pattern)), running)
    assert files(temporary)
    if number == signal.SIGINT:
        os.killpg(running.pid, number)  # a terminal sends it to the whole group
    else:
        running.send_signal(number)
    _, said = running.communicate(timeout=LIMIT)
    left = alive(mark)
    assert running.returncode == 128 + number, said
    assert said.decode() == "retrack: cancelled\n"
    assert left == []
    assert list(temporary.iterdir()) == []
    assert not out.exists() or list(out.iterdir()) == []


def test_a_job_in_the_background_is_not_ended_by_the_terminal(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """Ctrl-C goes to all that a script started; what ignores it brings both results."""
    running, _, out, _ = start(pair, tmp_path, background=True)
    wait_for(lambda: any(p.stat().st_size > 0 for p in out.rglob("*.mp4")), running)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=4 * LIMIT)
    assert running.returncode == 0, said
    assert b"failed" not in said
    assert sorted(path.name for path in out.iterdir()) == ["dance_modular.mp4", "dance_v2.mp4"]


def test_what_a_kill_leaves_is_swept_by_the_next(pair: tuple[Path, Path], tmp_path: Path) -> None:
    running, temporary, out, mark = start(pair, tmp_path)
    wait_for(lambda: any(p.stat().st_size > 0 for p in out.rglob("*.mp4")), running)
    running.kill()
    running.communicate()
    deadline = time.monotonic() + LIMIT
    while alive(mark):  # ffmpeg ends by itself, its pipe being closed
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert files(temporary) and files(out), "nothing was left: the test says nothing"
    again, *_ = start(pair, tmp_path, "--variant", "v2", "--portable")
    _, said = again.communicate(timeout=4 * LIMIT)
    assert again.returncode == 0, said
    assert list(temporary.iterdir()) == []
    assert [path.name for path in out.iterdir()] == ["dance_v2.mp4"]


def test_only_our_own_dead_are_swept(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / LOCK).write_bytes(b"")
    place = tmp_path / "tmp"
    place.mkdir()
    (place / f"{PREFIX}link").symlink_to(elsewhere)
    (place / f"{PREFIX}unlocked").mkdir()
    (place / f"{PREFIX}file").write_bytes(b"x")
    other = place / "other-dead"
    other.mkdir()
    (other / LOCK).write_bytes(b"")
    dead = place / f"{PREFIX}dead"
    dead.mkdir()
    (dead / LOCK).write_bytes(b"")
    (dead / "sound.s16").write_bytes(b"x" * 100)
    linked = place / f"{PREFIX}linked-lock"
    linked.mkdir()
    (linked / LOCK).symlink_to(elsewhere / LOCK)
    with scratch_folder(place) as held:
        held.rename(place / f"{PREFIX}held")  # as a folder that was found there
        assert sweep(place) == [dead]
        (place / f"{PREFIX}held").rename(held)
    assert sorted(path.name for path in place.iterdir()) == sorted(
        [*(f"{PREFIX}{n}" for n in ("link", "unlocked", "file", "linked-lock")), other.name]
    )
    assert elsewhere.is_dir()


def test_the_services_start_sweeps(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    for name in ("dead", "unlocked"):
        (temporary / f"{PREFIX}{name}").mkdir(parents=True)
    (temporary / f"{PREFIX}dead" / LOCK).write_bytes(b"")
    with scratch_folder(temporary) as held:
        mine = held.rename(temporary / f"{PREFIX}held")
        service = subprocess.Popen(
            [sys.executable, "-m", "tests.pipeline.running.service_process"],
            cwd=ROOT,
            env={
                **os.environ,
                "TMPDIR": str(temporary),
                "RETRACK_OUTPUTS": str(tmp_path / "outputs"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert service.stdout is not None
        assert service.stdout.readline() == b"ready\n"
        left = {path.name for path in temporary.glob(f"{PREFIX}*")}
        service.terminate()
        _, said = service.communicate(timeout=LIMIT)
        mine.rename(held)
    assert left == {f"{PREFIX}held", f"{PREFIX}unlocked"}
    assert f"{PREFIX}dead" in said.decode()
