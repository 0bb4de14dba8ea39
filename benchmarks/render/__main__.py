"""What a whole run costs beside a bare copy, and beside a re-encode by moviepy.

    python -m benchmarks.render [--long] [--markdown FILE]

Makes (once, in ``.cache/benchmarks``) a 3-minute 1080p dance with real music and noise, and
its clean reference, then takes turns: a bare ``ffmpeg -c:v copy`` with AAC encoding plus a
decoding of both sounds, and ``python -m pipeline run --variant both``; the same for the first
30 s of the dance and the first 60 s of the reference. Each is run ``ROUNDS`` times; the smallest
CPU time and the smallest wall time of each are compared, since other work on the machine only
ever adds. moviepy re-encodes the first 20 s of the same job; its time is scaled to the whole
length, which favours it (its start-up counts once).

``--long`` adds a 2-hour 4K pair, watched by ``benchmarks.render.long_pair``.

Takes about 4 minutes on 2 cores at rest, of which moviepy 1; the first time 1 more to make the
pair. With ``--long`` 7 more, and 4 to make it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.media import ffmpeg
from pipeline.render.aac import ENCODER
from tests import music
from tests.media.clips import RATE, read_music, write_sound

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "benchmarks"
SECONDS = 180
SHORT_SECONDS = 30
OFFSET = 12.345
ROUNDS = 5
MOVIEPY_SECONDS = 20
JOBS = ("bare copy + AAC + decoding both sounds", "`run --variant both`")


@dataclass(frozen=True)
class Cost:
    wall: float
    cpu: float
    memory: float
    """Largest resident set of any process of the command (MiB)."""


def cost(*commands: list[str]) -> Cost:
    """Runs the commands one after the other, and adds up what they and their children used."""
    wall = cpu = memory = 0.0
    for command in commands:
        started = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert child.stderr is not None  # noqa: S101 # asked for above
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit(f"{command} failed:\n{said.decode()}")
        wall += time.monotonic() - started
        cpu += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss / 1024)
    return Cost(wall, cpu, memory)


def best(costs: list[Cost]) -> Cost:
    return Cost(min(c.wall for c in costs), min(c.cpu for c in costs), max(c.memory for c in costs))


def run_ffmpeg(*arguments: str) -> None:
    subprocess.run([ffmpeg.executable(), "-loglevel", "error", "-y", *arguments], check=True)


def make_pair() -> tuple[Path, Path]:
    """A 3-minute 1080p H.264 dance of about 12 Mbit/s and its reference (AAC)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    dance, reference = CACHE / "dance.mp4", CACHE / "reference.m4a"
    if not dance.exists():
        track = max(music.tracks("warzone2100-music"), key=lambda path: path.stat().st_size)
        song = read_music(track, 0.0, SECONDS + 30)
        write_sound(song, reference, "-c:a", "aac", "-b:a", "192k")
        chance = np.random.default_rng(1)
        start = round(OFFSET * RATE)
        heard = song[start : start + SECONDS * RATE].mean(axis=1, keepdims=True).repeat(2, axis=1)
        heard = heard * 0.5 + 0.03 * chance.standard_normal(heard.shape).astype(np.float32)
        write_sound(heard, CACHE / "room.m4a", "-c:a", "aac", "-b:a", "128k")
        one = CACHE / "one.mp4"
        run_ffmpeg(
            *("-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=30,noise=alls=12:allf=t", "-t", "20"),
            *("-c:v", "libx264", "-preset", "veryfast", "-b:v", "12M", "-g", "60", "-bf", "2"),
            *("-pix_fmt", "yuv420p", str(one)),
        )
        part = CACHE / "part.mp4"
        run_ffmpeg(
            *("-stream_loop", "-1", "-i", str(one), "-i", str(CACHE / "room.m4a")),
            *("-map", "0:v", "-map", "1:a", "-c", "copy", "-t", str(SECONDS), str(part)),
        )
        part.rename(dance)
    for whole, seconds in ((dance, SHORT_SECONDS), (reference, 2 * SHORT_SECONDS)):
        if not (short := short_of(whole)).exists():
            run_ffmpeg("-i", str(whole), "-c", "copy", "-t", str(seconds), str(short))
    return dance, reference


def short_of(path: Path) -> Path:
    return path.with_stem(f"{path.stem}-short")


MOVIEPY = """
import sys
from moviepy import AudioFileClip, VideoFileClip
dance, reference, out, seconds = sys.argv[1:]
clip = VideoFileClip(dance).subclipped(0, float(seconds))
sound = AudioFileClip(reference).subclipped(12.345, 12.345 + float(seconds))
clip.with_audio(sound).write_videofile(out, codec="libx264", audio_codec="aac", logger=None)
"""


def bare(dance: Path, reference: Path, out: Path) -> list[list[str]]:
    """The bare commands: copy with AAC encoding, and each sound decoded once."""
    program = [ffmpeg.executable(), "-nostdin", "-loglevel", "error", "-y"]
    copy = [
        *(*program, "-i", str(dance), "-ss", str(OFFSET), "-i", str(reference), "-map", "0:v:0"),
        *("-map", "1:a:0", "-c:v", "copy", *ENCODER, "-shortest", str(out)),
    ]
    decode = [
        [*program, "-vn", "-i", str(path), "-map", "0:a:0", "-f", "null", "-"]
        for path in (dance, reference)
    ]
    return [copy, *decode]


def pipeline(dance: Path, reference: Path, out: Path) -> list[str]:
    files = [str(dance), str(reference), "--out", str(out), "--variant", "both"]
    return [sys.executable, "-m", "pipeline", "run", *files]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.render", description=__doc__)
    parser.add_argument("--long", action="store_true", help="also a 2-hour 4K pair")
    parser.add_argument("--no-moviepy", action="store_true")
    parser.add_argument("--make", action="store_true", help="only make the files")
    parser.add_argument("--markdown", type=Path, help="write the table there as well")
    arguments = parser.parse_args()
    if arguments.make:
        make_pair()
        return
    out = CACHE / "out"
    out.mkdir(parents=True, exist_ok=True)
    # Made in a process of its own: a child's peak memory begins with that of its parent.
    subprocess.run([sys.executable, "-m", "benchmarks.render", "--make"], check=True)
    dance, reference = CACHE / "dance.mp4", CACHE / "reference.m4a"
    pairs = {SHORT_SECONDS: (short_of(dance), short_of(reference)), SECONDS: (dance, reference)}
    costs: dict[tuple[int, str], list[Cost]] = {}
    for _ in range(ROUNDS):
        for seconds, pair in pairs.items():
            commands = bare(*pair, out / "bare.mp4"), [pipeline(*pair, out)]
            for name, each in zip(JOBS, commands, strict=True):
                costs.setdefault((seconds, name), []).append(cost(*each))
    rows, figures = [], {}
    for seconds in pairs:
        base, ours = (best(costs[seconds, name]) for name in JOBS)
        rows += [(f"{seconds} s: {JOBS[0]}", base), (f"{seconds} s: {JOBS[1]}", ours)]
        figures[f"ratio_cpu_{seconds}"] = ours.cpu / base.cpu
        figures[f"ratio_wall_{seconds}"] = ours.wall / base.wall
    if not arguments.no_moviepy:
        files = [str(dance), str(reference), str(out / "moviepy.mp4")]
        short = cost([sys.executable, "-c", MOVIEPY, *files, str(MOVIEPY_SECONDS)])
        scale = SECONDS / MOVIEPY_SECONDS
        whole = Cost(short.wall * scale, short.cpu * scale, short.memory)
        rows.append((f"moviepy re-encode (from {MOVIEPY_SECONDS} s)", whole))
        # Both of our results against one of moviepy's.
        figures["moviepy_wall"] = whole.wall / ours.wall
        figures["moviepy_cpu"] = whole.cpu / ours.cpu
    lines = ["| job | wall (s) | CPU (s) | peak memory (MiB) |", "|---|---|---|---|"]
    for name, used in rows:
        lines.append(f"| {name} | {used.wall:.2f} | {used.cpu:.2f} | {used.memory:.0f} |")
    text = "\n".join([*lines, "", json.dumps({k: round(v, 2) for k, v in figures.items()})])
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text + "\n")
    if arguments.long:
        subprocess.run([sys.executable, "-m", "benchmarks.render.long_pair"], check=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
