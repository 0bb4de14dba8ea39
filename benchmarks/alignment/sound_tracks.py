"""Whether the right sound track is found in files with several, how exactly, and at what cost.

    python -m benchmarks.alignment.sound_tracks

Of each of the first develop tracks that are long enough, a dance is made (a room, noise) and a
reference, each with further tracks beside the music; ``python -m pipeline align`` is asked. Prints
a row a kind. The cost is the processor time of the answer beside that of the same pair with one
track in each file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.cases import degrade
from benchmarks.cases.tracks import RATE, Split, speech, tracks
from pipeline.media import ffmpeg
from pipeline.model import Samples

SECONDS, BEGIN = 40.0, 25.0
"""Length of the dance, and where it begins in the song (seconds)."""
SONG = 100.0
"""Seconds of the song that the reference has."""


@dataclass(frozen=True)
class Kind:
    """Which tracks the two files have, by what they hold; ``music`` is the right one."""

    name: str
    dance: tuple[str, ...]
    reference: tuple[str, ...]

    @property
    def right(self) -> dict[str, int]:
        """The number of the right track in each file with several."""
        files = {"dance": self.dance, "reference": self.reference}
        return {role: t.index("music") + 1 for role, t in files.items() if len(t) > 1}


KINDS = (
    Kind("one track each", ("music",), ("music",)),
    Kind("talk 17 dB louder beside the music", ("talk", "music"), ("music",)),
    Kind("commentary 13 dB louder before the song", ("music",), ("talk", "music")),
    Kind("both", ("talk", "music"), ("talk", "music")),
    Kind("song under a commentary, then the song", ("music",), ("under", "music")),
    Kind("far, talk, silent, near", ("far", "talk", "silent", "music"), ("music",)),
)
UNRELATED = Kind("other songs, two tracks each", ("talk", "music"), ("talk", "music"))


def write(path: Path, sounds: Sequence[Samples]) -> Path:
    """The sounds as the FLAC tracks of one Matroska file."""
    command = [ffmpeg.executable(), "-loglevel", "error", "-y"]
    with tempfile.TemporaryDirectory() as folder:
        for number, sound in enumerate(sounds):
            raw = Path(folder) / f"{number}.f32"
            np.clip(sound, -1, 1).astype("<f4").tofile(raw)
            command += ["-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", str(raw)]
        for number in range(len(sounds)):
            command += ["-map", str(number)]
        subprocess.run([*command, "-c:a", "flac", str(path)], check=True, timeout=300)
    return path


def level(sound: Samples, decibels: float) -> Samples:
    """The sound at this root mean square (decibels of full scale)."""
    scale = 10 ** (decibels / 20) / max(degrade.rms(sound), 1e-9)
    return (sound * np.float32(scale)).astype(np.float32)


def sounds(
    song: Samples, names: Sequence[str], seed: int, *, filmed: bool, voices: Split = "develop"
) -> list[Samples]:
    """The tracks of one file by what they hold; talk is of a split's ``voices``."""
    talk = level(speech(voices, len(song) / RATE, seed), -18)
    near, far = song, song
    if filmed:
        room = degrade.room_response(RATE, 0.4, 3.0, seed)
        near = degrade.noise(degrade.reverberate(song, room), 15.0, "pink", seed)
        room = degrade.room_response(RATE, 0.9, -8.0, seed + 1)
        far = degrade.noise(degrade.reverberate(song, room), 0.0, "pink", seed + 1)
    made = {
        "music": level(near, -35 if filmed else -31),
        "talk": talk,
        "far": level(far, -20),
        "silent": np.zeros(len(song), np.float32),
        "under": level(song, -31) + talk,
    }
    return [made[name] for name in names]


def align(dance: Path, reference: Path) -> tuple[dict[str, object], float]:
    """The answer, and its processor time (seconds)."""
    before = psutil.Process().cpu_times()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "align", str(dance), str(reference)],
        capture_output=True,
        check=False,
        timeout=900,
    )
    after = psutil.Process().cpu_times()
    spent = after.children_user + after.children_system
    return json.loads(done.stdout), spent - before.children_user - before.children_system


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--songs", type=int, default=8)
    count = parser.parse_args(argv).songs
    chosen = [track for track in tracks("develop") if track.seconds >= SONG][: count + 1]
    first, last = round(BEGIN * RATE), round((BEGIN + SECONDS) * RATE)
    single: dict[int, float] = {}
    print("| tracks | right | largest error, ms | cost, median |\n|---|---|---|---|")
    for kind in (*KINDS, UNRELATED):
        right, errors, costs = 0, [0.0], []
        for number, track in enumerate(chosen[:-1]):
            song = track.samples()[: round(SONG * RATE)]
            other = chosen[number + 1].samples()[: round(SONG * RATE)]
            clean = other if kind is UNRELATED else song
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                filmed = sounds(song[first:last], kind.dance, 2 * number, filmed=True)
                # Two draws of the same voices can hold the same sentence, which is a match.
                voices: Split = "held" if kind is UNRELATED else "develop"
                given = sounds(clean, kind.reference, 2 * number + 100, filmed=False, voices=voices)
                dance, reference = write(folder / "d.mka", filmed), write(folder / "r.mka", given)
                found, spent = align(dance, reference)
            single.setdefault(number, spent)
            costs.append(spent / single[number])
            said = found.get("tracks")
            named = said.items() if isinstance(said, dict) else ()
            answered = {role: one["track"] for role, one in named}
            if kind is UNRELATED:
                right += not found["matched"]
            elif found["matched"] and answered == kind.right:
                right += 1
                errors.append(abs(float(str(found["offset"])) - BEGIN) * 1000)
        worst = "" if kind is UNRELATED else f"{max(errors):.2f}"
        cost = f"{np.median(costs):.1f}"
        print(f"| {kind.name} | {right} of {len(costs)} | {worst} | {cost} |", flush=True)


if __name__ == "__main__":
    main()
