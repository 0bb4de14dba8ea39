"""Whether two files are byte for byte the same, whatever they are called."""

from __future__ import annotations

from pathlib import Path

PIECE = 1 << 20
"""Bytes that are compared at one time."""


def same_bytes(first: Path, second: Path) -> bool:
    """Whether both files hold the same bytes; only files of one size are read, and no further
    than the first difference. Raises ``OSError``.
    """
    if first.stat().st_size != second.stat().st_size:
        return False
    if first.samefile(second):
        return True
    with first.open("rb") as one, second.open("rb") as other:
        while piece := one.read(PIECE):
            if piece != other.read(PIECE):
                return False
    return True
