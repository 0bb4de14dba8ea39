"""Impulse responses that were measured in real rooms, from packages of PyPI, cached unpacked.

    python -m benchmarks.alignment.rooms                      # the packages' rooms
    python -m benchmarks.alignment.rooms --folder FOLDER      # and another set, as sound files

The command plays music of sustained tones in them (``hyperrogue-music``), on which reverberant
rooms are hardest.

A response starts at its direct sound, so that a dance recorded through it is not moved in time.
Nothing is installed: ``pip download`` fetches the source packages, which bring the sounds for
their own tests. ``scene-rir`` brings recorded sweeps; dividing by the sweep gives the response
(Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine
technique", AES 2000).
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cases.responses import Response, from_direct, packaged, read
from benchmarks.cases.tracks import RATE, Track
from tests import music

if TYPE_CHECKING:
    from benchmarks.cases.case import Case


MUSIC, LEAST_SONG = "hyperrogue-music", 70.0
"""What the command plays, and the seconds that a song of it has at least."""


def songs() -> list[Track]:
    """The tracks of the package of sustained music that ffmpeg reads (three it does not)."""
    found = []
    for path in music.tracks(MUSIC):
        track = Track(path.stem, "hyperrogue", path)
        try:
            if track.seconds >= LEAST_SONG:
                found.append(track)
        except subprocess.CalledProcessError:
            continue
    return found


def dances(responses: Mapping[str, Response], count: int) -> Iterator[Case]:
    """Dances of 20 to 45 s to so many songs in each room, as in the kind ``measured_room``."""
    from benchmarks.cases.case import Draw, Scene
    from benchmarks.cases.in_rooms import in_room

    every = songs()
    for name, response in responses.items():
        for index in range(count):
            draw = Draw("develop", f"room-{name}", index)
            track = every[int(draw.random.integers(len(every)))]
            reference = track.samples()[: 150 * RATE]
            seconds = float(draw.random.uniform(20, 45))
            start = float(draw.random.uniform(0, len(reference) / RATE - seconds))
            case = in_room(draw, response, Scene(reference, start, track), seconds)
            yield replace(case, kind="measured_room")


def main(arguments: Sequence[str] | None = None) -> None:
    """Both methods and the judge in measured rooms, with the tables of all benchmarks."""
    from benchmarks.alignment.__main__ import JUDGE, report, run
    from pipeline.align import METHODS

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.alignment.rooms", description=__doc__
    )
    parser.add_argument("--folder", type=Path, help="sound files, each a measured response")
    parser.add_argument("--songs", type=int, default=8, help="songs heard in each room")
    parser.add_argument("--out", type=Path, help="JSON lines, one a case and method")
    options = parser.parse_args(arguments)
    methods = [*METHODS, JUDGE]
    responses = packaged()
    if options.folder:
        responses |= {
            path.stem: from_direct(read(path)) for path in sorted(options.folder.iterdir())
        }
    cases = dances(responses, options.songs)
    print(report(run(cases, methods, list(METHODS), Path(), options.out), methods))


if __name__ == "__main__":
    main()
