"""Warnings about a job that succeeded: codes, and their texts for the command line.

The page has its own texts in two languages under the same codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.media.identical import same_bytes
from pipeline.media.info import MediaInfo, Role
from pipeline.media.truncation import ends_early
from pipeline.model import Alignment, longest

Notice = dict[str, Any]
"""``code``, and what its text needs: ``at`` is a time in seconds, ``semitones`` a distance."""

TEXTS = {
    "dance_cut_off": "the dance file is cut off: it ends at {at}; what is there was used",
    "reference_cut_off": "the reference file is cut off: it ends at {at}; what is there was used",
    "dance_joined": "the dance was put together from several recordings; the joint at {at} was "
    "mended",
    "reference_joined": "the reference was put together from several recordings; the joint at "
    "{at} was mended",
    "same_file": "the dance and the reference are the same file: there is no clean track to put "
    "under it; give the song itself as the reference",
    "other_key": "the music of the dance is in another key than the reference (semitones: "
    "about {semitones:+g}); the result has the reference's own",
    "picture_encoded": "the picture had to be encoded again",
    "dance_track": "the music was found in sound track {track} of the dance's {of}",
    "reference_track": "sound track {track} of the reference's {of} fits best: it is under the "
    "dance",
    "reference_played": "the reference has {of} sound tracks and none could be compared with the "
    "dance: track {track} was taken, as players do; --reference-track chooses another",
    "tracks_left_out": "there are so many sound tracks that {pairs} pairs of the quietest were not "
    "compared; --dance-track and --reference-track choose",
}


def cut_off(info: MediaInfo, end: float) -> list[Notice]:
    """The warning that a file was cut off, when it was; ``end`` is where its sound ends
    (seconds)."""
    if not ends_early(info, end):
        return []
    return [{"code": f"{info.role}_cut_off", "at": round(end, 3)}]


def joined(role: Role, joints: Iterable[float]) -> list[Notice]:
    """The warnings where recordings were put together (seconds)."""
    return [{"code": f"{role}_joined", "at": round(at, 3)} for at in joints]


def same_file(dance: Path, reference: Path) -> list[Notice]:
    """The warning that one recording was given as both, under whatever names."""
    return [{"code": "same_file"}] if same_bytes(dance, reference) else []


def other_key(alignment: Alignment) -> list[Notice]:
    """The warning that the dance's music is in another key than what is put under it."""
    main = longest(alignment.segments)
    if main is None or not main.semitones:
        return []
    return [{"code": "other_key", "semitones": main.semitones}]


def of_results(notes: Iterable[str]) -> list[Notice]:
    """The warnings from the notes of all results, each once."""
    return [{"code": code} for code in dict.fromkeys(notes)]


def text(warning: Mapping[str, Any]) -> str:
    """One line for the command line."""
    whole = round(warning.get("at", 0.0))
    return TEXTS[warning["code"]].format(**{**warning, "at": f"{whole // 60}:{whole % 60:02d}"})
