"""Small pieces of media work for the page, each run in a child by
``pipeline.child.supervise.call``.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline import reasons
from pipeline.job.events import Report
from pipeline.limits import Limits
from pipeline.reasons import InputError
from pipeline.scratch import scratch_folder

FILES = ("path", "other", "dance", "reference")
"""Arguments that name a file to read."""
OUT = "out"
"""The argument that names the file to write."""


def files_of(arguments: Mapping[str, Any]) -> dict[str, Path]:
    """The files that a call reads, by argument."""
    return {name: Path(arguments[name]) for name in FILES if name in arguments}


Call = Callable[[Mapping[str, Any], Limits, Report], dict[str, Any]]


def _same(arguments: Mapping[str, Any], settings: Limits, report: Report) -> dict[str, Any]:
    """``path``, ``other`` → ``same``: whether both files hold the same bytes."""
    from pipeline.media.identical import same_bytes

    return {"same": same_bytes(Path(arguments["path"]), Path(arguments["other"]))}


def _thumbnail(arguments: Mapping[str, Any], settings: Limits, report: Report) -> dict[str, Any]:
    """``path``, ``out``, ``at`` (seconds) → a JPEG at ``out``; raises ``InputError``."""
    from pipeline.media.probe import probe
    from pipeline.previews.copies import make_thumbnail

    path, out, at = Path(arguments["path"]), Path(arguments["out"]), float(arguments["at"])
    film = probe(path, role="dance", settings=settings, need_sound=False).video
    make_thumbnail(path, out, at=at, settings=settings, stream=film.index if film else None)
    return {"out": str(out)}


def _preview(arguments: Mapping[str, Any], settings: Limits, report: Report) -> dict[str, Any]:
    """``path``, ``out``, ``role`` → a small H.264 copy at ``out`` that browsers play, with the
    sound track ``track`` (from 1; without it the one that players take); with ``sound_only``
    that track alone."""
    from pipeline.job.declared import declared
    from pipeline.media.probe import probe
    from pipeline.media.transport import one_clock
    from pipeline.previews.copies import make_preview, make_sound_copy

    out, number = Path(arguments["out"]), arguments.get("track")
    with scratch_folder() as folder:
        path = one_clock(Path(arguments["path"]), folder / "one-clock.ts").path
        info = probe(path, role=arguments.get("role", "dance"), settings=settings)
        report(declared(info))
        stream = info.video.index if info.video is not None else None
        sound = info.played if number is None else info.sounds[number - 1]
        if arguments.get("sound_only") and sound is not None:
            make_sound_copy(path, out, info=info, sound=sound, settings=settings)
        else:
            make_preview(
                path, out, duration=info.duration, settings=settings, stream=stream, sound=sound
            )
    return {"out": str(out)}


def _facts(arguments: Mapping[str, Any], settings: Limits, report: Report) -> dict[str, Any]:
    """``path``, ``role`` → ``pipeline.previews.facts.facts_of``; raises ``InputError``."""
    from pipeline.job.declared import declared
    from pipeline.previews.facts import facts_of

    return facts_of(
        Path(arguments["path"]),
        arguments["role"],
        settings=settings,
        before_all=lambda info: report(declared(info, times=0)),
    )


def _waveforms(arguments: Mapping[str, Any], settings: Limits, report: Report) -> dict[str, Any]:
    """``dance``, ``reference``, ``out`` → a JSON file at ``out`` with both files' envelopes; of the
    sound tracks ``dance_track`` and ``reference_track`` (from 1), where these are given.

    ``{"dance": {"duration", "step" (seconds), "levels" (bytes as base64)}, "reference": …}``,
    null for a file without a sound to draw; raises ``InputError`` for one that is no media.
    """
    from dataclasses import asdict

    from pipeline.job.declared import declared
    from pipeline.media.info import MediaInfo, Role
    from pipeline.media.probe import probe
    from pipeline.media.transport import one_clock
    from pipeline.previews.waveform import peak_envelope
    from pipeline.sound.decode import decode_sound

    def described(role: Role, scratch: Path) -> tuple[Path, MediaInfo]:
        path = one_clock(Path(arguments[role]), scratch / f"{role}.ts").path
        return path, probe(path, role=role, settings=settings, need_sound=False)

    def envelope(path: Path, info: MediaInfo, scratch: Path) -> dict[str, Any] | None:
        try:
            number = arguments.get(f"{info.role}_track")
            sound = decode_sound(path, info, scratch, settings=settings, number=number)
        except InputError as error:
            if error.reason in (reasons.NO_SOUND, reasons.SILENT, reasons.TOO_SHORT):
                return None
            raise
        drawn = peak_envelope(sound)
        return {**asdict(drawn), "levels": base64.b64encode(drawn.levels).decode()}

    out = Path(arguments["out"])
    with scratch_folder() as folder:
        files = [described("dance", folder), described("reference", folder)]
        for _, info in files:
            report(declared(info, times=0))
        value = {info.role: envelope(path, info, folder) for path, info in files}
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.stem}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(value, allow_nan=False), encoding="utf-8")
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return {"out": str(out)}


CALLS: dict[str, Call] = {
    "facts": _facts,
    "same": _same,
    "thumbnail": _thumbnail,
    "preview": _preview,
    "waveforms": _waveforms,
}
"""By name; arguments and value are JSON objects."""
