"""The small files that cost most, each with its name and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.hostile import bombs, slow

Make = Callable[[Path], Path]

SLOW: Mapping[str, Make] = {
    "id3-keys.mp3": lambda path: slow.many_keys(path, 60_000),
    "id3-compressed.mp3": lambda path: slow.compressed_tags(path, 20),
    "vorbis-keys.flac": lambda path: slow.many_comments(path, 60_000),
    "chapters.mkv": lambda path: slow.repeated_chapters(path, 3_000),
    "edits.mov": lambda path: bombs.repeated_edits(path, 100_000),
    "samples.m4a": lambda path: bombs.many_samples(path, 30_000_000),
    "later-samples.m4a": lambda path: bombs.many_samples_later(path, 30_000_000),
    "wide.flac": lambda path: bombs.wide_flac(path, 10_000),
}
"""Opening or describing them takes seconds to hours, or gigabytes."""
PICTURES: Mapping[str, Make] = {
    "stills.mov": lambda path: bombs.stills(path, 16_000),
    "cover.m4a": lambda path: bombs.cover_mp4(path, 16_000),
    "cover.mp3": lambda path: bombs.cover_mp3(path, 16_000),
    "cover.flac": lambda path: bombs.cover_flac(path, 16_000),
    "cover.mkv": lambda path: bombs.cover_matroska(path, 16_000),
}
"""A PNG of a gigabyte is in them, which nobody needs to decode."""
FILMS: Mapping[str, Make] = {
    "repeated.mov": lambda path: bombs.repeated_picture(path, 300, 30),
    "growing.mov": lambda path: bombs.growing_picture(path, 16_000),
}
"""Films whose description is cheap and whose work is not."""
ALL: Mapping[str, Make] = {**SLOW, **PICTURES, **FILMS}
