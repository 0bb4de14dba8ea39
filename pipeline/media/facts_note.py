"""What was found out about an upload, noted beside it, so that no later look probes it again.

The service alone writes the note, in its own folder and under its own name. It is bound to the
bytes (by size and time of change), to the role and to the limits by which the file was accepted:
for anything else, and when it cannot be read, there is no note, and the file is probed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.limits import Limits, limits_to_json
from pipeline.media.info import MediaInfo, Role

log = logging.getLogger(__name__)

SUFFIX = ".facts"
FORMAT = 1
"""Counted up with every change of what is noted, or of how it is found out."""


def note_path(path: Path) -> Path:
    """Where the note of the file at ``path`` stands."""
    return path.with_suffix(SUFFIX)


def binding(path: Path, role: Role, limits: Limits) -> dict[str, Any]:
    """What a note of this file holds for; taken before the file is read. Raises ``OSError``."""
    about = path.stat()
    return {
        "format": FORMAT,
        "size": about.st_size,
        "mtime_ns": about.st_mtime_ns,
        "role": role,
        "limits": limits_to_json(limits),
    }


def read(path: Path, bound: Mapping[str, Any]) -> dict[str, Any] | None:
    """The facts that were noted for this very binding; None for none."""
    try:
        note = json.loads(note_path(path).read_bytes())
        facts = note["facts"] if note["binding"] == bound else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if isinstance(facts, dict) else None


def write(path: Path, bound: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Notes the facts beside the file; where that is not possible they are found out again."""
    note = note_path(path)
    part = note.with_name(f"{note.name}.tmp")
    try:
        part.write_text(json.dumps({"binding": bound, "facts": facts}, allow_nan=False), "utf-8")
        part.replace(note)
        if not path.exists():  # handed in or removed meanwhile, and its note with it
            note.unlink(missing_ok=True)
    except OSError as error:  # the folder is gone, or the disk is full
        log.info("the facts of %s are not noted: %s", path.name, error)
        with suppress(OSError):
            part.unlink()


def noted_info(path: Path, role: Role, limits: Limits) -> MediaInfo | None:
    """What a probe of the file would find, as it was noted; None for no note that holds."""
    try:
        facts = read(path, binding(path, role, limits)) or {}
        return MediaInfo.from_json({name: facts[name] for name in MediaInfo.__dataclass_fields__})
    except (OSError, KeyError, TypeError, ValueError):
        return None
