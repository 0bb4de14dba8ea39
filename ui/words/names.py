"""File names that people gave: shown as text, used for a download's name, never as paths."""

from __future__ import annotations

import re
import unicodedata

from pipeline.model import VARIANTS
from pipeline.tasks.record import TaskRecord

_MAX_STEM_LETTERS = 120
_EXTENDED = re.compile(r"(?<=[:@])|(?<=www)(?=\.)|(?<=[-<>~])(?=[-=>])", re.IGNORECASE)
"""Places inside what the page's Markdown extensions replace."""
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


def shown_name(name: str | None, *, longest: int = 60) -> str:
    """A name for the eye: no control, direction or zero-width characters, the middle cut out."""
    text = "".join(
        c for c in (name or "") if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    ).strip()
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def plain(text: str) -> str:
    """Text that Markdown leaves as it is.

    A backslash holds off Markdown's own signs. The page's extensions come after that: they make
    links of bare addresses, emoji and icons of ``:words:``, arrows of ``->``. What they look for
    is parted by a character without width (U+2060).
    """
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])", r"\\\1", _EXTENDED.sub("\u2060", text))


def download_name(task: TaskRecord, kind: str, suffix: str) -> str:
    """What a download is called: the dance's own name and what was done to it."""
    given = task.reference_name if kind == "reference" else task.dance_name
    stem = shown_name(given, longest=_MAX_STEM_LETTERS).rsplit(".", 1)[0]
    stem = _FORBIDDEN.sub("_", stem).strip(". ") or task.id[:8]
    made = next((one.choice for one in task.files if one.kind == kind), None)
    if made is not None:
        limit = f"_{made.at_most_mb:g}MB" if made.at_most_mb else ""
        return f"{stem}{'_every_player' if made.portable else ''}{limit}{suffix}"
    if kind in VARIANTS:
        return f"{stem}_retrack{'' if kind == task.best else '_other'}{suffix}"
    return f"{stem}{suffix}"
